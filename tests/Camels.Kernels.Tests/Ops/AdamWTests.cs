using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text.Json;
using Camels.Kernels.Ops;
using Camels.Testing;
using Xunit;

namespace Camels.Kernels.Tests.Ops;

/// <summary>AdamW against the weights and moments that PyTorch gives.</summary>
[Trait("Category", "Paths")]
public class AdamWTests
{
    private static readonly string[] _names = ["a", "b", "c", "d"];

    [SharedTheory("golden/adamw/manifest.json")]
    [InlineData("wd0", "cpu")]
    [InlineData("wd0.1", "cpu")]
    [InlineData("wd0.01_b95", "cpu")]
    [InlineData("wd0.1", "reference")]
    [InlineData("wd0.1", "emulated")]
    public void Every_step_is_that_of_PyTorch(string variant, string deviceName)
    {
        using JsonDocument manifest = JsonDocument.Parse(File.ReadAllBytes(SharedFiles.Path("golden/adamw/manifest.json")));
        Dictionary<string, float[]> inputs = ReadF32("golden/adamw/inputs.safetensors");
        Dictionary<string, float[]> expected = ReadF32("golden/adamw/outputs.safetensors");
        using Device device = TestTensors.Open(deviceName);
        using TestTensors tensors = new(device);
        foreach (string name in _names)
        {
            Tensor weight = tensors.Of(inputs[name]);
            Tensor firstMoment = tensors.New(DType.F32, inputs[name].Length);
            Tensor secondMoment = tensors.New(DType.F32, inputs[name].Length);
            double[] rates = [.. manifest.RootElement.GetProperty("lr_per_step").EnumerateArray().Select(rate => rate.GetDouble())];
            for (int step = 0; step < rates.Length; step++)
            {
                AdamW.Update(
                    device.Stream, weight: weight, master: weight, firstMoment: firstMoment, secondMoment: secondMoment,
                    gradient: tensors.Of(inputs[$"grad.{step}/{name}"]), Settings(manifest.RootElement, variant, rates[step], step + 1));
                float[] weights = expected[$"{variant}/{step}/{name}"];
                AssertClose(tensors.Read<float>(weight), weights, i => 1e-9 + (1e-6 * Math.Abs(weights[i])));
            }

            // Of the largest: where gradients cancel, a moment keeps their rounding, not its own.
            float[] moments = expected[$"{variant}/exp_avg/{name}"];
            float[] squares = expected[$"{variant}/exp_avg_sq/{name}"];
            AssertClose(tensors.Read<float>(firstMoment), moments, _ => 1e-6 * moments.Max(Math.Abs));
            AssertClose(tensors.Read<float>(secondMoment), squares, _ => 1e-6 * squares.Max(Math.Abs));
        }
    }

    [Theory]
    [InlineData("cpu")]
    [InlineData("emulated")]
    public void The_gradient_is_zeroed_and_the_weight_is_the_rounded_master(string deviceName)
    {
        using Device device = TestTensors.Open(deviceName);
        using TestTensors tensors = new(device);
        Random random = new(1);
        const int Elements = 37;
        Tensor master = tensors.Normal(random, DType.F32, Elements);
        Tensor weight = tensors.New(DType.BF16, Elements);
        Tensor gradient = tensors.Normal(random, DType.F32, Elements);
        AdamW.Update(
            device.Stream, weight: weight, master: master, firstMoment: tensors.New(DType.F32, Elements),
            secondMoment: tensors.New(DType.F32, Elements), gradient: gradient, Settings(rate: 0.1, step: 1));

        Assert.All(tensors.Read<float>(gradient), g => Assert.Equal(0, g));
        Assert.Equal(
            tensors.Read<float>(master).Select(w => ((BFloat16)w).Bits), tensors.Read<BFloat16>(weight).Select(w => w.Bits));
    }

    [Theory]
    [InlineData("cpu")]
    [InlineData("emulated")]
    public void A_gradient_of_zero_only_decays(string deviceName)
    {
        using Device device = TestTensors.Open(deviceName);
        using TestTensors tensors = new(device);
        Tensor weight = tensors.Of(1f, -2f);
        AdamW.Update(
            device.Stream, weight: weight, master: weight, firstMoment: tensors.New(DType.F32, 2), secondMoment: tensors.New(DType.F32, 2),
            gradient: tensors.New(DType.F32, 2), Settings(rate: 0.5, step: 1));
        Assert.Equal([0.75f, -1.5f], tensors.Read<float>(weight));
    }

    [Fact]
    public void Steps_count_from_one()
    {
        using Device cpu = Device.OpenCpu(threads: 1);
        using TestTensors tensors = new(cpu);
        Tensor weight = tensors.Of(1f);
        ArgumentException error = Assert.Throws<ArgumentException>(() => AdamW.Update(
            cpu.Stream, weight: weight, master: weight, firstMoment: weight, secondMoment: weight, gradient: weight,
            Settings(rate: 0.5, step: 0)));
        Assert.Contains("step 1", error.Message, StringComparison.Ordinal);
    }

    private static AdamWSettings Settings(double rate, int step) => new()
    {
        LearningRate = rate,
        Beta1 = 0.9,
        Beta2 = 0.999,
        Epsilon = 1e-8,
        WeightDecay = 0.5,
        GradientScale = 1,
        Step = step,
    };

    private static AdamWSettings Settings(JsonElement manifest, string variant, double rate, int step)
    {
        JsonElement settings = manifest.GetProperty("variants").GetProperty(variant);
        return new AdamWSettings
        {
            LearningRate = rate,
            Beta1 = settings.GetProperty("betas")[0].GetDouble(),
            Beta2 = settings.GetProperty("betas")[1].GetDouble(),
            Epsilon = manifest.GetProperty("eps").GetDouble(),
            WeightDecay = settings.GetProperty("weight_decay").GetDouble(),
            GradientScale = 1,
            Step = step,
        };
    }

    // The tolerances are those of the golden numbers' manifest.
    private static void AssertClose(float[] actual, float[] expected, Func<int, double> tolerance)
    {
        for (int i = 0; i < expected.Length; i++)
        {
            Assert.InRange(actual[i], expected[i] - tolerance(i), expected[i] + tolerance(i));
        }
    }

    private static Dictionary<string, float[]> ReadF32(string path)
    {
        byte[] file = File.ReadAllBytes(SharedFiles.Path(path));
        int headerBytes = (int)BinaryPrimitives.ReadInt64LittleEndian(file);
        using JsonDocument header = JsonDocument.Parse(file.AsMemory(8, headerBytes));
        Dictionary<string, float[]> tensors = [];
        foreach (JsonProperty tensor in header.RootElement.EnumerateObject().Where(t => t.Name != "__metadata__"))
        {
            JsonElement offsets = tensor.Value.GetProperty("data_offsets");
            Range bytes = (8 + headerBytes + offsets[0].GetInt32())..(8 + headerBytes + offsets[1].GetInt32());
            tensors.Add(tensor.Name, MemoryMarshal.Cast<byte, float>(file.AsSpan(bytes)).ToArray());
        }

        return tensors;
    }
}
