using System.Numerics;

namespace Camels.Kernels.Ops;

public static unsafe partial class RmsNorm
{
    private static void ForwardCpu(DeviceStream stream, Tensor y, Tensor rstd, Tensor x, Tensor weight, float eps)
    {
        switch (x.DType)
        {
            case DType.F32: ForwardCpu<CpuF32>(stream, y, rstd, x, weight, eps); break;
            case DType.BF16: ForwardCpu<CpuBF16>(stream, y, rstd, x, weight, eps); break;
            case DType.F16: ForwardCpu<CpuF16>(stream, y, rstd, x, weight, eps); break;
            default: throw CpuParts.Unsupported(x);
        }
    }

    private static void ForwardCpu<T>(DeviceStream stream, Tensor y, Tensor rstd, Tensor x, Tensor weight, float eps)
        where T : struct, ICpuElements
    {
        ForwardWork<T> work = new()
        {
            Y = (void*)y.Address,
            Rstd = rstd.Pointer<float>(),
            X = (void*)x.Address,
            Weight = (void*)weight.Address,
            Rows = new CpuParts(x.Shape[0], x.Shape[1]),
            Channels = x.Shape[1],
            Eps = eps,
        };
        stream.Device.Workers.Run(ref work, work.Rows.Count);
    }

    private static void BackwardCpu(
        DeviceStream stream, Tensor dx, Tensor dWeightSum, Tensor dy, Tensor x, Tensor weight, Tensor rstd, Tensor laneBounds)
    {
        switch (x.DType)
        {
            case DType.F32: BackwardCpu<CpuF32>(stream, dx, dWeightSum, dy, x, weight, rstd, laneBounds); break;
            case DType.BF16: BackwardCpu<CpuBF16>(stream, dx, dWeightSum, dy, x, weight, rstd, laneBounds); break;
            case DType.F16: BackwardCpu<CpuF16>(stream, dx, dWeightSum, dy, x, weight, rstd, laneBounds); break;
            default: throw CpuParts.Unsupported(x);
        }
    }

    private static void BackwardCpu<T>(
        DeviceStream stream, Tensor dx, Tensor dWeightSum, Tensor dy, Tensor x, Tensor weight, Tensor rstd, Tensor laneBounds)
        where T : struct, ICpuElements
    {
        // The weight's gradient first, because dx may be dy.
        WeightWork<T> weightWork = new()
        {
            DWeightSum = dWeightSum.Pointer<float>(),
            Dy = (void*)dy.Address,
            X = (void*)x.Address,
            Rstd = rstd.Pointer<float>(),
            LaneBounds = laneBounds.Pointer<int>(),
            Lanes = laneBounds.Shape[0] - 1,
            Columns = new CpuColumns(x.Shape[1]),
            Channels = x.Shape[1],
        };
        stream.Device.Workers.Run(ref weightWork, weightWork.Columns.Count);

        BackwardWork<T> work = new()
        {
            Dx = (void*)dx.Address,
            Dy = (void*)dy.Address,
            X = (void*)x.Address,
            Weight = (void*)weight.Address,
            Rstd = rstd.Pointer<float>(),
            Rows = new CpuParts(x.Shape[0], x.Shape[1]),
            Channels = x.Shape[1],
        };
        stream.Device.Workers.Run(ref work, work.Rows.Count);
    }

    private struct ForwardWork<T> : ICpuWork
        where T : struct, ICpuElements
    {
        public void* Y;
        public float* Rstd;
        public void* X;
        public void* Weight;
        public CpuParts Rows;
        public int Channels;
        public float Eps;

        public readonly void Run(int part, int worker)
        {
            for (int n = Rows.Start(part); n < Rows.End(part); n++)
            {
                nint row = (nint)n * Channels;
                float r = 1 / MathF.Sqrt((SumOfSquares(row) / Channels) + Eps);
                int width = Vector<float>.Count;
                int c = 0;
                for (; c <= Channels - width; c += width)
                {
                    T.Store(Y, row + c, T.Load(X, row + c) * r * T.Load(Weight, c));
                }

                for (; c < Channels; c++)
                {
                    T.StoreOne(Y, row + c, T.LoadOne(X, row + c) * r * T.LoadOne(Weight, c));
                }

                Rstd[n] = r;
            }
        }

        private readonly float SumOfSquares(nint row)
        {
            int width = Vector<float>.Count;
            Vector<float> squares = Vector<float>.Zero;
            int c = 0;
            for (; c <= Channels - width; c += width)
            {
                Vector<float> v = T.Load(X, row + c);
                squares = Vector.FusedMultiplyAdd(v, v, squares);
            }

            float sum = Vector.Sum(squares);
            for (; c < Channels; c++)
            {
                float v = T.LoadOne(X, row + c);
                sum += v * v;
            }

            return sum;
        }
    }

