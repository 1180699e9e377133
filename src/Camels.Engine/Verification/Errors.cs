namespace Camels.Engine.Verification;

/// <summary>The measures of difference that golden tolerances are given in.</summary>
internal static class Errors
{
    /// <summary>max|a − b| / max|b| over the tensor.</summary>
    public static double RelativeToMaximum(ReadOnlySpan<double> actual, ReadOnlySpan<double> expected)
    {
        RequireEqualLengths(actual, expected);
        double error = 0;
        double largest = 0;
        for (int i = 0; i < expected.Length; i++)
        {
            error = Larger(error, Math.Abs(actual[i] - expected[i]));
            largest = Math.Max(largest, Math.Abs(expected[i]));
        }

        return error == 0 ? 0 : error / largest;
    }

    /// <summary>|a − b| / |b|.</summary>
    public static double Relative(double actual, double expected) =>
        actual == expected ? 0 : Math.Abs(actual - expected) / Math.Abs(expected);

    /// <summary>The largest |a − b| / (absolute + relative · |b|): at most 1 where every element is within.</summary>
    public static double ShareOfTolerance(ReadOnlySpan<double> actual, ReadOnlySpan<double> expected, double absolute, double relative)
    {
        RequireEqualLengths(actual, expected);
        double share = 0;
        for (int i = 0; i < expected.Length; i++)
        {
            double error = Math.Abs(actual[i] - expected[i]);
            share = Larger(share, error == 0 ? 0 : error / (absolute + (relative * Math.Abs(expected[i]))));
        }

        return share;
    }

    /// <summary>The larger of two errors, where NaN is larger than everything.</summary>
    public static double Larger(double a, double b) => double.IsNaN(a) || double.IsNaN(b) ? double.NaN : Math.Max(a, b);

    private static void RequireEqualLengths(ReadOnlySpan<double> actual, ReadOnlySpan<double> expected)
    {
        if (actual.Length != expected.Length)
        {
            throw new ArgumentException($"{actual.Length} values compared with {expected.Length}");
        }
    }
}
