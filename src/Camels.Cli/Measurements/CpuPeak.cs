using System.Diagnostics;
using Camels.Engine.Parameters;
using Camels.Kernels;

namespace Camels.Cli.Measurements;

/// <summary>The arithmetic that bounds matrix products of a precision on the CPU, in registers.</summary>
/// <param name="Source">What it is, for people.</param>
/// <param name="FlopsPerSecond">One burst of it on some threads, two operations a multiply-add; the better of two, because the first may find threads asleep.</param>
internal sealed record CpuPeak(string Source, Func<CpuWorkers, double> FlopsPerSecond)
{
    private const int Rounds = 50;
    private const int DotProductIterations = 40_000;        // some hundred microseconds
    private const int PartsPerThread = 8;

    /// <summary>Dot products of bfloat16 where this machine's products of it use them; else single-precision multiply-adds.</summary>
    public static CpuPeak Of(Precision precision) => precision.Compute == DType.BF16 && CpuBFloat16.UsesDotProducts
        ? new CpuPeak("bf16 dot products", workers => Math.Max(DotProductBurst(workers), DotProductBurst(workers)))
        : new CpuPeak("fp32 multiply-adds", CpuCeiling.FmaFlopsPerSecond);

    /// <summary>The best of some bursts, in FLOP/s.</summary>
    public double Best(int threads)
    {
        using CpuWorkers workers = new(threads);
        return Enumerable.Range(0, Rounds).Max(_ => FlopsPerSecond(workers));
    }

    private static double DotProductBurst(CpuWorkers workers)
    {
        DotProductWork work = default;
        int parts = PartsPerThread * workers.Count;
        long began = Stopwatch.GetTimestamp();
        workers.Run(ref work, parts);
        return parts * CpuBFloat16.DotProductOperations(DotProductIterations) / Stopwatch.GetElapsedTime(began).TotalSeconds;
    }

    private struct DotProductWork : ICpuWork
    {
        public readonly void Run(int part, int worker) => CpuBFloat16.RunDotProducts(DotProductIterations);
    }
}
