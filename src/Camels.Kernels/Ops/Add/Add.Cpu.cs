using System.Numerics;

namespace Camels.Kernels.Ops;

public static unsafe partial class Add
{
    private static void ForwardCpu(DeviceStream stream, Tensor y, Tensor x, Tensor residual)
    {
        switch (x.DType)
        {
            case DType.F32: ForwardCpu<CpuF32>(stream, y, x, residual); break;
            case DType.BF16: ForwardCpu<CpuBF16>(stream, y, x, residual); break;
            case DType.F16: ForwardCpu<CpuF16>(stream, y, x, residual); break;
            default: throw CpuParts.Unsupported(x);
        }
    }

    private static void ForwardCpu<T>(DeviceStream stream, Tensor y, Tensor x, Tensor residual)
        where T : struct, ICpuElements
    {
        ForwardWork<T> work = new()
        {
            Y = (void*)y.Address,
            X = (void*)x.Address,
            Residual = (void*)residual.Address,
            Elements = x.Elements,
        };
        stream.Device.Workers.Run(ref work, CpuParts.OfElements(x.Elements).Count);
    }

    private struct ForwardWork<T> : ICpuWork
        where T : struct, ICpuElements
    {
        public void* Y;
        public void* X;
        public void* Residual;
        public long Elements;

        public readonly void Run(int part, int worker)
        {
            int width = Vector<float>.Count;
            nint end = (nint)CpuParts.EndElement(part, Elements);
            nint i = (nint)CpuParts.FirstElement(part);
            for (; i <= end - width; i += width)
            {
                T.Store(Y, i, T.Load(X, i) + T.Load(Residual, i));
            }

            for (; i < end; i++)
            {
                T.StoreOne(Y, i, T.LoadOne(X, i) + T.LoadOne(Residual, i));
            }
        }
    }
}
