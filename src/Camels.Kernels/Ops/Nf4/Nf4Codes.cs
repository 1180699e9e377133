namespace Camels.Kernels.Ops;

/// <summary>The 16 values of NF4, and which of them is the nearest.</summary>
internal static class Nf4Codes
{
    /// <summary>As QLoRA publishes them: quantiles of the normal distribution with an exact zero.</summary>
    public static float[] Values { get; } =
    [
        -1.0f, -0.6961928009986877f, -0.5250730514526367f, -0.39491748809814453f, -0.28444138169288635f, -0.18477343022823334f,
        -0.09105003625154495f, 0.0f, 0.07958029955625534f, 0.16093020141124725f, 0.24611230194568634f, 0.33791524171829224f,
        0.44070982933044434f, 0.5626170039176941f, 0.7229568362236023f, 1.0f,
    ];

    private static readonly float[] _middles = [.. Values.Zip(Values.Skip(1), (low, high) => (low + high) / 2)];

    /// <summary>The code of a value from -1 to 1; in the middle of two the lower one.</summary>
    public static int NearestValue(double value)
    {
        int low = 0;
        int high = _middles.Length;
        while (low < high)
        {
            int middle = (low + high) / 2;
            (low, high) = _middles[middle] < value ? (middle + 1, high) : (low, middle);
        }

        return low;
    }
}
