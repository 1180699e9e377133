using Camels.Kernels.Ops;
using Camels.Testing;
using Xunit;

namespace Camels.Kernels.Tests.Ops;

[Trait("Category", "Paths")]
public class SampleTests
{
    private const float Lowest = float.NegativeInfinity;

    [Theory]
    [InlineData("cpu", 1.0, 0, 1.0)]
    [InlineData("emulated", 1.0, 0, 1.0)]
    [InlineData("cpu", 0.5, 0, 1.0)]
    [InlineData("emulated", 0.5, 0, 1.0)]
    [InlineData("cpu", 1.0, 4, 1.0)]
    [InlineData("emulated", 1.0, 4, 1.0)]
    [InlineData("cpu", 1.0, 0, 0.8)]
    [InlineData("emulated", 1.0, 0, 0.8)]
    [InlineData("cpu", 2.0, 5, 0.7)]
    [InlineData("emulated", 2.0, 5, 0.7)]
    public void Evenly_spread_uniforms_give_the_exact_distribution(string deviceName, double temperature, int topK, double topP)
    {
        // In descending order: 0.36, 0.24, 0.18, 0.12, 0.06, 0.04 before temperature.
        float[] logits = [.. new[] { 0.12, 0.36, 0.04, 0.24, 0.06, 0.18 }.Select(p => (float)Math.Log(p))];
        int draws = deviceName == "emulated" ? 400 : 20_000;
        int[] tokens = Draw(deviceName, logits, [.. Enumerable.Range(0, draws).Select(i => (i + 0.5f) / draws)], Settings(temperature, topK, topP));
        double[] expected = Distribution(logits, temperature, topK, topP);
        for (int v = 0; v < logits.Length; v++)
        {
            // Each token owns one interval of uniforms: its count is off by at most one at either end.
            Assert.InRange(tokens.Count(token => token == v), (expected[v] * draws) - 1, (expected[v] * draws) + 1);
        }
    }

    [Theory]
    [InlineData("cpu")]
    [InlineData("emulated")]
    public void Tokens_are_those_of_the_reference(string deviceName)
    {
        Random random = new(5);
        float[] uniforms = [.. Enumerable.Range(0, 64).Select(_ => 0.999f * random.NextSingle())];
        foreach (SampleSettings settings in (SampleSettings[])[
            Settings(0, 0, 1), Settings(1, 0, 1), Settings(0.7, 40, 1), Settings(1.5, 0, 0.9), Settings(1, 100, 0.3), Settings(1, 443, 0.999)])
        {
            float[] logits = [.. Enumerable.Range(0, 443).Select(_ => MathF.Round((float)(3 * Numbers.Normal(random)), 1))];    // ties
            Assert.Equal(Draw("reference", logits, uniforms, settings), Draw(deviceName, logits, uniforms, settings));
        }
    }

    [Theory]
    [InlineData("cpu", 0.0, 0, 1.0)]
    [InlineData("emulated", 0.0, 0, 1.0)]
    [InlineData("cpu", 1.0, 1, 1.0)]
    [InlineData("emulated", 1.0, 1, 1.0)]
    [InlineData("cpu", 1.0, 0, 1e-9)]
    [InlineData("emulated", 1.0, 0, 1e-9)]
    [InlineData("cpu", 1e-30, 0, 1.0)]
    [InlineData("emulated", 1e-30, 0, 1.0)]
    [InlineData("cpu", 1e-60, 0, 1.0)]
    [InlineData("emulated", 1e-60, 0, 1.0)]
    public void Ties_of_the_largest_go_to_the_lowest_id(string deviceName, double temperature, int topK, double topP)
    {
        int[] tokens = Draw(deviceName, [-3, 2, 1, 2, 2, -7, 0, 1, 1], [0f, 0.3f], Settings(temperature, topK, topP));
        Assert.Equal([1, 1], tokens);
    }

    [Theory]
    [InlineData("cpu")]
    [InlineData("emulated")]
    public void Equal_logits_are_cut_at_the_highest_ids(string deviceName)
    {
        float[] equal = new float[10];
        float[] uniforms = [.. Enumerable.Range(0, 40).Select(i => (i + 0.5f) / 40)];
        Assert.Equal(Enumerable.Range(0, 10), Draw(deviceName, equal, uniforms, Settings(1, 0, 1)).Distinct());
        Assert.Equal([0, 1, 2], Draw(deviceName, equal, uniforms, Settings(1, 3, 1)).Distinct());
        Assert.Equal([0, 1, 2, 3, 4], Draw(deviceName, equal, uniforms, Settings(1, 0, 0.5)).Distinct());
        Assert.Equal([0, 1, 2, 3], Draw(deviceName, equal, uniforms, Settings(1, 8, 0.5)).Distinct());
    }

    [Theory]
    [InlineData("cpu")]
    [InlineData("emulated")]
    public void Zero_and_minus_zero_are_equal_logits(string deviceName)
    {
        float[] uniforms = [0f, 0.3f, 0.6f, 0.9f];
        Assert.Equal([0, 0, 1, 1], Draw(deviceName, [-0f, 0f, -0f, 0f], uniforms, Settings(1, 2, 1)));
    }

    [Theory]
    [InlineData("cpu")]
    [InlineData("emulated")]
    public void Logits_of_minus_infinity_are_never_drawn(string deviceName)
    {
        float[] uniforms = [0f, 0.25f, 0.5f, 0.9999f];
        Assert.Equal([2, 2, 4, 4], Draw(deviceName, [Lowest, Lowest, 1, Lowest, 1, Lowest], uniforms, Settings(1, 0, 1)));
        Assert.Equal([2, 2, 4, 4], Draw(deviceName, [Lowest, Lowest, 1, Lowest, 1, Lowest], uniforms, Settings(1, 5, 0.99999)));
    }

