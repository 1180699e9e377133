using System.Numerics;

namespace Camels.Kernels;

/// <summary>A function of one number and its derivative, for vectors and for what is left of a row: both give the same bits.</summary>
internal interface ICpuFunction
{
    static abstract Vector<float> Of(Vector<float> x);

    static abstract float Of(float x);

    /// <summary>dy times the derivative at x.</summary>
    static abstract Vector<float> Backward(Vector<float> dy, Vector<float> x);

    /// <inheritdoc cref="Backward(Vector{float}, Vector{float})"/>
    static abstract float Backward(float dy, float x);
}

/// <summary>Runs a function over all elements of tensors, on all threads.</summary>
internal static unsafe class CpuActivation<TFunction>
    where TFunction : struct, ICpuFunction
{
    /// <summary>y from x of the same shape and type; y may be x.</summary>
    public static void Forward(DeviceStream stream, Tensor y, Tensor x)
    {
        switch (x.DType)
        {
            case DType.F32: Forward<CpuF32>(stream, y, x); break;
            case DType.BF16: Forward<CpuBF16>(stream, y, x); break;
            case DType.F16: Forward<CpuF16>(stream, y, x); break;
            default: throw CpuParts.Unsupported(x);
        }
    }

    /// <summary>dx from dy and x of the same shape and type; dx may be dy.</summary>
    public static void Backward(DeviceStream stream, Tensor dx, Tensor dy, Tensor x)
    {
        switch (x.DType)
        {
            case DType.F32: Backward<CpuF32>(stream, dx, dy, x); break;
            case DType.BF16: Backward<CpuBF16>(stream, dx, dy, x); break;
            case DType.F16: Backward<CpuF16>(stream, dx, dy, x); break;
            default: throw CpuParts.Unsupported(x);
        }
    }

    private static void Forward<T>(DeviceStream stream, Tensor y, Tensor x)
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

    private static void Backward<T>(DeviceStream stream, Tensor dx, Tensor dy, Tensor x)
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
                T.Store(Y, i, TFunction.Of(T.Load(X, i)));
            }

            for (; i < end; i++)
            {
                T.StoreOne(Y, i, TFunction.Of(T.LoadOne(X, i)));
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
                T.Store(Dx, i, TFunction.Backward(T.Load(Dy, i), T.Load(X, i)));
            }

            for (; i < end; i++)
            {
                T.StoreOne(Dx, i, TFunction.Backward(T.LoadOne(Dy, i), T.LoadOne(X, i)));
            }
        }
    }
}
