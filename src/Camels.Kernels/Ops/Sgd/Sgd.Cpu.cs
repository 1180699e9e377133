using System.Numerics;

namespace Camels.Kernels.Ops;

public static unsafe partial class Sgd
{
    private static void UpdateCpu(DeviceStream stream, Tensor weight, Tensor master, Tensor gradient, in SgdSettings settings)
    {
        switch (weight.DType)
        {
            case DType.F32: UpdateCpu<CpuF32>(stream, weight, master, gradient, settings); break;
            case DType.BF16: UpdateCpu<CpuBF16>(stream, weight, master, gradient, settings); break;
            case DType.F16: UpdateCpu<CpuF16>(stream, weight, master, gradient, settings); break;
            default: throw CpuParts.Unsupported(weight);
        }
    }

    private static void UpdateCpu<T>(DeviceStream stream, Tensor weight, Tensor master, Tensor gradient, in SgdSettings settings)
        where T : struct, ICpuElements
    {
        UpdateWork<T> work = new()
        {
            Weight = (void*)weight.Address,
            Master = master.Pointer<float>(),
            Gradient = gradient.Pointer<float>(),
            Elements = weight.Elements,
            Scale = (float)settings.GradientScale,
            Limit = (float)settings.GradientLimit,
            Keep = (float)(1 - (settings.LearningRate * settings.WeightDecay)),
            Rate = (float)settings.LearningRate,
        };
        stream.Device.Workers.Run(ref work, CpuParts.OfElements(work.Elements).Count);
    }

    private struct UpdateWork<T> : ICpuWork
        where T : struct, ICpuElements
    {
        public void* Weight;
        public float* Master;
        public float* Gradient;
        public long Elements;
        public float Scale;
        public float Limit;
        public float Keep;
        public float Rate;

        public readonly void Run(int part, int worker)
        {
            nint end = (nint)CpuParts.EndElement(part, Elements);
            nint i = (nint)CpuParts.FirstElement(part);
            Vector<float> limit = new(Limit);
            for (; i <= end - Vector<float>.Count; i += Vector<float>.Count)
            {
                Vector<float> g = Vector.Min(Vector.Max(CpuF32.Load(Gradient, i) * Scale, -limit), limit);
                Vector<float> w = (CpuF32.Load(Master, i) * Keep) - (g * Rate);
                CpuF32.Store(Master, i, w);
                T.Store(Weight, i, w);
                CpuF32.Store(Gradient, i, Vector<float>.Zero);
            }

            for (; i < end; i++)
            {
                float g = Math.Min(Math.Max(Gradient[i] * Scale, -Limit), Limit);
                float w = (Master[i] * Keep) - (g * Rate);
                Master[i] = w;
                T.StoreOne(Weight, i, w);
                Gradient[i] = 0;
            }
        }
    }
}
