using System.Numerics;

namespace Camels.Kernels.Ops;

public static unsafe partial class Rope
{
    private static void RotateCpu(
        DeviceStream stream, Tensor y, Tensor x, Tensor positions, Tensor cosines, Tensor sines, int headWidth, int direction)
    {
        switch (x.DType)
        {
            case DType.F32: RotateCpu<CpuF32>(stream, y, x, positions, cosines, sines, headWidth, direction); break;
            case DType.BF16: RotateCpu<CpuBF16>(stream, y, x, positions, cosines, sines, headWidth, direction); break;
            case DType.F16: RotateCpu<CpuF16>(stream, y, x, positions, cosines, sines, headWidth, direction); break;
            default: throw CpuParts.Unsupported(x);
        }
    }

    private static void RotateCpu<T>(
        DeviceStream stream, Tensor y, Tensor x, Tensor positions, Tensor cosines, Tensor sines, int headWidth, int direction)
        where T : struct, ICpuElements
    {
        RotateWork<T> work = new()
        {
            Y = (void*)y.Address,
            X = (void*)x.Address,
            Positions = positions.Pointer<int>(),
            Cosines = cosines.Pointer<float>(),
            Sines = sines.Pointer<float>(),
            Rows = new CpuParts(x.Shape[0], x.Shape[1]),
            Columns = x.Shape[1],
            Pairs = cosines.Shape[1],
            HeadWidth = headWidth,
            Direction = direction,
        };
        stream.Device.Workers.Run(ref work, work.Rows.Count);
    }

    private struct RotateWork<T> : ICpuWork
        where T : struct, ICpuElements
    {
        public void* Y;
        public void* X;
        public int* Positions;
        public float* Cosines;
        public float* Sines;
        public CpuParts Rows;
        public int Columns;
        public int Pairs;
        public int HeadWidth;
        public float Direction;

        public readonly void Run(int part, int worker)
        {
            for (int n = Rows.Start(part); n < Rows.End(part); n++)
            {
                nint row = (nint)n * Columns;
                float* cosines = Cosines + ((nint)Positions[n] * Pairs);
                float* sines = Sines + ((nint)Positions[n] * Pairs);
                for (int start = 0; start < Columns; start += HeadWidth)
                {
                    RotateHead(row + start, cosines, sines);
                    CopyRest(row + start + (2 * Pairs), HeadWidth - (2 * Pairs));
                }
            }
        }

        private readonly void RotateHead(nint head, float* cosines, float* sines)
        {
            int width = Vector<float>.Count;
            nint other = head + Pairs;
            int i = 0;
            for (; i <= Pairs - width; i += width)
            {
                Vector<float> cos = CpuF32.Load(cosines, i);
                Vector<float> sin = CpuF32.Load(sines, i) * Direction;
                Vector<float> first = T.Load(X, head + i);
                Vector<float> second = T.Load(X, other + i);
                T.Store(Y, head + i, (first * cos) - (second * sin));
                T.Store(Y, other + i, (second * cos) + (first * sin));
            }

            for (; i < Pairs; i++)
            {
                float sin = sines[i] * Direction;
                float first = T.LoadOne(X, head + i);
                float second = T.LoadOne(X, other + i);
                T.StoreOne(Y, head + i, (first * cosines[i]) - (second * sin));
                T.StoreOne(Y, other + i, (second * cosines[i]) + (first * sin));
            }
        }

        private readonly void CopyRest(nint start, int count)
        {
            if (Y == X)
            {
                return;
            }

            for (int i = 0; i < count; i++)
            {
                T.StoreOne(Y, start + i, T.LoadOne(X, start + i));
            }
        }
    }
}
