using System.Numerics;

namespace Camels.Kernels.Ops;

public static unsafe partial class Bias
{
    private static void BackwardCpu(DeviceStream stream, Tensor dBiasSum, Tensor dy, Tensor laneBounds, int lanes)
    {
        switch (dy.DType)
        {
            case DType.F32: BackwardCpu<CpuF32>(stream, dBiasSum, dy, laneBounds, lanes); break;
            case DType.BF16: BackwardCpu<CpuBF16>(stream, dBiasSum, dy, laneBounds, lanes); break;
            case DType.F16: BackwardCpu<CpuF16>(stream, dBiasSum, dy, laneBounds, lanes); break;
            default: throw CpuParts.Unsupported(dy);
        }
    }

    private static void BackwardCpu<T>(DeviceStream stream, Tensor dBiasSum, Tensor dy, Tensor laneBounds, int lanes)
        where T : struct, ICpuElements
    {
        BackwardWork<T> work = new()
        {
            DBiasSum = dBiasSum.Pointer<float>(),
            Dy = (void*)dy.Address,
            LaneBounds = laneBounds.Pointer<int>(),
            Lanes = lanes,
            Columns = new CpuColumns(dy.Shape[1]),
            Channels = dy.Shape[1],
        };
        stream.Device.Workers.Run(ref work, work.Columns.Count);
    }

    private struct BackwardWork<T> : ICpuWork
        where T : struct, ICpuElements
    {
        public float* DBiasSum;
        public void* Dy;
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
                        AddRow(sum, count, ((nint)n * Channels) + first);
                    }
                }

                tree.Merge();
            }

            CpuLaneTree.Add(new Span<float>(DBiasSum + first, count), tree.Total);
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
