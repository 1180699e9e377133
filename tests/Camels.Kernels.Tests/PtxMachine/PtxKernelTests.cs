using Xunit;

namespace Camels.Kernels.Tests.PtxMachine;

/// <summary>Whole kernels as the compiler makes them.</summary>
public sealed class PtxKernelTests
{
    [Theory]
    [InlineData("add.sm_80.ptx", 1)]
    [InlineData("add.sm_80.ptx", 443)]
    public void Sums_are_exact(string file, int elements)
    {
        using PtxRun run = new(PtxFixtures.ReadProduct(file), file);
        float[] x = Random(elements, seed: 1);
        float[] residual = Random(elements, seed: 2);
        ulong y = run.Put(new float[elements]);
        _ = run.Launch("add_forward_f32", new PtxDim((elements + 1023) / 1024), new PtxDim(256), 0, y, run.Put(x), run.Put(residual), (long)elements);
        Assert.Equal(x.Zip(residual, (a, b) => a + b), run.Get<float>(y, elements));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(33)]
    [InlineData(443)]
    public void Row_norm_agrees_with_double_precision(int channels)
    {
        const int Rows = 3;
        using PtxRun run = new(PtxFixtures.Read("memory_bound.ptx"));
        float[] x = Random(Rows * channels, seed: 1);
        float[] weight = Random(channels, seed: 2);
        ulong y = run.Put(new float[Rows * channels]);
        ulong rstd = run.Put(new float[Rows]);
        _ = run.Launch("row_norm_f32", new PtxDim(Rows), new PtxDim(32), 0, y, rstd, run.Put(x), run.Put(weight), channels, 1e-5f);
        float[] result = run.Get<float>(y, Rows * channels);
        for (int row = 0; row < Rows; row++)
        {
            double mean = x.Skip(row * channels).Take(channels).Sum(v => (double)v * v) / channels;
            for (int c = 0; c < channels; c++)
            {
                double expected = x[(row * channels) + c] / Math.Sqrt(mean + 1e-5) * weight[c];
                Assert.Equal(expected, result[(row * channels) + c], 1e-6 * (1 + Math.Abs(expected)));
            }
        }
    }

    [Fact]
    public void Results_do_not_depend_on_seed_or_threads()
    {
        using PtxRun run = new(PtxFixtures.Read("memory_bound.ptx"));
        float[] x = Random(5000, seed: 1);
        ulong input = run.Put(x);
        foreach (int seed in Enumerable.Range(0, 10))
        {
            run.Options = run.Options with { Seed = seed, Threads = 1 + (seed % 2), ChecksRaces = seed % 3 == 0 };
            ulong y = run.Put(new float[4]);
            _ = run.Launch("block_maximum", new PtxDim(4), new PtxDim(256), 1024, y, input, 5000);
            Assert.All(run.Get<float>(y, 4), value => Assert.Equal(x.Max(), value));
        }
    }

    public static float[] Random(int count, int seed)
    {
        Random random = new(seed);
        return [.. Enumerable.Range(0, count).Select(_ => (float)((random.NextDouble() * 4) - 2))];
    }
}
