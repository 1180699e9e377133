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
