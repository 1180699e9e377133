namespace Camels.Kernels.Ops;

public static unsafe partial class Transpose
{
    /// <summary>Rows of y that one part writes, and the side of a tile: 16 singles are one cache line of x.</summary>
    private const int TileSide = 16;

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
        stream.Device.Workers.Run(ref work, (work.Columns + TileSide - 1) / TileSide);
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
            int firstColumn = part * TileSide;
            int endColumn = Math.Min(Columns, firstColumn + TileSide);
            for (int firstRow = 0; firstRow < Rows; firstRow += TileSide)
            {
                int endRow = Math.Min(Rows, firstRow + TileSide);
                for (int c = firstColumn; c < endColumn; c++)
                {
                    for (int n = firstRow; n < endRow; n++)
                    {
                        Y[((nint)c * Rows) + n] = X[((nint)n * Columns) + c];
                    }
                }
            }
        }
    }
}
