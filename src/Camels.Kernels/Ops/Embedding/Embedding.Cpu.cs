using System.Numerics;

namespace Camels.Kernels.Ops;

public static unsafe partial class Embedding
{
    private static void ForwardCpu(DeviceStream stream, Tensor y, Tensor ids, Tensor weight)
    {
        ForwardWork work = new()
        {
            Y = (byte*)y.Address,
            Ids = ids.Pointer<int>(),
            Weight = (byte*)weight.Address,
            Rows = new CpuParts(y.Shape[0], y.Shape[1]),
            RowBytes = (long)y.Shape[1] * y.DType.Bytes(),
        };
        stream.Device.Workers.Run(ref work, work.Rows.Count);
    }

    private static void BackwardCpu(
        DeviceStream stream, Tensor dWeightSum, Tensor dy, Tensor ids, Tensor order, Tensor laneBounds, int lanes)
    {
        switch (dy.DType)
        {
            case DType.F32: BackwardCpu<CpuF32>(stream, dWeightSum, dy, ids, order, laneBounds, lanes); break;
            case DType.BF16: BackwardCpu<CpuBF16>(stream, dWeightSum, dy, ids, order, laneBounds, lanes); break;
            case DType.F16: BackwardCpu<CpuF16>(stream, dWeightSum, dy, ids, order, laneBounds, lanes); break;
            default: throw CpuParts.Unsupported(dy);
        }
    }

    private static void BackwardCpu<T>(
        DeviceStream stream, Tensor dWeightSum, Tensor dy, Tensor ids, Tensor order, Tensor laneBounds, int lanes)
        where T : struct, ICpuElements
    {
        BackwardWork<T> work = new()
        {
            DWeightSum = dWeightSum.Pointer<float>(),
            Dy = (void*)dy.Address,
            Ids = ids.Pointer<int>(),
            Order = order.Pointer<int>(),
            LaneBounds = laneBounds.Pointer<int>(),
            Rows = dy.Shape[0],
            Lanes = lanes,
            Columns = new CpuColumns(dy.Shape[1]),
            Channels = dy.Shape[1],
        };
        stream.Device.Workers.Run(ref work, work.Columns.Count);
    }

    private struct ForwardWork : ICpuWork
    {
        public byte* Y;
        public int* Ids;
        public byte* Weight;
        public CpuParts Rows;
        public long RowBytes;

        public readonly void Run(int part, int worker)
        {
            for (int n = Rows.Start(part); n < Rows.End(part); n++)
            {
                Buffer.MemoryCopy(Weight + (Ids[n] * RowBytes), Y + (n * RowBytes), RowBytes, RowBytes);
            }
        }
    }

    private struct BackwardWork<T> : ICpuWork
        where T : struct, ICpuElements
    {
        public float* DWeightSum;
        public void* Dy;
        public int* Ids;
        public int* Order;
        public int* LaneBounds;
        public int Rows;
        public int Lanes;
        public CpuColumns Columns;
        public int Channels;

        public readonly void Run(int part, int worker)
        {
            int first = Columns.Start(part);
            int count = Columns.Width(part);
            Span<float> workspace = stackalloc float[CpuLaneTree.WorkspaceElements(Lanes, count)];
            ReadOnlySpan<int> order = new(Order, Rows);
            for (int start = 0; start < Rows;)
            {
                int id = Ids[order[start]];
                int end = start + 1;
                while (end < Rows && Ids[order[end]] == id)
                {
                    end++;
                }

                SumLanes(workspace, count, first, firstLane: 0, Lanes, order[start..end]);
                CpuLaneTree.Add(new Span<float>(DWeightSum + ((nint)id * Channels) + first, count), workspace[..count]);
                start = end;
            }
        }

        // The tree of CpuLaneTree over the lanes where the id occurs: a lane without it would add exact zeros. positions (at least one) are
        // those of the id in these lanes; the sum is left at the workspace's start.
        private readonly void SumLanes(
            Span<float> workspace, int count, int firstColumn, int firstLane, int lanes, ReadOnlySpan<int> positions)
        {
            if (lanes == 1)
            {
                SumRows(workspace[..count], firstColumn, positions);
                return;
            }

            int half = lanes / 2;
            int middle = firstLane + half;
            int split = 0;
            while (split < positions.Length && positions[split] < LaneBounds[middle])
            {
                split++;
            }

            if (split == 0)
            {
                SumLanes(workspace, count, firstColumn, middle, half, positions);
                return;
            }

            SumLanes(workspace, count, firstColumn, firstLane, half, positions[..split]);
            if (split < positions.Length)
            {
                Span<float> right = workspace[count..];
                SumLanes(right, count, firstColumn, middle, half, positions[split..]);
                CpuLaneTree.Add(workspace[..count], right[..count]);
            }
        }

        private readonly void SumRows(Span<float> sums, int firstColumn, ReadOnlySpan<int> positions)
        {
            sums.Clear();
            fixed (float* sum = sums)
            {
                foreach (int n in positions)
                {
                    AddRow(sum, sums.Length, ((nint)n * Channels) + firstColumn);
                }
            }
        }

        private readonly void AddRow(float* sums, int count, nint start)
        {
            int width = Vector<float>.Count;
            int c = 0;
            for (; c <= count - width; c += width)
            {
                CpuF32.Store(sums, c, CpuF32.Load(sums, c) + T.Load(Dy, start + c));
            }

            for (; c < count; c++)
            {
                sums[c] += T.LoadOne(Dy, start + c);
            }
        }
    }
}
