using System.Runtime.InteropServices;
using Camels.Engine.Checkpoints;
using Camels.Kernels;
using Xunit;

namespace Camels.Engine.Tests.Checkpoints;

[Trait("Category", "Paths")]
public class ElementConversionTests
{
    // Odd, so that the scalar end is taken at every vector width.
    private const int Count = 4099;

    [Theory]
    [InlineData(DType.F16)]
    [InlineData(DType.BF16)]
    public void EveryValueOf16BitsWidensExactly(DType dtype)
    {
        ushort[] all = [.. Enumerable.Range(0, 65536).Select(bits => (ushort)bits)];
        float[] singles = new float[all.Length];
        double[] doubles = new double[all.Length];
        ElementConversion.Convert(dtype, MemoryMarshal.AsBytes(all.AsSpan()), DType.F32, MemoryMarshal.AsBytes(singles.AsSpan()));
        ElementConversion.Convert(dtype, MemoryMarshal.AsBytes(all.AsSpan()), DType.F64, MemoryMarshal.AsBytes(doubles.AsSpan()));
        for (int bits = 0; bits < all.Length; bits++)
        {
            double expected = ValueOf(dtype, (ushort)bits);
            Assert.Equal(expected, singles[bits]);
            Assert.Equal(expected, doubles[bits]);
            Assert.True(double.IsNaN(expected) || double.IsNegative(expected) == float.IsNegative(singles[bits]));
        }
    }

    [Theory]
    [InlineData(DType.F16)]
    [InlineData(DType.BF16)]
    public void SinglesAndDoublesAreRoundedOnceToTheNearestEven(DType dtype)
    {
        double[] doubles = Samples(dtype);
        float[] singles = [.. doubles.Select(value => (float)value)];
        ushort[] fromDoubles = new ushort[doubles.Length];
        ushort[] fromSingles = new ushort[doubles.Length];
        ElementConversion.Convert(DType.F64, MemoryMarshal.AsBytes(doubles.AsSpan()), dtype, MemoryMarshal.AsBytes(fromDoubles.AsSpan()));
        ElementConversion.Convert(DType.F32, MemoryMarshal.AsBytes(singles.AsSpan()), dtype, MemoryMarshal.AsBytes(fromSingles.AsSpan()));
        for (int i = 0; i < doubles.Length; i++)
        {
            AssertNearest(dtype, doubles[i], fromDoubles[i]);
            AssertNearest(dtype, singles[i], fromSingles[i]);
        }
    }

    [Fact]
    public void HalvesBecomeBFloat16AndBackRoundedOnce()
    {
        ushort[] all = [.. Enumerable.Range(0, 65536).Select(bits => (ushort)bits)];
        ushort[] converted = new ushort[all.Length];
        ElementConversion.Convert(DType.F16, MemoryMarshal.AsBytes(all.AsSpan()), DType.BF16, MemoryMarshal.AsBytes(converted.AsSpan()));
        Assert.All(all, bits => AssertNearest(DType.BF16, ValueOf(DType.F16, bits), converted[bits]));
        ElementConversion.Convert(DType.BF16, MemoryMarshal.AsBytes(all.AsSpan()), DType.F16, MemoryMarshal.AsBytes(converted.AsSpan()));
        Assert.All(all, bits => AssertNearest(DType.F16, ValueOf(DType.BF16, bits), converted[bits]));
    }

    [Theory]
    [InlineData(DType.F32)]
    [InlineData(DType.F16)]
    [InlineData(DType.BF16)]
    [InlineData(DType.F64)]
    public void SourcesNeedNotBeAligned(DType to)
    {
        byte[] padded = new byte[1 + (4 * 37)];
        new Random(5).NextBytes(padded);
        byte[] aligned = padded[1..];
        byte[] expected = new byte[37 * to.Bytes()];
        byte[] actual = new byte[(37 * to.Bytes()) + 1];
        ElementConversion.Convert(DType.F32, aligned, to, expected);
        ElementConversion.Convert(DType.F32, padded.AsSpan(1), to, actual.AsSpan(1));
        Assert.Equal(expected, actual[1..]);
    }

