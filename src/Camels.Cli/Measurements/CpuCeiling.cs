using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using Camels.Kernels;

namespace Camels.Cli.Measurements;

/// <summary>
/// What this machine's cores can do at most: the ceilings that measured kernels are compared with. A virtual machine's clock moves by a
/// factor of two within seconds, so kernels are compared with bursts taken between their runs.
/// </summary>
internal static class CpuCeiling
{
    private const int Rounds = 5;
    private const int FmaIterations = 50_000;       // some hundred microseconds
    private const int PartsPerThread = 8;           // several, so that a thread that wakes late costs little
    private const int Accumulators = 12;
    private const int CopyBytesPerThread = 64 << 20;

    /// <summary>
    /// One burst of single-precision multiply-adds in registers, twelve independent sums a core (latency times ports, with room), 2
    /// operations each, in FLOP/s. The better of two, because the first may find threads asleep.
    /// </summary>
    public static double FmaFlopsPerSecond(CpuWorkers workers) => Math.Max(FmaBurst(workers), FmaBurst(workers));

    /// <summary>Reading memory that is in no cache, allocated as weights are, in bytes/s: the better of two rounds.</summary>
    public static unsafe double ReadBytesPerSecond(Device device)
    {
        using DeviceMemory source = DeviceMemory.AllocateUninitialised(device, (long)CopyBytesPerThread * device.Workers.Count);
        NativeMemory.Fill((void*)source.Address, (nuint)source.Bytes, 1);       // pages that were never written are all the same page of zeros
        ReadWork work = new() { Source = (byte*)source.Address };
        double best = double.PositiveInfinity;
        for (int round = 0; round < 2; round++)
        {
            long began = Stopwatch.GetTimestamp();
            device.Workers.Run(ref work, PartsPerThread * device.Workers.Count);
            best = Math.Min(best, Stopwatch.GetElapsedTime(began).TotalSeconds);
        }

        return source.Bytes / best;
    }

    /// <summary>Copying memory that is in no cache: bytes read plus bytes written a second, the best of five rounds.</summary>
    public static unsafe double CopyBytesPerSecond(CpuWorkers workers)
    {
        nuint bytes = CopyBytesPerThread * (nuint)workers.Count;
        CopyWork work = new() { Source = (byte*)NativeMemory.AllocZeroed(bytes), Target = (byte*)NativeMemory.AllocZeroed(bytes) };
        try
        {
            double best = double.PositiveInfinity;
            for (int round = 0; round <= Rounds; round++)
            {
                long began = Stopwatch.GetTimestamp();
                workers.Run(ref work, workers.Count);

                // The first round faults pages in.
                best = round == 0 ? best : Math.Min(best, Stopwatch.GetElapsedTime(began).TotalSeconds);
            }

            return 2.0 * bytes / best;
        }
        finally
        {
            NativeMemory.Free(work.Source);
            NativeMemory.Free(work.Target);
        }
    }

    private static double FmaBurst(CpuWorkers workers)
    {
        FmaWork work = default;
        int parts = PartsPerThread * workers.Count;
        long began = Stopwatch.GetTimestamp();
        workers.Run(ref work, parts);
        return 2.0 * FmaWork.Width * Accumulators * FmaIterations * parts / Stopwatch.GetElapsedTime(began).TotalSeconds;
    }

    private unsafe struct CopyWork : ICpuWork
    {
        public byte* Source;
        public byte* Target;

        public readonly void Run(int part, int worker)
        {
            nint offset = (nint)part * CopyBytesPerThread;
            Buffer.MemoryCopy(Source + offset, Target + offset, CopyBytesPerThread, CopyBytesPerThread);
        }
    }

    private unsafe struct ReadWork : ICpuWork
    {
        private const int Bytes = CopyBytesPerThread / PartsPerThread;

        public byte* Source;

