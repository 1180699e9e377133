using Camels.Kernels.Ops;
using Camels.Testing;
using Xunit;

namespace Camels.Kernels.Tests.Ops;

[Trait("Category", "Paths")]
public class CastTests
{
    /// <summary>Every pattern of a narrow type (a GPU's NaN has no sign); of singles some in every binade, the neighbours of ties among them.</summary>
    [Theory]
    [InlineData(DType.F32, DType.F32, "cpu")]
    [InlineData(DType.F32, DType.F32, "emulated")]
    [InlineData(DType.F32, DType.BF16, "cpu")]
    [InlineData(DType.F32, DType.BF16, "emulated")]
    [InlineData(DType.F32, DType.F16, "cpu")]
    [InlineData(DType.F32, DType.F16, "emulated")]
    [InlineData(DType.BF16, DType.F32, "cpu")]
    [InlineData(DType.BF16, DType.F32, "emulated")]
    [InlineData(DType.BF16, DType.BF16, "cpu")]
    [InlineData(DType.BF16, DType.BF16, "emulated")]
    [InlineData(DType.BF16, DType.F16, "cpu")]
    [InlineData(DType.BF16, DType.F16, "emulated")]
    [InlineData(DType.F16, DType.F32, "cpu")]
    [InlineData(DType.F16, DType.F32, "emulated")]
    [InlineData(DType.F16, DType.BF16, "cpu")]
    [InlineData(DType.F16, DType.BF16, "emulated")]
    [InlineData(DType.F16, DType.F16, "cpu")]
    [InlineData(DType.F16, DType.F16, "emulated")]
    public void Every_number_is_rounded_once(DType from, DType to, string deviceName)
    {
        using Device device = TestTensors.Open(deviceName);
        using TestTensors tensors = new(device);
        Tensor x = from == DType.F32 ? tensors.Of(Singles()) : tensors.Of(from, Enumerable.Range(0, 1 << 16).Select(i => (ushort)i).ToArray());
        Tensor y = tensors.New(to, (int)x.Elements);
        Cast.Forward(device.Stream, y: y, x: x);
        double[] before = tensors.Values(x);
        double[] after = tensors.Values(y);
        for (int i = 0; i < before.Length; i++)
        {
            double expected = Numbers.Round(before[i], to);
            if (!after[i].Equals(expected) || (!double.IsNaN(expected) && double.IsNegative(after[i]) != double.IsNegative(expected)))
            {
                Assert.Fail($"{before[i]:R} of {from} becomes {after[i]:R} in {to}, expected {expected:R}");
            }
        }
    }

    [Theory]
    [InlineData("cpu")]
    [InlineData("reference")]
    public void Stochastic_rounding_takes_a_neighbour_and_keeps_the_mean(string deviceName)
    {
        const int Count = 100_003;
        float low = 1;
        float high = 1 + (1 / 128f);
        using Device device = TestTensors.Open(deviceName);
        using TestTensors tensors = new(device);
        foreach (float share in (float[])[0, 0.125f, 0.5f])
        {
            Tensor x = tensors.Of([.. Enumerable.Repeat(low + (share * (high - low)), Count)]);
            Tensor y = tensors.New(DType.BF16, Count);
            Cast.Stochastic(device.Stream, y: y, x: x, seed: 7);
            double[] rounded = tensors.Values(y);
            Assert.All(rounded, value => Assert.True(value == low || value == high));

            // Five deviations of a binomial.
            Assert.InRange(rounded.Count(value => value == high) - (share * Count), -5 * Math.Sqrt(share * Count), 5 * Math.Sqrt(share * Count));
        }
    }

    [Fact]
    public void Stochastic_rounding_is_a_function_of_seed_and_element()
    {
        using Device cpu = Device.OpenCpu(threads: 2);
        using Device reference = Device.OpenReference();
        using TestTensors tensors = new(cpu);
        Random random = new(3);
        Tensor x = tensors.Of([.. Enumerable.Range(0, 40_001).Select(_ => (float)Numbers.Normal(random))]);
        Tensor whole = tensors.New(DType.BF16, 40_001);
        Tensor plain = tensors.New(DType.BF16, 40_001);
        Tensor part = tensors.New(DType.BF16, 29_999);
        Cast.Stochastic(cpu.Stream, y: whole, x: x, seed: 5);
        Cast.Stochastic(reference.Stream, y: plain, x: x, seed: 5);
        Cast.Stochastic(cpu.Stream, y: part, x: x.Rows(10_002, 29_999), seed: 5, firstElement: 10_002);
        Assert.Equal(tensors.Values(whole), tensors.Values(plain));
        Assert.Equal(tensors.Values(whole)[10_002..], tensors.Values(part));
    }

    private static float[] Singles()
    {
        List<float> values = [];
        for (long bits = 0; bits <= uint.MaxValue; bits += 31 << 12)      // ties of both narrow types, and one bit to either side
        {
            values.Add(BitConverter.UInt32BitsToSingle((uint)bits));
            values.Add(BitConverter.UInt32BitsToSingle((uint)bits + 1));
            values.Add(BitConverter.UInt32BitsToSingle((uint)bits + 0xFFF));
        }

        return [.. values];
    }
}
