namespace Camels.Kernels.Ops;

/// <summary>
/// The 256 values of the dynamic tree type, ascending (Dettmers, "8-Bit Approximations for Parallelism in Deep Learning"): 0, 1, and for each of the
/// seven decades below 1 the middles of equal parts, half as many in each decade as in the one above: 64 to 1 on either side of zero, or 128
/// to 2 without sign.
/// </summary>
internal sealed class DynamicCodes
{
    private const int Decades = 7;

    // Beside code c the middle between the values c and c + 1; beside the last one infinity.
    private readonly float[] _thresholds = new float[256];

    // By sign, exponent and upper 7 bits of a single: the code of the smallest single that begins so. The next threshold decides, as no two lie
    // in one such interval.
    private readonly byte[] _starts = new byte[1 << 16];

    private DynamicCodes(bool isSigned)
    {
        Values = [.. ValuesOf(isSigned).Order()];
        for (int code = 0; code < 255; code++)
        {
            _thresholds[code] = (Values[code] + Values[code + 1]) / 2;
        }

        _thresholds[255] = float.PositiveInfinity;
        if (!isSigned)
        {
            _thresholds[0] = 0;
        }

        for (int start = 0; start < _starts.Length; start++)
        {
            bool isNegative = start >= 1 << 15;
            float smallest = BitConverter.UInt32BitsToSingle(((uint)start << 16) | (isNegative ? 0xFFFFu : 0));
            _starts[start] = (byte)Nearest(smallest);
        }
    }

    /// <summary>What a code stands for, in units of its block's scale.</summary>
    public float[] Values { get; }

    private static readonly DynamicCodes _signed = new(isSigned: true);
    private static readonly DynamicCodes _unsigned = new(isSigned: false);

    /// <summary>The table with or without negative values.</summary>
    public static DynamicCodes Of(bool isSigned) => isSigned ? _signed : _unsigned;

    /// <summary>The code nearest to a number from -1 to 1.</summary>
    public int Nearest(double value)
    {
        int code = 0;
        while (value > _thresholds[code])
        {
            code++;
        }

        return code;
    }

    /// <summary><see cref="Nearest(double)"/> in a few instructions.</summary>
    public int NearestSingle(float value)
    {
        int start = _starts[BitConverter.SingleToUInt32Bits(value) >> 16];
        return value > _thresholds[start] ? start + 1 : start;
    }

    private static IEnumerable<float> ValuesOf(bool isSigned)
    {
        yield return 0;
        yield return 1;
        for (int decade = 0; decade < Decades; decade++)
        {
            int parts = (isSigned ? 64 : 128) >> decade;
            for (int part = 0; part < parts; part++)
            {
                float value = (float)((0.1 + (0.9 * (part + 0.5) / parts)) * Math.Pow(10, -decade));
                yield return value;
                if (isSigned)
                {
                    yield return -value;
                }
            }
        }
    }
}
