using Camels.Kernels.Ops;
using Xunit;

namespace Camels.Kernels.Tests.Ops;

[Trait("Category", "Paths")]
public class BlockCodesTests
{
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Every_code_is_the_nearest_one(bool isSigned)
    {
        DynamicCodes table = DynamicCodes.Of(isSigned);
        Assert.Equal(256, table.Values.Distinct().Count());
        Assert.Equal(1, table.Values[^1]);
        Assert.Contains(0, table.Values);
        for (int code = 0; code < 256; code++)
        {
            Assert.Equal(code, table.NearestSingle(table.Values[code]));
        }

        for (long bits = 0; bits <= 0x3F80_0000; bits += 99_991)
        {
            float value = BitConverter.UInt32BitsToSingle((uint)bits);
            Check(table, value);
            if (isSigned)
            {
                Check(table, -value);
            }
        }

        for (int code = 0; code < 255; code++)
        {
            float middle = (table.Values[code] + table.Values[code + 1]) / 2;
            Check(table, middle);
            Check(table, MathF.BitIncrement(middle));
            Check(table, MathF.BitDecrement(middle));
        }
    }

    [Fact]
    public void What_is_above_zero_stays_above_zero_without_sign()
    {
        DynamicCodes table = DynamicCodes.Of(isSigned: false);
        Assert.Equal(0, table.NearestSingle(0));
        Assert.Equal(1, table.NearestSingle(float.Epsilon));
    }

    // Of all 256 values none is nearer; without sign zero is left to zero.
    private static void Check(DynamicCodes table, float value)
    {
        int code = table.NearestSingle(value);
        Assert.Equal(table.Nearest(value), code);
        double distance = Math.Abs((double)table.Values[code] - value);
        bool isUnsigned = table.Values[0] == 0;
        double nearest = table.Values.Skip(isUnsigned && value > 0 ? 1 : 0).Min(v => Math.Abs((double)v - value));
        // A middle is a single: half a step of it at 1.
        Assert.InRange(distance, 0, nearest + Math.ScaleB(1, -24));
    }
}
