using System.Numerics;

namespace Camels.Kernels.Ops;

public static unsafe partial class LayerNorm
{
    private static void BackwardCpu(
        DeviceStream stream, Tensor dx, Tensor dWeightSum, Tensor dBiasSum, Tensor dy, Tensor x, Tensor weight, Tensor mean, Tensor rstd,
        Tensor laneBounds, int lanes)
    {
        // The weights' gradients first, because dx may be dy.
        switch (x.DType)
        {
            case DType.F32:
                SumWeightsCpu<CpuF32>(stream, dWeightSum, dBiasSum, dy, x, mean, rstd, laneBounds, lanes);
                InputGradientCpu<CpuF32>(stream, dx, dy, x, weight, mean, rstd);
                break;
            case DType.BF16:
                SumWeightsCpu<CpuBF16>(stream, dWeightSum, dBiasSum, dy, x, mean, rstd, laneBounds, lanes);
                InputGradientCpu<CpuBF16>(stream, dx, dy, x, weight, mean, rstd);
                break;
            case DType.F16:
                SumWeightsCpu<CpuF16>(stream, dWeightSum, dBiasSum, dy, x, mean, rstd, laneBounds, lanes);
                InputGradientCpu<CpuF16>(stream, dx, dy, x, weight, mean, rstd);
                break;
            default:
                throw CpuParts.Unsupported(x);
        }
    }

    private static void SumWeightsCpu<T>(
        DeviceStream stream, Tensor dWeightSum, Tensor dBiasSum, Tensor dy, Tensor x, Tensor mean, Tensor rstd, Tensor laneBounds, int lanes)
        where T : struct, ICpuElements
    {
        WeightWork<T> work = new()
        {
            DWeightSum = dWeightSum.Pointer<float>(),
            DBiasSum = dBiasSum.Pointer<float>(),
            Dy = (void*)dy.Address,
            X = (void*)x.Address,
            Mean = mean.Pointer<float>(),
            Rstd = rstd.Pointer<float>(),
            LaneBounds = laneBounds.Pointer<int>(),
            Lanes = lanes,
            Columns = new CpuColumns(x.Shape[1]),
            Channels = x.Shape[1],
        };
        stream.Device.Workers.Run(ref work, work.Columns.Count);
    }

    private static void InputGradientCpu<T>(
        DeviceStream stream, Tensor dx, Tensor dy, Tensor x, Tensor weight, Tensor mean, Tensor rstd)
        where T : struct, ICpuElements
    {
        InputWork<T> work = new()
        {
            Dx = (void*)dx.Address,
            Dy = (void*)dy.Address,
            X = (void*)x.Address,
            Weight = (void*)weight.Address,
            Mean = mean.Pointer<float>(),
            Rstd = rstd.Pointer<float>(),
            Rows = new CpuParts(x.Shape[0], x.Shape[1]),
            Channels = x.Shape[1],
        };
        stream.Device.Workers.Run(ref work, work.Rows.Count);
    }

