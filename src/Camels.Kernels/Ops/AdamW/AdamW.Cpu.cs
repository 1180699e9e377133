using System.Numerics;

namespace Camels.Kernels.Ops;

public static unsafe partial class AdamW
{
    private static void UpdateCpu(
        DeviceStream stream, Tensor weight, Tensor master, Tensor firstMoment, Tensor secondMoment, Tensor gradient, in AdamWSettings settings)
    {
        switch (weight.DType)
        {
            case DType.F32: UpdateCpu<CpuF32>(stream, weight, master, firstMoment, secondMoment, gradient, settings); break;
            case DType.BF16: UpdateCpu<CpuBF16>(stream, weight, master, firstMoment, secondMoment, gradient, settings); break;
            case DType.F16: UpdateCpu<CpuF16>(stream, weight, master, firstMoment, secondMoment, gradient, settings); break;
            default: throw CpuParts.Unsupported(weight);
        }
    }

    private static void UpdateCpu<T>(
        DeviceStream stream, Tensor weight, Tensor master, Tensor firstMoment, Tensor secondMoment, Tensor gradient, in AdamWSettings settings)
        where T : struct, ICpuElements
    {
        UpdateWork<T> work = new()
        {
            Weight = (void*)weight.Address,
            Master = master.Pointer<float>(),
            FirstMoment = firstMoment.Pointer<float>(),
            SecondMoment = secondMoment.Pointer<float>(),
            Gradient = gradient.Pointer<float>(),
            Elements = weight.Elements,
            A = new AdamWConstants(settings),
        };
        stream.Device.Workers.Run(ref work, CpuParts.OfElements(work.Elements).Count);
    }

    private struct UpdateWork<T> : ICpuWork
        where T : struct, ICpuElements
    {
        public void* Weight;
        public float* Master;
        public float* FirstMoment;
        public float* SecondMoment;
        public float* Gradient;
        public long Elements;
        public AdamWConstants A;

        public readonly void Run(int part, int worker)
        {
            AdamWConstants a = A;
            int width = Vector<float>.Count;
            nint end = (nint)CpuParts.EndElement(part, Elements);
            nint i = (nint)CpuParts.FirstElement(part);
            for (; i <= end - width; i += width)
            {
                Vector<float> g = CpuF32.Load(Gradient, i) * a.Scale;
                Vector<float> m = Vector.FusedMultiplyAdd(g, new Vector<float>(a.Rest1), CpuF32.Load(FirstMoment, i) * a.Beta1);
                Vector<float> v = (CpuF32.Load(SecondMoment, i) * a.Beta2) + (g * a.Rest2 * g);
                Vector<float> w = (CpuF32.Load(Master, i) * a.Keep)
                    - (m * a.Rate / ((Vector.SquareRoot(v) / a.Root) + new Vector<float>(a.Epsilon)));
                CpuF32.Store(FirstMoment, i, m);
                CpuF32.Store(SecondMoment, i, v);
                CpuF32.Store(Master, i, w);
                T.Store(Weight, i, w);
                CpuF32.Store(Gradient, i, Vector<float>.Zero);
            }

            for (; i < end; i++)
            {
                float g = Gradient[i] * a.Scale;
                float m = MathF.FusedMultiplyAdd(g, a.Rest1, FirstMoment[i] * a.Beta1);
                float v = (SecondMoment[i] * a.Beta2) + (g * a.Rest2 * g);
                float w = (Master[i] * a.Keep) - (m * a.Rate / ((MathF.Sqrt(v) / a.Root) + a.Epsilon));
                FirstMoment[i] = m;
                SecondMoment[i] = v;
                Master[i] = w;
                T.StoreOne(Weight, i, w);
                Gradient[i] = 0;
            }
        }
    }
}
