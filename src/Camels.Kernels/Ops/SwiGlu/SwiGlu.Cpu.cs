using System.Numerics;
using System.Runtime.CompilerServices;

namespace Camels.Kernels.Ops;

public static unsafe partial class SwiGlu
{
    private static void ForwardCpu(DeviceStream stream, Tensor hidden, Tensor gated, Tensor raised)
    {
        switch (gated.DType)
        {
            case DType.F32: ForwardCpu<CpuF32>(stream, hidden, gated, raised); break;
            case DType.BF16: ForwardCpu<CpuBF16>(stream, hidden, gated, raised); break;
            case DType.F16: ForwardCpu<CpuF16>(stream, hidden, gated, raised); break;
            default: throw CpuParts.Unsupported(gated);
        }
    }

    private static void ForwardCpu<T>(DeviceStream stream, Tensor hidden, Tensor gated, Tensor raised)
        where T : struct, ICpuElements
    {
        ForwardWork<T> work = new()
        {
            Hidden = (void*)hidden.Address,
            Gated = (void*)gated.Address,
            Raised = (void*)raised.Address,
            Elements = gated.Elements,
        };
        stream.Device.Workers.Run(ref work, CpuParts.OfElements(gated.Elements).Count);
    }

    private static void BackwardCpu(DeviceStream stream, Tensor dGated, Tensor dRaised, Tensor dHidden, Tensor gated, Tensor raised)
    {
        switch (gated.DType)
        {
            case DType.F32: BackwardCpu<CpuF32>(stream, dGated, dRaised, dHidden, gated, raised); break;
            case DType.BF16: BackwardCpu<CpuBF16>(stream, dGated, dRaised, dHidden, gated, raised); break;
            case DType.F16: BackwardCpu<CpuF16>(stream, dGated, dRaised, dHidden, gated, raised); break;
            default: throw CpuParts.Unsupported(gated);
        }
    }

    private static void BackwardCpu<T>(DeviceStream stream, Tensor dGated, Tensor dRaised, Tensor dHidden, Tensor gated, Tensor raised)
        where T : struct, ICpuElements
    {
        BackwardWork<T> work = new()
        {
            DGated = (void*)dGated.Address,
            DRaised = (void*)dRaised.Address,
            DHidden = (void*)dHidden.Address,
            Gated = (void*)gated.Address,
            Raised = (void*)raised.Address,
            Elements = gated.Elements,
        };
        stream.Device.Workers.Run(ref work, CpuParts.OfElements(gated.Elements).Count);
    }

    // sigmoid(x) and sigmoid(−x), through exp(−|x|), which cannot overflow.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector<float> Sigmoid(Vector<float> x, out Vector<float> opposite)
    {
        Vector<float> exp = CpuMath.Exp(-Vector.Abs(x));
        Vector<float> large = Vector<float>.One / (Vector<float>.One + exp);
        Vector<float> small = exp * large;
        Vector<int> negative = Vector.LessThan(x, Vector<float>.Zero);
        opposite = Vector.ConditionalSelect(negative, large, small);
        return Vector.ConditionalSelect(negative, small, large);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static float Sigmoid(float x, out float opposite)
    {
        float exp = CpuMath.Exp(-MathF.Abs(x));
        float large = 1 / (1 + exp);
        float small = exp * large;
        opposite = x < 0 ? large : small;
        return x < 0 ? small : large;
    }

    private struct ForwardWork<T> : ICpuWork
        where T : struct, ICpuElements
    {
        public void* Hidden;
        public void* Gated;
        public void* Raised;
        public long Elements;

        public readonly void Run(int part, int worker)
        {
            int width = Vector<float>.Count;
            nint end = (nint)CpuParts.EndElement(part, Elements);
            nint i = (nint)CpuParts.FirstElement(part);
            for (; i <= end - width; i += width)
            {
                Vector<float> gated = T.Load(Gated, i);
                T.Store(Hidden, i, gated * Sigmoid(gated, out _) * T.Load(Raised, i));
            }

            for (; i < end; i++)
            {
                float gated = T.LoadOne(Gated, i);
                T.StoreOne(Hidden, i, gated * Sigmoid(gated, out _) * T.LoadOne(Raised, i));
            }
        }
    }

    private struct BackwardWork<T> : ICpuWork
        where T : struct, ICpuElements
    {
        public void* DGated;
        public void* DRaised;
        public void* DHidden;
        public void* Gated;
        public void* Raised;
        public long Elements;

        public readonly void Run(int part, int worker)
        {
            int width = Vector<float>.Count;
            nint end = (nint)CpuParts.EndElement(part, Elements);
            nint i = (nint)CpuParts.FirstElement(part);
            for (; i <= end - width; i += width)
            {
                Vector<float> gated = T.Load(Gated, i);
                Vector<float> gradient = T.Load(DHidden, i) * Sigmoid(gated, out Vector<float> opposite);
                T.Store(DGated, i, gradient * T.Load(Raised, i) * Vector.FusedMultiplyAdd(gated, opposite, Vector<float>.One));
                T.Store(DRaised, i, gradient * gated);
            }

            for (; i < end; i++)
            {
                float gated = T.LoadOne(Gated, i);
                float gradient = T.LoadOne(DHidden, i) * Sigmoid(gated, out float opposite);
                T.StoreOne(DGated, i, gradient * T.LoadOne(Raised, i) * MathF.FusedMultiplyAdd(gated, opposite, 1));
                T.StoreOne(DRaised, i, gradient * gated);
            }
        }
    }
}
