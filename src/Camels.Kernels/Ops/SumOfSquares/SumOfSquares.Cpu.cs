using System.Numerics;

namespace Camels.Kernels.Ops;

public static unsafe partial class SumOfSquares
{
    private static void ForwardCpu(DeviceStream stream, Tensor blockSums, Tensor x, int blocks)
    {
        if (x.DType != DType.F32)
        {
            throw CpuParts.Unsupported(x);
        }

        ForwardWork work = new()
        {
            BlockSums = blockSums.Pointer<float>(),
            X = x.Pointer<float>(),
            Elements = x.Elements,
            Blocks = new CpuParts(blocks, BlockElements),
        };
        stream.Device.Workers.Run(ref work, work.Blocks.Count);
    }

    private struct ForwardWork : ICpuWork
    {
        public float* BlockSums;
        public float* X;
        public long Elements;
        public CpuParts Blocks;

        public readonly void Run(int part, int worker)
        {
            for (int block = Blocks.Start(part); block < Blocks.End(part); block++)
            {
                long first = (long)block * BlockElements;
                BlockSums[block] = Sum(X + first, (int)Math.Min(BlockElements, Elements - first));
            }
        }

        private static float Sum(float* x, int count)
        {
            int width = Vector<float>.Count;
            Vector<float> even = Vector<float>.Zero;
            Vector<float> odd = Vector<float>.Zero;
            int i = 0;
            for (; i <= count - (2 * width); i += 2 * width)
            {
                Vector<float> first = CpuF32.Load(x, i);
                Vector<float> second = CpuF32.Load(x, i + width);
                even = Vector.FusedMultiplyAdd(first, first, even);
                odd = Vector.FusedMultiplyAdd(second, second, odd);
            }

            float sum = Vector.Sum(even + odd);
            for (; i < count; i++)
            {
                sum += x[i] * x[i];
            }

            return sum;
        }
    }
}
