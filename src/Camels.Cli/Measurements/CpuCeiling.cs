using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Camels.Cli.Measurements;

/// <summary>What this machine's cores can do at most: the ceilings that measured kernels are compared with.</summary>
internal static class CpuCeiling
{
    private const int Rounds = 5;
    private const int FmaIterations = 4_000_000;
    private const int Accumulators = 12;
    private const int CopyBytesPerThread = 64 << 20;

    /// <summary>
    /// Single-precision multiply-adds in registers, twelve independent sums a core (latency times ports, with room), 2 operations each:
    /// the best of five rounds, in FLOP/s.
    /// </summary>
    public static double FmaPeakFlopsPerSecond(int threads)
    {
        int width = Avx512F.IsSupported ? 16 : Fma.IsSupported ? 8 : 4;
        Action<int> work = width switch
        {
            16 => _ => Sink(MultiplyAdds<Vector512<float>, Width16>()),
            8 => _ => Sink(MultiplyAdds<Vector256<float>, Width8>()),
            _ => _ => Sink(MultiplyAdds<Vector128<float>, Width4>()),
        };
        double flops = 2.0 * width * Accumulators * FmaIterations * threads;
        return flops / BestSeconds(threads, work);
    }

    /// <summary>Copying memory that is in no cache: bytes read plus bytes written a second, the best of five rounds.</summary>
    public static unsafe double CopyBytesPerSecond(int threads)
    {
        nuint bytes = CopyBytesPerThread * (nuint)threads;
        byte* source = (byte*)NativeMemory.AllocZeroed(bytes);
        byte* target = (byte*)NativeMemory.AllocZeroed(bytes);
        nint from = (nint)source;
        nint to = (nint)target;
        try
        {
            return 2.0 * bytes / BestSeconds(threads, thread =>
            {
                nint offset = (nint)thread * CopyBytesPerThread;
                Buffer.MemoryCopy((void*)(from + offset), (void*)(to + offset), CopyBytesPerThread, CopyBytesPerThread);
            });
        }
        finally
        {
            NativeMemory.Free(source);
            NativeMemory.Free(target);
        }
    }

    private static double BestSeconds(int threads, Action<int> work)
    {
        double best = double.PositiveInfinity;
        for (int round = 0; round <= Rounds; round++)
        {
            using Barrier start = new(threads + 1);
            Thread[] workers = [.. Enumerable.Range(0, threads).Select(index => new Thread(() =>
            {
                start.SignalAndWait();
                work(index);
                start.SignalAndWait();
            }))];
            foreach (Thread worker in workers)
            {
                worker.Start();
            }

            start.SignalAndWait();
            long began = Stopwatch.GetTimestamp();
            start.SignalAndWait();
            double seconds = Stopwatch.GetElapsedTime(began).TotalSeconds;
            foreach (Thread worker in workers)
            {
                worker.Join();
            }

            // The first round faults pages in and compiles.
            best = round == 0 ? best : Math.Min(best, seconds);
        }

        return best;
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
