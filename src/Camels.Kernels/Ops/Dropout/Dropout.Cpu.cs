using System.Numerics;

namespace Camels.Kernels.Ops;

public static unsafe partial class Dropout
{
    private static void ForwardCpu(DeviceStream stream, Tensor y, Tensor x, Tensor keys, ulong seed, uint threshold, float factor)
    {
        switch (x.DType)
        {
            case DType.F32: ForwardCpu<CpuF32>(stream, y, x, keys, seed, threshold, factor); break;
            case DType.BF16: ForwardCpu<CpuBF16>(stream, y, x, keys, seed, threshold, factor); break;
            case DType.F16: ForwardCpu<CpuF16>(stream, y, x, keys, seed, threshold, factor); break;
            default: throw CpuParts.Unsupported(x);
        }
    }

    private static void ForwardCpu<T>(DeviceStream stream, Tensor y, Tensor x, Tensor keys, ulong seed, uint threshold, float factor)
        where T : struct, ICpuElements
    {
        ForwardWork<T> work = new()
        {
            Y = (void*)y.Address,
            X = (void*)x.Address,
            Keys = keys.Pointer<int>(),
            Rows = new CpuParts(x.Shape[0], x.Shape[1]),
            Channels = x.Shape[1],
            Seed = seed,
            Threshold = threshold,
            Factor = factor,
        };
        stream.Device.Workers.Run(ref work, work.Rows.Count);
    }

    private struct ForwardWork<T> : ICpuWork
        where T : struct, ICpuElements
    {
        public void* Y;
        public void* X;
        public int* Keys;
        public CpuParts Rows;
        public int Channels;
        public ulong Seed;
        public uint Threshold;
        public float Factor;

        public readonly void Run(int part, int worker)
        {
            int width = Vector<float>.Count;
            Vector<uint> steps = Vector.AsVectorUInt32(Vector<int>.Indices) * 0x9E3779B1u;
            for (int n = Rows.Start(part); n < Rows.End(part); n++)
            {
                nint row = (nint)n * Channels;
                int c = 0;
                for (; c <= Channels - width; c += width)
                {
                    Vector<uint> bits = new Vector<uint>((uint)Keys[n] + (uint)Seed)
                        ^ (steps + new Vector<uint>(((uint)c * 0x9E3779B1u) + (uint)(Seed >> 32)));
                    bits = (bits ^ (bits >> 16)) * 0x85EBCA6Bu;
                    bits = (bits ^ (bits >> 13)) * 0xC2B2AE35u;
                    bits ^= bits >> 16;
                    Vector<uint> keeps = Vector.GreaterThanOrEqual(bits, new Vector<uint>(Threshold));
                    T.Store(Y, row + c, Vector.AsVectorSingle(keeps & Vector.AsVectorUInt32(T.Load(X, row + c) * Factor)));
                }

                for (; c < Channels; c++)
                {
                    T.StoreOne(Y, row + c, Bits(Keys[n], Seed, c) >= Threshold ? T.LoadOne(X, row + c) * Factor : 0);
                }
            }
        }
    }
}
