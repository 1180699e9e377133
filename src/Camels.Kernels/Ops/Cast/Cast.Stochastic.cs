using System.Numerics;

namespace Camels.Kernels.Ops;

public static unsafe partial class Cast
{
    // The constants of MurmurHash3's last mixing (Appleby).
    private const uint Golden = 0x9E3779B9;
    private const uint MixFirst = 0x85EBCA6B;
    private const uint MixSecond = 0xC2B2AE35;

    /// <summary>
    /// Writes y (BF16) from finite x (F32) of the same shape, each rounded up or down with the probability that keeps its mean: a running
    /// average that moves by less than half a step of bfloat16 stands still when rounded to nearest, and does not so. The random bits
    /// are a function of seed and element.
    /// </summary>
    /// <param name="stream">Where it runs.</param>
    /// <param name="y">BF16.</param>
    /// <param name="x">F32.</param>
    /// <param name="seed">Of the random bits.</param>
    /// <param name="firstElement">The number of the first element, where x is a part of a longer tensor.</param>
    public static void Stochastic(DeviceStream stream, Tensor y, Tensor x, uint seed, long firstElement = 0)
    {
        x.RequireLike(DType.F32, x);
        y.RequireLike(DType.BF16, x);
        uint seedOfFirst = unchecked(seed + ((uint)firstElement * Golden));
        StochasticWork work = new() { Y = (ushort*)y.Address, X = (uint*)x.Address, Elements = x.Elements, Seed = seedOfFirst };

        switch (stream.Device.Kind)
        {
            case DeviceKind.Reference or DeviceKind.Plain: work.RunPlain(first: 0, work.Elements); break;
            case DeviceKind.Cpu: stream.Device.Workers.Run(ref work, CpuParts.OfElements(work.Elements).Count); break;
            case DeviceKind.Planning: break;
            default: StochasticCuda(stream, y, x, seedOfFirst); break;
        }
    }

    private struct StochasticWork : ICpuWork
    {
        public ushort* Y;
        public uint* X;
        public long Elements;
        public uint Seed;

        public readonly void Run(int part, int worker)
        {
            long end = CpuParts.EndElement(part, Elements);
            long i = CpuParts.FirstElement(part);
            uint* rounded = stackalloc uint[Vector<uint>.Count];
            Vector<uint> lanes = Vector<uint>.Indices * Golden;
            for (; i <= end - Vector<uint>.Count; i += Vector<uint>.Count)
            {
                Vector<uint> bits = new Vector<uint>(unchecked(Seed + ((uint)i * Golden))) + lanes;
                bits = (bits ^ (bits >>> 16)) * MixFirst;
                bits = (bits ^ (bits >>> 13)) * MixSecond;
                bits = (bits ^ (bits >>> 16)) & new Vector<uint>(0xFFFF);
                *(Vector<uint>*)rounded = *(Vector<uint>*)(X + i) + bits;
                for (int lane = 0; lane < Vector<uint>.Count; lane++)
                {
                    Y[i + lane] = (ushort)(rounded[lane] >> 16);
                }
            }

            RunPlain(i, end);
        }

        // A random number below one step is added, what is below a step then cut off.
        public readonly void RunPlain(long first, long end)
        {
            for (long i = first; i < end; i++)
            {
                uint bits = unchecked(Seed + ((uint)i * Golden));
                bits = unchecked((bits ^ (bits >> 16)) * MixFirst);
                bits = unchecked((bits ^ (bits >> 13)) * MixSecond);
                Y[i] = (ushort)((X[i] + ((bits ^ (bits >> 16)) & 0xFFFF)) >> 16);
            }
        }
    }
}
