using System.Numerics;

namespace Camels.Kernels.Ops;

public static unsafe partial class Gelu
{
    private static void ForwardCpu(DeviceStream stream, Tensor y, Tensor x)
    {
        switch (x.DType)
        {
            case DType.F32: ForwardCpu<CpuF32>(stream, y, x); break;
            case DType.BF16: ForwardCpu<CpuBF16>(stream, y, x); break;
            case DType.F16: ForwardCpu<CpuF16>(stream, y, x); break;
            default: throw CpuParts.Unsupported(x);
        }
    }

    private static void ForwardCpu<T>(DeviceStream stream, Tensor y, Tensor x)
        where T : struct, ICpuElements
    {
        ForwardWork<T> work = new()
        {
            Y = (void*)y.Address,
            X = (void*)x.Address,
            Elements = x.Elements,
        };
        stream.Device.Workers.Run(ref work, CpuParts.OfElements(x.Elements).Count);
    }

    private static void BackwardCpu(DeviceStream stream, Tensor dx, Tensor dy, Tensor x)
    {
        switch (x.DType)
        {
            case DType.F32: BackwardCpu<CpuF32>(stream, dx, dy, x); break;
            case DType.BF16: BackwardCpu<CpuBF16>(stream, dx, dy, x); break;
            case DType.F16: BackwardCpu<CpuF16>(stream, dx, dy, x); break;
            default: throw CpuParts.Unsupported(x);
        }
    }

    private static void BackwardCpu<T>(DeviceStream stream, Tensor dx, Tensor dy, Tensor x)
        where T : struct, ICpuElements
    {
        BackwardWork<T> work = new()
        {
            Dx = (void*)dx.Address,
            Dy = (void*)dy.Address,
            X = (void*)x.Address,
            Elements = x.Elements,
        };
        stream.Device.Workers.Run(ref work, CpuParts.OfElements(x.Elements).Count);
    }

    private struct ForwardWork<T> : ICpuWork
        where T : struct, ICpuElements
    {
        public void* Y;
        public void* X;
        public long Elements;

        public readonly void Run(int part, int worker)
        {
            int width = Vector<float>.Count;
            nint end = (nint)CpuParts.EndElement(part, Elements);
            nint i = (nint)CpuParts.FirstElement(part);
            for (; i <= end - width; i += width)
            {
                Vector<float> x = T.Load(X, i);
                T.Store(Y, i, x * NormalDistribution.Of(x, out _));
            }

            for (; i < end; i++)
            {
                float x = T.LoadOne(X, i);
                T.StoreOne(Y, i, x * NormalDistribution.Of(x, out _));
            }
        }
    }

    private struct BackwardWork<T> : ICpuWork
        where T : struct, ICpuElements
    {
        public void* Dx;
        public void* Dy;
        public void* X;
        public long Elements;

        public readonly void Run(int part, int worker)
        {
            int width = Vector<float>.Count;
            nint end = (nint)CpuParts.EndElement(part, Elements);
            nint i = (nint)CpuParts.FirstElement(part);
            for (; i <= end - width; i += width)
            {
                Vector<float> x = T.Load(X, i);
                Vector<float> distribution = NormalDistribution.Of(x, out Vector<float> density);
                T.Store(Dx, i, T.Load(Dy, i) * Vector.FusedMultiplyAdd(x, density, distribution));
            }

            for (; i < end; i++)
            {
                float x = T.LoadOne(X, i);
                float distribution = NormalDistribution.Of(x, out float density);
                T.StoreOne(Dx, i, T.LoadOne(Dy, i) * MathF.FusedMultiplyAdd(x, density, distribution));
            }
        }
    }
}
