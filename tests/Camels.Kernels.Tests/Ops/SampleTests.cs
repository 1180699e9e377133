using Camels.Kernels.Ops;
using Camels.Testing;
using Xunit;

namespace Camels.Kernels.Tests.Ops;

[Trait("Category", "Paths")]
public class SampleTests
{
    private const float Lowest = float.NegativeInfinity;

    [Theory]
    [InlineData(1.0, 0, 1.0)]
    [InlineData(0.5, 0, 1.0)]
    [InlineData(1.0, 4, 1.0)]
    [InlineData(1.0, 0, 0.8)]
    [InlineData(2.0, 5, 0.7)]
    public void Evenly_spread_uniforms_give_the_exact_distribution(double temperature, int topK, double topP)
    {
        // In descending order: 0.36, 0.24, 0.18, 0.12, 0.06, 0.04 before temperature.
        float[] logits = [.. new[] { 0.12, 0.36, 0.04, 0.24, 0.06, 0.18 }.Select(p => (float)Math.Log(p))];
        const int Draws = 20_000;
        int[] tokens = Draw(logits, [.. Enumerable.Range(0, Draws).Select(i => (i + 0.5f) / Draws)], Settings(temperature, topK, topP));
        double[] expected = Distribution(logits, temperature, topK, topP);
        for (int v = 0; v < logits.Length; v++)
        {
            // Each token owns one interval of uniforms: its count is off by at most one at either end.
            Assert.InRange(tokens.Count(token => token == v), (expected[v] * Draws) - 1, (expected[v] * Draws) + 1);
        }
    }

    [Fact]
    public void Cpu_and_reference_draw_the_same_tokens()
    {
        Random random = new(5);
        float[] uniforms = [.. Enumerable.Range(0, 64).Select(_ => 0.999f * random.NextSingle())];
        foreach (SampleSettings settings in (SampleSettings[])[
            Settings(0, 0, 1), Settings(1, 0, 1), Settings(0.7, 40, 1), Settings(1.5, 0, 0.9), Settings(1, 100, 0.3), Settings(1, 443, 0.999)])
        {
            float[] logits = [.. Enumerable.Range(0, 443).Select(_ => MathF.Round((float)(3 * Numbers.Normal(random)), 1))];    // ties
            Assert.Equal(Draw(logits, uniforms, settings, onReference: true), Draw(logits, uniforms, settings));
        }
    }

    [Theory]
    [InlineData(0.0, 0, 1.0)]
    [InlineData(1.0, 1, 1.0)]
    [InlineData(1.0, 0, 1e-9)]
    [InlineData(1e-30, 0, 1.0)]
    [InlineData(1e-60, 0, 1.0)]
    public void Ties_of_the_largest_go_to_the_lowest_id(double temperature, int topK, double topP)
    {
        int[] tokens = Draw([-3, 2, 1, 2, 2, -7, 0, 1, 1], [0f, 0.3f], Settings(temperature, topK, topP));
        Assert.Equal([1, 1], tokens);
    }

    [Fact]
    public void Equal_logits_are_cut_at_the_highest_ids()
    {
        float[] equal = new float[10];
        float[] uniforms = [.. Enumerable.Range(0, 40).Select(i => (i + 0.5f) / 40)];
        Assert.Equal(Enumerable.Range(0, 10), Draw(equal, uniforms, Settings(1, 0, 1)).Distinct());
        Assert.Equal([0, 1, 2], Draw(equal, uniforms, Settings(1, 3, 1)).Distinct());
        Assert.Equal([0, 1, 2, 3, 4], Draw(equal, uniforms, Settings(1, 0, 0.5)).Distinct());
        Assert.Equal([0, 1, 2, 3], Draw(equal, uniforms, Settings(1, 8, 0.5)).Distinct());
    }

    [Fact]
    public void Zero_and_minus_zero_are_equal_logits()
    {
        float[] uniforms = [0f, 0.3f, 0.6f, 0.9f];
        Assert.Equal([0, 0, 1, 1], Draw([-0f, 0f, -0f, 0f], uniforms, Settings(1, 2, 1)));
    }

    [Fact]
    public void Logits_of_minus_infinity_are_never_drawn()
    {
        float[] uniforms = [0f, 0.25f, 0.5f, 0.9999f];
        Assert.Equal([2, 2, 4, 4], Draw([Lowest, Lowest, 1, Lowest, 1, Lowest], uniforms, Settings(1, 0, 1)));
        Assert.Equal([2, 2, 4, 4], Draw([Lowest, Lowest, 1, Lowest, 1, Lowest], uniforms, Settings(1, 5, 0.99999)));
    }

    [Fact]
    public void The_log_probability_is_that_of_the_plain_softmax()
    {
        using Device cpu = Device.OpenCpu(threads: 1);
        using HostTensors tensors = new(cpu);
        Tensor tokens = tensors.New(DType.I32, 1);
        Tensor logProbabilities = tensors.New(DType.F32, 1);
        Tensor logits = tensors.Of(MathF.Log(0.5f) + 100, MathF.Log(0.3f) + 100, MathF.Log(0.2f) + 100).Reshape(1, 3);
        Sample.Forward(cpu.Stream, tokens: tokens, logProbabilities: logProbabilities, logits: logits, uniforms: tensors.Of(0.99f), Settings(3, 2, 1));
        Assert.Equal(1, tokens.AsSpan<int>()[0]);
        Assert.Equal(Math.Log(0.3), logProbabilities.AsSpan<float>()[0], 1e-5);
    }

