using Camels.Kernels.Ops;
using Xunit;

namespace Camels.Kernels.Tests.Ops;

[Trait("Category", "Paths")]
public class Nf4Tests
{
    [Fact]
    public void A_weight_takes_at_most_4_13_bits()
    {
        const long Elements = 4096 * 4096;
        int blocks = Nf4.Blocks(Elements);
        long bytes = Nf4.CodeBytes(Elements) + blocks + (4L * Nf4.NestedBlocks(blocks)) + 4;
        Assert.InRange(8.0 * bytes / Elements, 4, 4.13);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(63)]
    [InlineData(65)]
    [InlineData(443)]
    [InlineData(64 * 300)]
    public unsafe void What_is_representable_comes_back_and_devices_agree(int elements)
    {
        using Device cpu = Device.OpenCpu(threads: 2);
        using Device plain = Device.OpenPlain();
        float[] values = [.. Enumerable.Range(0, elements).Select(i => 0.5f * (i % 64 == 0 ? 1 : new Random(i).Next(2) == 0 ? -0.6961928009986877f : 0.44070982933044434f))];
        fixed (float* x = values)
        {
            byte[] expected = Codes(plain, (nint)x, elements, out float[] back);
            Assert.Equal(values, back);
            Assert.Equal(expected, Codes(cpu, (nint)x, elements, out back));
            Assert.Equal(values, back);
        }
    }

    [Fact]
    public unsafe void A_block_of_zeros_stays_zero()
    {
        using Device cpu = Device.OpenCpu(threads: 1);
        float[] zeros = new float[100];
        fixed (float* x = zeros)
        {
            _ = Codes(cpu, (nint)x, 100, out float[] back);
            Assert.Equal(zeros, back);
        }
    }

    private static byte[] Codes(Device device, nint x, int elements, out float[] back)
    {
        int blocks = Nf4.Blocks(elements);
        using DeviceMemory memory = DeviceMemory.Allocate(device, (8L * blocks) + (6L * elements) + 4096);
        Tensor absmax = memory.View(0, DType.F32, blocks);
        Tensor y = memory.View(4L * blocks, DType.F32, elements);
        Tensor codes = memory.View((4L * blocks) + (4L * elements), DType.U8, Nf4.CodeBytes(elements));
        Nf4.Quantize(device.Stream, codes: codes, absmax: absmax, x: new Tensor(x, DType.F32, new Shape(elements)));
        Nf4.Dequantize(device.Stream, y: y, codes: codes, absmax: absmax);
        back = y.AsSpan<float>().ToArray();
        return codes.AsSpan<byte>().ToArray();
    }
}