    [Theory]
    [InlineData("cpu")]
    [InlineData("emulated")]
    public void The_log_probability_is_that_of_the_plain_softmax(string deviceName)
    {
        using Device device = TestTensors.Open(deviceName);
        using TestTensors tensors = new(device);
        Tensor tokens = tensors.New(DType.I32, 1);
        Tensor logProbabilities = tensors.New(DType.F32, 1);
        Tensor logits = tensors.Of(MathF.Log(0.5f) + 100, MathF.Log(0.3f) + 100, MathF.Log(0.2f) + 100).Reshape(1, 3);
        Sample.Forward(device.Stream, tokens: tokens, logProbabilities: logProbabilities, logits: logits, uniforms: tensors.Of(0.99f), Settings(3, 2, 1));
        Assert.Equal(1, tensors.Read<int>(tokens)[0]);
        Assert.Equal(Math.Log(0.3), tensors.Read<float>(logProbabilities)[0], 1e-5);
    }

    /// <summary>A token depends on its row alone, in whatever batch.</summary>
    [Theory]
    [InlineData("cpu")]
    [InlineData("emulated")]
    public void Rows_do_not_see_each_other(string deviceName)
    {
        Random random = new(9);
        using Device device = TestTensors.Open(deviceName);
        using TestTensors tensors = new(device);
        const int Rows = 7;
        Tensor logits = tensors.Normal(random, DType.F32, Rows, 101);
        Tensor uniforms = tensors.Of([.. Enumerable.Range(0, Rows).Select(_ => 0.99f * random.NextSingle())]);
        Tensor tokens = tensors.New(DType.I32, Rows);
        Tensor logProbabilities = tensors.New(DType.F32, Rows);
        Sample.Forward(device.Stream, tokens: tokens, logProbabilities: logProbabilities, logits: logits, uniforms: uniforms, Settings(1, 50, 0.9));
        for (int n = 0; n < Rows; n++)
        {
            Tensor token = tensors.New(DType.I32, 1);
            Tensor logProbability = tensors.New(DType.F32, 1);
            Sample.Forward(
                device.Stream, tokens: token, logProbabilities: logProbability, logits: logits.Rows(n, 1), uniforms: uniforms.Rows(n, 1),
                Settings(1, 50, 0.9));
            Assert.Equal(tensors.Read<int>(tokens)[n], tensors.Read<int>(token)[0]);
            Assert.Equal(tensors.Read<float>(logProbabilities)[n], tensors.Read<float>(logProbability)[0]);
        }
    }

    [Theory]
    [InlineData("reference", float.NaN)]
    [InlineData("reference", float.PositiveInfinity)]
    [InlineData("cpu", float.NaN)]
    [InlineData("cpu", float.PositiveInfinity)]
    [InlineData("emulated", float.NaN)]
    [InlineData("emulated", float.PositiveInfinity)]
    public void A_row_without_probabilities_has_no_token(string deviceName, float bad)
    {
        foreach (int place in (int[])[0, 8])
        {
            float[] logits = new float[9];
            logits[place] = bad;
            int[] drawn = Draw(deviceName, [.. new float[9], .. logits, .. new float[9]], rows: 3, [0.5f, 0.5f, 0.5f], Settings(1, 0, 1));
            Assert.Equal([4, Sample.NoProbabilities, 4], drawn);
        }

        Assert.Equal([Sample.NoProbabilities], Draw(deviceName, [Lowest, Lowest], [0.5f], Settings(0, 0, 1)));
    }

    [Theory]
    [InlineData("cpu", -1.0, 0, 1.0, 0.5f, "temperature")]
    [InlineData("cpu", double.NaN, 0, 1.0, 0.5f, "temperature")]
    [InlineData("cpu", 1e39, 0, 1.0, 0.5f, "temperature")]
    [InlineData("cpu", 1.0, -1, 1.0, 0.5f, "top-k")]
    [InlineData("cpu", 1.0, 0, 0.0, 0.5f, "top-p")]
    [InlineData("cpu", 1.0, 0, 1.1, 0.5f, "top-p")]
    [InlineData("cpu", 1.0, 0, 1.0, 1f, "uniforms[0]")]
    [InlineData("cpu", 1.0, 0, 1.0, float.NaN, "uniforms[0]")]
    [InlineData("emulated", 1.0, 0, 1.0, 1f, "uniforms[0]")]
    [InlineData("emulated", 1.0, 0, 1.0, float.NaN, "uniforms[0]")]
    public void Impossible_settings_are_named(string deviceName, double temperature, int topK, double topP, float uniform, string name)
    {
        ArgumentException error = Assert.Throws<ArgumentException>(() => Draw(deviceName, [1, 2], [uniform], Settings(temperature, topK, topP)));
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
    private static int[] Draw(string deviceName, float[] row, float[] uniforms, SampleSettings settings) =>
        Draw(deviceName, [.. Enumerable.Repeat(row, uniforms.Length).SelectMany(r => r)], uniforms.Length, uniforms, settings);

    private static int[] Draw(string deviceName, float[] logits, int rows, float[] uniforms, SampleSettings settings)
    {
        using Device device = TestTensors.Open(deviceName);
        using TestTensors tensors = new(device);
        Tensor tokens = tensors.New(DType.I32, rows);
        Sample.Forward(
            device.Stream, tokens: tokens, logProbabilities: tensors.New(DType.F32, rows),
            logits: tensors.Of(logits).Reshape(rows, logits.Length / rows), uniforms: tensors.Of(uniforms), settings);
        int[] drawn = tensors.Read<int>(tokens);
        Sample.RequireTokens(drawn);
        return drawn;
    }
}