    [Theory]
    [InlineData(DType.F64)]
    [InlineData(DType.F32)]
    [InlineData(DType.F16)]
    [InlineData(DType.BF16)]
    public void OneNumberThatIsNotFiniteIsFoundWhereverItStands(DType dtype)
    {
        float[] numbers = [.. Enumerable.Range(0, 75).Select(i => (i % 3 - 1) * (i % 2 == 0 ? 60000f : 1e-3f))];
        byte[] Stored()
        {
            byte[] bytes = new byte[numbers.Length * dtype.Bytes()];
            ElementConversion.Convert(DType.F32, MemoryMarshal.AsBytes(numbers.AsSpan()), dtype, bytes);
            return bytes;
        }

        Assert.True(ElementConversion.AreFinite(dtype, Stored()));
        for (int i = 0; i < numbers.Length; i++)
        {
            float before = numbers[i];
            foreach (float special in (float[])[float.NaN, float.PositiveInfinity, float.NegativeInfinity])
            {
                numbers[i] = special;
                Assert.False(ElementConversion.AreFinite(dtype, Stored()));
            }

            numbers[i] = before;
        }
    }

    [Fact]
    public void SizesThatDoNotMatchAreRefused()
    {
        Assert.Throws<ArgumentException>(() => ElementConversion.Convert(DType.F32, new byte[8], DType.F16, new byte[6]));
        Assert.Throws<ArgumentException>(() => ElementConversion.Convert(DType.F32, new byte[7], DType.F64, new byte[8]));
    }

    // Every neighbour of a tie, and values of all magnitudes.
    private static double[] Samples(DType dtype)
    {
        Random random = new(443);
        List<double> samples = [0, -0.0, double.PositiveInfinity, double.NegativeInfinity, double.NaN, double.Epsilon, double.MaxValue, float.Epsilon];
        while (samples.Count < Count)
        {
            ushort bits = (ushort)random.Next(0x7F80);
            double tie = (ValueOf(dtype, bits) + ValueOf(dtype, (ushort)(bits + 1))) / 2;
            double sign = random.Next(2) == 0 ? 1 : -1;
            samples.AddRange(sign * tie, sign * Math.BitIncrement(tie), sign * Math.BitDecrement(tie), sign * MathF.BitIncrement((float)tie));
            samples.Add(sign * Math.Pow(2, (random.NextDouble() * 300) - 150));
        }

        return [.. samples.Take(Count)];
    }

    // By definition: no neighbour is nearer, and a neighbour as near has the odd bits.
    private static void AssertNearest(DType dtype, double value, ushort bits)
    {
        double result = ValueOf(dtype, bits);
        if (double.IsNaN(value))
        {
            Assert.True(double.IsNaN(result));
            return;
        }

        Assert.Equal(double.IsNegative(value), double.IsNegative(result));
        ushort magnitude = (ushort)(bits & 0x7FFF);
        double distance = Distance(dtype, magnitude, value);
        foreach (int step in (ReadOnlySpan<int>)[-1, 1])
        {
            if (magnitude + step >= 0 && magnitude + step <= Infinity(dtype))
            {
                double other = Distance(dtype, (ushort)(magnitude + step), value);
                Assert.True(distance < other || (distance == other && magnitude % 2 == 0), $"{value:R} became {result:R}");
            }
        }
    }

    private static ushort Infinity(DType dtype) => (ushort)(dtype == DType.F16 ? 0x7C00 : 0x7F80);

    // For rounding, infinity stands where the next larger number would be.
    private static double Distance(DType dtype, ushort magnitude, double value)
    {
        if (double.IsInfinity(value))
        {
            return magnitude == Infinity(dtype) ? 0 : 1;
        }

        double place = magnitude == Infinity(dtype) ? Math.Pow(2, dtype == DType.F16 ? 16 : 128) : ValueOf(dtype, magnitude);
        return Math.Abs(place - Math.Abs(value));
    }

    // From the definitions of the formats, without a conversion of the platform.
    private static double ValueOf(DType dtype, ushort bits)
    {
        int mantissaBits = dtype == DType.F16 ? 10 : 7;
        int exponentMask = dtype == DType.F16 ? 31 : 255;
        int exponent = (bits >> mantissaBits) & exponentMask;
        int mantissa = bits & ((1 << mantissaBits) - 1);
        double sign = bits >= 0x8000 ? -1 : 1;
        int bias = exponentMask / 2;
        if (exponent == exponentMask)
        {
            return mantissa == 0 ? sign * double.PositiveInfinity : double.NaN;
        }

        return exponent == 0
            ? sign * mantissa * Math.Pow(2, 1 - bias - mantissaBits)
            : sign * (mantissa + (1 << mantissaBits)) * Math.Pow(2, exponent - bias - mantissaBits);
    }
}
