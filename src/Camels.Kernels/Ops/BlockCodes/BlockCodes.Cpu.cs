using System.Numerics;

namespace Camels.Kernels.Ops;

public static unsafe partial class BlockCodes
{
    private static void EncodeCpu(DeviceStream stream, Tensor codes, Tensor scales, Tensor x, DynamicCodes table)
    {
        EncodeWork work = new() { Blocks = BlocksOf(codes, scales, x, table) };
        stream.Device.Workers.Run(ref work, work.Blocks.Parts.Count);
    }

    private static void DecodeCpu(DeviceStream stream, Tensor x, Tensor codes, Tensor scales, DynamicCodes table)
    {
        DecodeWork work = new() { Blocks = BlocksOf(codes, scales, x, table) };
        stream.Device.Workers.Run(ref work, work.Blocks.Parts.Count);
    }

    private static BlockSpace BlocksOf(Tensor codes, Tensor scales, Tensor x, DynamicCodes table) => x.DType != DType.F32
        ? throw CpuParts.Unsupported(x)
        : new BlockSpace
        {
            Codes = codes.Pointer<byte>(),
            Scales = scales.Pointer<float>(),
            X = x.Pointer<float>(),
            Elements = x.Elements,
            Table = table,
            Parts = new CpuParts(Blocks(x.Elements), BlockElements),
        };

    private struct BlockSpace
    {
        public byte* Codes;
        public float* Scales;
        public float* X;
        public long Elements;
        public DynamicCodes Table;
        public CpuParts Parts;

        public readonly (long First, int Count) Range(int block) =>
            ((long)block * BlockElements, (int)Math.Min(BlockElements, Elements - ((long)block * BlockElements)));
    }

    private struct EncodeWork : ICpuWork
    {
        public BlockSpace Blocks;

        public readonly void Run(int part, int worker)
        {
            for (int block = Blocks.Parts.Start(part); block < Blocks.Parts.End(part); block++)
            {
                (long first, int count) = Blocks.Range(block);
                float* x = Blocks.X + first;
                byte* codes = Blocks.Codes + first;
                float largest = Largest(x, count);
                Blocks.Scales[block] = largest;
                if (largest == 0)
                {
                    new Span<byte>(codes, count).Fill((byte)Blocks.Table.NearestSingle(0));
                    continue;
                }

                for (int i = 0; i < count; i++)
                {
                    codes[i] = (byte)Blocks.Table.NearestSingle(x[i] / largest);
                }
            }
        }

        private static float Largest(float* x, int count)
        {
            Vector<float> largest = Vector<float>.Zero;
            int i = 0;
            for (; i <= count - Vector<float>.Count; i += Vector<float>.Count)
            {
                largest = Vector.Max(largest, Vector.Abs(CpuF32.Load(x, i)));
            }

            float result = 0;
            for (int lane = 0; lane < Vector<float>.Count; lane++)
            {
                result = Math.Max(result, largest[lane]);
            }

            for (; i < count; i++)
            {
                result = Math.Max(result, Math.Abs(x[i]));
            }

            return result;
        }
    }

    private struct DecodeWork : ICpuWork
    {
        public BlockSpace Blocks;

        public readonly void Run(int part, int worker)
        {
            float[] values = Blocks.Table.Values;
            for (int block = Blocks.Parts.Start(part); block < Blocks.Parts.End(part); block++)
            {
                (long first, int count) = Blocks.Range(block);
                float scale = Blocks.Scales[block];
                for (int i = 0; i < count; i++)
                {
                    Blocks.X[first + i] = values[Blocks.Codes[first + i]] * scale;
                }
            }
        }
    }
}