    private struct BackwardWork<T> : ICpuWork
        where T : struct, ICpuElements
    {
        public void* Dx;
        public void* Dy;
        public void* X;
        public void* Weight;
        public float* Rstd;
        public CpuParts Rows;
        public int Channels;

        public readonly void Run(int part, int worker)
        {
            for (int n = Rows.Start(part); n < Rows.End(part); n++)
            {
                nint row = (nint)n * Channels;
                float r = Rstd[n];

                // dx = r * g - x * scale with g = dy * weight and scale = r^3 * mean(g * x)
                float scale = r * r * r * SumOfProducts(row) / Channels;
                int width = Vector<float>.Count;
                int c = 0;
                for (; c <= Channels - width; c += width)
                {
                    Vector<float> g = T.Load(Dy, row + c) * T.Load(Weight, c);
                    T.Store(Dx, row + c, (g * r) - (T.Load(X, row + c) * scale));
                }

                for (; c < Channels; c++)
                {
                    float g = T.LoadOne(Dy, row + c) * T.LoadOne(Weight, c);
                    T.StoreOne(Dx, row + c, (g * r) - (T.LoadOne(X, row + c) * scale));
                }
            }
        }

        private readonly float SumOfProducts(nint row)
        {
            int width = Vector<float>.Count;
            Vector<float> products = Vector<float>.Zero;
            int c = 0;
            for (; c <= Channels - width; c += width)
            {
                products = Vector.FusedMultiplyAdd(T.Load(Dy, row + c) * T.Load(Weight, c), T.Load(X, row + c), products);
            }

            float sum = Vector.Sum(products);
            for (; c < Channels; c++)
            {
                sum += T.LoadOne(Dy, row + c) * T.LoadOne(Weight, c) * T.LoadOne(X, row + c);
            }

            return sum;
        }
    }

    private struct WeightWork<T> : ICpuWork
        where T : struct, ICpuElements
    {
        public float* DWeightSum;
        public void* Dy;
        public void* X;
        public float* Rstd;
        public int* LaneBounds;
        public int Lanes;
        public CpuColumns Columns;
        public int Channels;

        public readonly void Run(int part, int worker)
        {
            int first = Columns.Start(part);
            int count = Columns.Width(part);
            CpuLaneTree tree = new(stackalloc float[CpuLaneTree.WorkspaceElements(Lanes, count)], count);
            for (int lane = 0; lane < Lanes; lane++)
            {
                Span<float> sums = tree.Next;
                sums.Clear();
                fixed (float* sum = sums)
                {
                    for (int n = LaneBounds[lane]; n < LaneBounds[lane + 1]; n++)
                    {
                        AddRow(sum, count, ((nint)n * Channels) + first, Rstd[n]);
                    }
                }

                tree.Merge();
            }

            CpuLaneTree.Add(new Span<float>(DWeightSum + first, count), tree.Total);
        }

        private readonly void AddRow(float* sums, int count, nint start, float r)
        {
            int width = Vector<float>.Count;
            Vector<float> scale = new(r);
            int c = 0;
            for (; c <= count - width; c += width)
            {
                Vector<float> products = T.Load(Dy, start + c) * T.Load(X, start + c);
                CpuF32.Store(sums, c, Vector.FusedMultiplyAdd(products, scale, CpuF32.Load(sums, c)));
            }

            for (; c < count; c++)
            {
                sums[c] += T.LoadOne(Dy, start + c) * T.LoadOne(X, start + c) * r;
            }
        }
    }
}