        public readonly void Run(int part, int worker)
        {
            byte* source = Source + ((nint)part * Bytes);
            Vector512<byte> a = default, b = default, c = default, d = default;
            for (int i = 0; i < Bytes; i += 4 * Vector512<byte>.Count)
            {
                a |= Vector512.Load(source + i);
                b |= Vector512.Load(source + i + 64);
                c |= Vector512.Load(source + i + 128);
                d |= Vector512.Load(source + i + 192);
            }

            Sink((a | b | c | d).ToScalar());
        }
    }

    private struct FmaWork : ICpuWork
    {
        public static int Width => Avx512F.IsSupported ? 16 : Fma.IsSupported ? 8 : 4;

        public readonly void Run(int part, int worker) => Sink(Width switch
        {
            16 => MultiplyAdds<Vector512<float>, Width16>(),
            8 => MultiplyAdds<Vector256<float>, Width8>(),
            _ => MultiplyAdds<Vector128<float>, Width4>(),
        });
    }

    // Keeps the compiler from dropping the sums.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Sink(float value) => _ = value;

    [MethodImpl(MethodImplOptions.NoInlining | MethodImplOptions.AggressiveOptimization)]
    private static float MultiplyAdds<TVector, TWidth>()
        where TVector : struct
        where TWidth : IWidth<TVector>
    {
        TVector x = TWidth.Create(0.999f), y = TWidth.Create(0.001f);
        TVector a = x, b = x, c = x, d = x, e = x, f = x, g = x, h = x, i = x, j = x, k = x, l = x;
        for (int n = 0; n < FmaIterations; n++)
        {
            a = TWidth.MultiplyAdd(a, x, y);
            b = TWidth.MultiplyAdd(b, x, y);
            c = TWidth.MultiplyAdd(c, x, y);
            d = TWidth.MultiplyAdd(d, x, y);
            e = TWidth.MultiplyAdd(e, x, y);
            f = TWidth.MultiplyAdd(f, x, y);
            g = TWidth.MultiplyAdd(g, x, y);
            h = TWidth.MultiplyAdd(h, x, y);
            i = TWidth.MultiplyAdd(i, x, y);
            j = TWidth.MultiplyAdd(j, x, y);
            k = TWidth.MultiplyAdd(k, x, y);
            l = TWidth.MultiplyAdd(l, x, y);
        }

        return TWidth.First(a) + TWidth.First(b) + TWidth.First(c) + TWidth.First(d) + TWidth.First(e) + TWidth.First(f)
            + TWidth.First(g) + TWidth.First(h) + TWidth.First(i) + TWidth.First(j) + TWidth.First(k) + TWidth.First(l);
    }

    private interface IWidth<TVector>
    {
        static abstract TVector Create(float value);

        static abstract TVector MultiplyAdd(TVector a, TVector x, TVector y);

        static abstract float First(TVector vector);
    }

    private readonly struct Width16 : IWidth<Vector512<float>>
    {
        public static Vector512<float> Create(float value) => Vector512.Create(value);

        public static Vector512<float> MultiplyAdd(Vector512<float> a, Vector512<float> x, Vector512<float> y) => Vector512.FusedMultiplyAdd(a, x, y);

        public static float First(Vector512<float> vector) => vector.ToScalar();
    }

    private readonly struct Width8 : IWidth<Vector256<float>>
    {
        public static Vector256<float> Create(float value) => Vector256.Create(value);

        public static Vector256<float> MultiplyAdd(Vector256<float> a, Vector256<float> x, Vector256<float> y) => Vector256.FusedMultiplyAdd(a, x, y);

        public static float First(Vector256<float> vector) => vector.ToScalar();
    }

    // Without fused multiply-add in hardware: a multiplication and an addition.
    private readonly struct Width4 : IWidth<Vector128<float>>
    {
        public static Vector128<float> Create(float value) => Vector128.Create(value);

        public static Vector128<float> MultiplyAdd(Vector128<float> a, Vector128<float> x, Vector128<float> y) => (a * x) + y;

        public static float First(Vector128<float> vector) => vector.ToScalar();
    }
}