    /// <summary>A token depends on its row alone, in whatever batch.</summary>
    [Fact]
    public void Rows_do_not_see_each_other()
    {
        Random random = new(9);
        using Device cpu = Device.OpenCpu(threads: 2);
        using HostTensors tensors = new(cpu);
        const int Rows = 7;
        Tensor logits = tensors.Normal(random, DType.F32, Rows, 101);
        Tensor uniforms = tensors.Of([.. Enumerable.Range(0, Rows).Select(_ => 0.99f * random.NextSingle())]);
        Tensor tokens = tensors.New(DType.I32, Rows);
        Tensor logProbabilities = tensors.New(DType.F32, Rows);
        Sample.Forward(cpu.Stream, tokens: tokens, logProbabilities: logProbabilities, logits: logits, uniforms: uniforms, Settings(1, 50, 0.9));
        for (int n = 0; n < Rows; n++)
        {
            Tensor token = tensors.New(DType.I32, 1);
            Tensor logProbability = tensors.New(DType.F32, 1);
            Sample.Forward(
                cpu.Stream, tokens: token, logProbabilities: logProbability, logits: logits.Rows(n, 1), uniforms: uniforms.Rows(n, 1),
                Settings(1, 50, 0.9));
            Assert.Equal(tokens.AsSpan<int>()[n], token.AsSpan<int>()[0]);
            Assert.Equal(logProbabilities.AsSpan<float>()[n], logProbability.AsSpan<float>()[0]);
        }
    }

    [Theory]
    [InlineData(float.NaN)]
    [InlineData(float.PositiveInfinity)]
    public void A_row_without_probabilities_is_named(float bad)
    {
        foreach (bool onReference in (bool[])[true, false])
        {
            foreach (int place in (int[])[0, 8])
            {
                float[] logits = new float[9];
                logits[place] = bad;
                ArgumentException error = Assert.Throws<ArgumentException>(() => Draw([.. new float[9], .. logits], rows: 2, [0.5f, 0.5f], Settings(1, 0, 1), onReference));
                Assert.StartsWith("row 1 of the logits has no probabilities", error.Message, StringComparison.Ordinal);
            }
        }

        Assert.Throws<ArgumentException>(() => Draw([Lowest, Lowest], [0.5f], Settings(0, 0, 1)));
    }

    [Theory]
    [InlineData(-1.0, 0, 1.0, 0.5f, "temperature")]
    [InlineData(double.NaN, 0, 1.0, 0.5f, "temperature")]
    [InlineData(1.0, -1, 1.0, 0.5f, "top-k")]
    [InlineData(1.0, 0, 0.0, 0.5f, "top-p")]
    [InlineData(1.0, 0, 1.1, 0.5f, "top-p")]
    [InlineData(1.0, 0, 1.0, 1f, "uniforms[0]")]
    [InlineData(1.0, 0, 1.0, float.NaN, "uniforms[0]")]
    public void Impossible_settings_are_named(double temperature, int topK, double topP, float uniform, string name)
    {
        ArgumentException error = Assert.Throws<ArgumentException>(() => Draw([1, 2], [uniform], Settings(temperature, topK, topP)));
        Assert.Contains(name, error.Message, StringComparison.Ordinal);
    }

    private static SampleSettings Settings(double temperature, int topK, double topP) =>
        new() { Temperature = temperature, TopK = topK, TopP = topP };

    // Straight from the definition: sort, cut, renormalise.
    private static double[] Distribution(float[] logits, double temperature, int topK, double topP)
    {
        double[] weights = [.. logits.Select(l => Math.Exp(l / temperature))];
        int[] kept = [.. Enumerable.Range(0, logits.Length).OrderByDescending(v => logits[v]).Take(topK == 0 ? logits.Length : topK)];
        double total = kept.Sum(v => weights[v]);
        int count = 1;
        while (count < kept.Length && kept.Take(count).Sum(v => weights[v]) < topP * total)
        {
            count++;
        }

        kept = kept[..count];
        total = kept.Sum(v => weights[v]);
        return [.. Enumerable.Range(0, logits.Length).Select(v => kept.Contains(v) ? weights[v] / total : 0)];
    }

    // The same row for each uniform.
    private static int[] Draw(float[] row, float[] uniforms, SampleSettings settings, bool onReference = false) =>
        Draw([.. Enumerable.Repeat(row, uniforms.Length).SelectMany(r => r)], uniforms.Length, uniforms, settings, onReference);

    private static int[] Draw(float[] logits, int rows, float[] uniforms, SampleSettings settings, bool onReference)
    {
        using Device device = onReference ? Device.OpenReference() : Device.OpenCpu(threads: 2);
        using HostTensors tensors = new(device);
        Tensor tokens = tensors.New(DType.I32, rows);
        Sample.Forward(
            device.Stream, tokens: tokens, logProbabilities: tensors.New(DType.F32, rows),
            logits: tensors.Of(logits).Reshape(rows, logits.Length / rows), uniforms: tensors.Of(uniforms), settings);
        return tokens.AsSpan<int>().ToArray();
    }
}
