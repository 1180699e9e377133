using Camels.Kernels.Ops;
using Camels.Testing;
using Xunit;

namespace Camels.Kernels.Tests.Ops;

[Trait("Category", "Paths")]
public class CastTests
{
    /// <summary>Every pattern of a narrow type; of singles some in every binade, the neighbours of ties among them.</summary>
    [Theory]
    [InlineData(DType.F32, DType.F32)]
    [InlineData(DType.F32, DType.BF16)]
    [InlineData(DType.F32, DType.F16)]
    [InlineData(DType.BF16, DType.F32)]
    [InlineData(DType.BF16, DType.BF16)]
    [InlineData(DType.BF16, DType.F16)]
    [InlineData(DType.F16, DType.F32)]
    [InlineData(DType.F16, DType.BF16)]
    [InlineData(DType.F16, DType.F16)]
    public void Every_number_is_rounded_once(DType from, DType to)
    {
        using Device cpu = Device.OpenCpu(threads: 2);
        using HostTensors tensors = new(cpu);
        Tensor x = from == DType.F32 ? tensors.Of(Singles()) : tensors.New(from, 1 << 16);
        for (int i = 0; from != DType.F32 && i < x.Elements; i++)
        {
            x.AsSpan<ushort>()[i] = (ushort)i;
        }

        Tensor y = tensors.New(to, (int)x.Elements);
        Cast.Forward(cpu.Stream, y: y, x: x);
        double[] before = Numbers.Read(x);
        double[] after = Numbers.Read(y);
        for (int i = 0; i < before.Length; i++)
        {
            double expected = Numbers.Round(before[i], to);
            if (!after[i].Equals(expected) || double.IsNegative(after[i]) != double.IsNegative(expected))
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
