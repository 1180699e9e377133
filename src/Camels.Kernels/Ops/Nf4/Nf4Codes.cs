namespace Camels.Kernels.Ops;

/// <summary>The values that 4 and 8 bits stand for, and which of them is the nearest.</summary>
internal static class Nf4Codes
{
    private const int DynamicExponents = 7;

    /// <summary>The 16 values of NF4, as QLoRA publishes them: quantiles of the normal distribution with an exact zero.</summary>
    public static float[] Values { get; } =
    [
        -1.0f, -0.6961928009986877f, -0.5250730514526367f, -0.39491748809814453f, -0.28444138169288635f, -0.18477343022823334f,
        -0.09105003625154495f, 0.0f, 0.07958029955625534f, 0.16093020141124725f, 0.24611230194568634f, 0.33791524171829224f,
        0.44070982933044434f, 0.5626170039176941f, 0.7229568362236023f, 1.0f,
    ];

    /// <summary>The 256 values of the signed dynamic type (Dettmers, "8-Bit Approximations for Parallelism in Deep Learning"), ascending.</summary>
    public static float[] Dynamic { get; } = DynamicValues();

    private static readonly float[] _thresholds = Middles(Values);
    private static readonly float[] _dynamicThresholds = Middles(Dynamic);

    /// <summary>The code of a value from -1 to 1; on a threshold the lower one.</summary>
    public static int NearestValue(double value) => CountBelow(_thresholds, value);

    /// <summary>The dynamic code nearest to a value from -1 to 1.</summary>
    public static int NearestDynamic(double value) => CountBelow(_dynamicThresholds, value);

    private static int CountBelow(float[] thresholds, double value)
    {
        int low = 0;
        int high = thresholds.Length;
        while (low < high)
        {
            int middle = (low + high) / 2;
            (low, high) = thresholds[middle] < value ? (middle + 1, high) : (low, middle);
        }

        return low;
    }

    private static float[] Middles(float[] values)
    {
        float[] middles = new float[values.Length - 1];
        for (int i = 0; i < middles.Length; i++)
        {
            middles[i] = (values[i] + values[i + 1]) / 2;
        }

        return middles;
    }

    // For each power of ten from 1e-6 to 1, twice as many equal parts of [0.1, 1] as for the one before, the middle of each; both signs; 0 and 1.
    private static float[] DynamicValues()
    {
        List<float> values = [0, 1];
        for (int exponent = 0; exponent < DynamicExponents; exponent++)
        {
            int parts = 1 << exponent;
            for (int part = 0; part < parts; part++)
            {
                double middle = Math.Pow(10, exponent - DynamicExponents + 1) * (0.1 + (0.9 * (part + 0.5) / parts));
                values.Add((float)middle);
                values.Add((float)-middle);
            }
        }

        values.Sort();
        return [.. values];
    }
}