    private struct WeightWork<T> : ICpuWork
        where T : struct, ICpuElements
    {
        public float* DWeightSum;
        public float* DBiasSum;
        public void* Dy;
        public void* X;
        public float* Mean;
        public float* Rstd;
        public int* LaneBounds;
        public int Lanes;
        public CpuColumns Columns;
        public int Channels;

        // One vector of 2 * count elements for each lane: the weight's sums, then the bias's.
        public readonly void Run(int part, int worker)
        {
            int first = Columns.Start(part);
            int count = Columns.Width(part);
            CpuLaneTree tree = new(stackalloc float[CpuLaneTree.WorkspaceElements(Lanes, 2 * count)], 2 * count);
            for (int lane = 0; lane < Lanes; lane++)
            {
                Span<float> sums = tree.Next;
                sums.Clear();
                fixed (float* sum = sums)
                {
                    for (int n = LaneBounds[lane]; n < LaneBounds[lane + 1]; n++)
                    {
                        AddRow(sum, sum + count, count, ((nint)n * Channels) + first, Mean[n], Rstd[n]);
                    }
                }

                tree.Merge();
            }

            CpuLaneTree.Add(new Span<float>(DWeightSum + first, count), tree.Total[..count]);
            CpuLaneTree.Add(new Span<float>(DBiasSum + first, count), tree.Total[count..]);
        }

        private readonly void AddRow(float* weightSums, float* biasSums, int count, nint start, float mean, float r)
        {
            int width = Vector<float>.Count;
            Vector<float> shift = new(mean);
            Vector<float> scale = new(r);
            int c = 0;
            for (; c <= count - width; c += width)
            {
                Vector<float> dy = T.Load(Dy, start + c);
                Vector<float> products = dy * (T.Load(X, start + c) - shift);
                CpuF32.Store(weightSums, c, Vector.FusedMultiplyAdd(products, scale, CpuF32.Load(weightSums, c)));
                CpuF32.Store(biasSums, c, CpuF32.Load(biasSums, c) + dy);
            }

            for (; c < count; c++)
            {
                float dy = T.LoadOne(Dy, start + c);
                weightSums[c] += dy * (T.LoadOne(X, start + c) - mean) * r;
                biasSums[c] += dy;
            }
        }
    }

    private struct InputWork<T> : ICpuWork
        where T : struct, ICpuElements
    {
        public void* Dx;
        public void* Dy;
        public void* X;
        public void* Weight;
        public float* Mean;
        public float* Rstd;
        public CpuParts Rows;
        public int Channels;

        public readonly void Run(int part, int worker)
        {
            for (int n = Rows.Start(part); n < Rows.End(part); n++)
            {
                nint row = (nint)n * Channels;
                float mean = Mean[n];
                float r = Rstd[n];
                (float sumG, float sumGx) = Sums(row, mean);

                // dx = r * (g − shift) − (x − mean) * scale with g = dy * weight, shift = mean(g), scale = r³ * mean(g * (x − mean))
                Vector<float> shift = new(sumG / Channels);
                Vector<float> scale = new(r * r * r * sumGx / Channels);
                int width = Vector<float>.Count;
                int c = 0;
                for (; c <= Channels - width; c += width)
                {
                    Vector<float> g = T.Load(Dy, row + c) * T.Load(Weight, c);
                    T.Store(Dx, row + c, ((g - shift) * r) - ((T.Load(X, row + c) - new Vector<float>(mean)) * scale));
                }

                for (; c < Channels; c++)
                {
                    float g = T.LoadOne(Dy, row + c) * T.LoadOne(Weight, c);
                    T.StoreOne(Dx, row + c, ((g - shift[0]) * r) - ((T.LoadOne(X, row + c) - mean) * scale[0]));
                }
            }
        }

        // The sums of g and of g * (x − mean).
        private readonly (float G, float Gx) Sums(nint row, float mean)
        {
            int width = Vector<float>.Count;
            Vector<float> shift = new(mean);
            Vector<float> gLanes = Vector<float>.Zero;
            Vector<float> gxLanes = Vector<float>.Zero;
            int c = 0;
            for (; c <= Channels - width; c += width)
            {
                Vector<float> g = T.Load(Dy, row + c) * T.Load(Weight, c);
                gLanes += g;
                gxLanes = Vector.FusedMultiplyAdd(g, T.Load(X, row + c) - shift, gxLanes);
            }

            float sumG = Vector.Sum(gLanes);
            float sumGx = Vector.Sum(gxLanes);
            for (; c < Channels; c++)
            {
                float g = T.LoadOne(Dy, row + c) * T.LoadOne(Weight, c);
                sumG += g;
                sumGx += g * (T.LoadOne(X, row + c) - mean);
            }

            return (sumG, sumGx);
        }
    }
}
