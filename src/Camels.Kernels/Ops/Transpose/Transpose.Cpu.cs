namespace Camels.Kernels.Ops;

public static unsafe partial class Transpose
{
    /// <summary>
    /// Columns of x that one part turns into rows of y: as many as the first cache has ways, because rows of y often lie a power of two
    /// apart, where their lines share a set.
    /// </summary>
    private const int ColumnsPerPart = 8;

    private static void ForwardCpu(DeviceStream stream, Tensor y, Tensor x)
    {
        switch (x.DType)
        {
            case DType.F32: ForwardCpu<uint>(stream, y, x); break;
            case DType.BF16 or DType.F16: ForwardCpu<ushort>(stream, y, x); break;
            default: throw CpuParts.Unsupported(x);
        }
    }

    private static void ForwardCpu<T>(DeviceStream stream, Tensor y, Tensor x)
        where T : unmanaged
    {
        ForwardWork<T> work = new()
        {
            Y = (T*)y.Address,
            X = (T*)x.Address,
            Rows = x.Shape[0],
            Columns = x.Shape[1],
        };
        stream.Device.Workers.Run(ref work, (work.Columns + ColumnsPerPart - 1) / ColumnsPerPart);
    }

    private struct ForwardWork<T> : ICpuWork
        where T : unmanaged
    {
        public T* Y;
        public T* X;
        public int Rows;
        public int Columns;

        public readonly void Run(int part, int worker)
        {
            nint rows = Rows;
            nint columns = Columns;
            nint firstColumn = (nint)part * ColumnsPerPart;
            nint count = Math.Min(ColumnsPerPart, columns - firstColumn);
            for (nint n = 0; n < rows; n++)
            {
                T* from = X + (n * columns) + firstColumn;
                T* to = Y + (firstColumn * rows) + n;
                for (nint c = 0; c < count; c++)
                {
                    *to = from[c];
                    to += rows;
                }
            }
        }
    }
}
