using System.Numerics;
using System.Runtime.Intrinsics;
using Xunit;

namespace Camels.Kernels.Tests;

/// <summary>The exponential of the CPU kernels, over the whole range of singles.</summary>
[Trait("Category", "Paths")]
public class CpuMathTests
{
    private const uint BitsBetweenSamples = 99_991;    // prime: 43 thousand of all 2^32 patterns, in every binade, NaN among them

    [Fact]
    public void Exp_is_within_one_unit_in_the_last_place()
    {
        foreach (float x in Samples())
        {
            float actual = CpuMath.Exp(x);
            double exact = Math.Exp(x);
            if (float.IsNaN(x))
            {
                Assert.True(float.IsNaN(actual), $"exp({x}) = {actual}");
            }
            else if (float.IsInfinity((float)exact))
            {
                Assert.Equal(float.PositiveInfinity, actual);
            }
            else
            {
                float unit = MathF.BitIncrement((float)exact) - (float)exact;
                Assert.True(Math.Abs(actual - exact) <= unit, $"exp({x:R}) = {actual:R}, exactly {exact:R}");
            }
        }
    }

    [Fact]
    public void Exp_is_exact_at_its_corners()
    {
        Assert.Equal(1f, CpuMath.Exp(0f));
        Assert.Equal(1f, CpuMath.Exp(-0f));
        Assert.Equal(0f, CpuMath.Exp(float.NegativeInfinity));
        Assert.Equal(float.PositiveInfinity, CpuMath.Exp(float.PositiveInfinity));
    }

    [Fact]
    public void Every_width_gives_the_same_bits()
    {
        foreach (float x in Samples())
        {
            uint expected = BitConverter.SingleToUInt32Bits(CpuMath.Exp(x));
            Assert.Equal(expected, BitConverter.SingleToUInt32Bits(CpuMath.Exp(new Vector<float>(x))[0]));
            Assert.Equal(expected, BitConverter.SingleToUInt32Bits(CpuMath.Exp(Vector256.Create(x))[0]));
            Assert.Equal(expected, BitConverter.SingleToUInt32Bits(CpuMath.Exp(Vector512.Create(x))[0]));
        }
    }

    private static IEnumerable<float> Samples()
    {
        for (long bits = 0; bits <= uint.MaxValue; bits += BitsBetweenSamples)
        {
            yield return BitConverter.UInt32BitsToSingle((uint)bits);
        }

        for (float x = -105; x <= 90; x += 0.0037f)
        {
            yield return x;
        }
    }
}
