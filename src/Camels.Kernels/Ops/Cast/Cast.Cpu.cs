using System.Numerics;

namespace Camels.Kernels.Ops;

public static unsafe partial class Cast
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

    private static void ForwardCpu<TFrom>(DeviceStream stream, Tensor y, Tensor x)
        where TFrom : struct, ICpuElements
    {
        switch (y.DType)
        {
            case DType.F32: ForwardCpu<CpuF32, TFrom>(stream, y, x); break;
            case DType.BF16: ForwardCpu<CpuBF16, TFrom>(stream, y, x); break;
            case DType.F16: ForwardCpu<CpuF16, TFrom>(stream, y, x); break;
            default: throw CpuParts.Unsupported(y);
        }
    }

    private static void ForwardCpu<TTo, TFrom>(DeviceStream stream, Tensor y, Tensor x)
        where TTo : struct, ICpuElements
        where TFrom : struct, ICpuElements
    {
        ForwardWork<TTo, TFrom> work = new()
        {
            Y = (void*)y.Address,
            X = (void*)x.Address,
            Elements = x.Elements,
        };
        stream.Device.Workers.Run(ref work, CpuParts.OfElements(x.Elements).Count);
    }

    private struct ForwardWork<TTo, TFrom> : ICpuWork
        where TTo : struct, ICpuElements
        where TFrom : struct, ICpuElements
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
                TTo.Store(Y, i, TFrom.Load(X, i));
            }

            for (; i < end; i++)
            {
                TTo.StoreOne(Y, i, TFrom.LoadOne(X, i));
            }
        }
    }
}
