namespace Camels.Kernels.Ops;

/// <summary>
/// One row of logits from which only the largest are kept. Instead of sorting, the smallest kept logit is found digit by digit from a
/// histogram, so that nothing is allocated and the work grows with the vocabulary alone.
/// </summary>
internal unsafe struct SampleRow(float* logits, int vocabulary, float largest, float temperature)
{
    private const int DigitBits = 8;
    private const int Buckets = 1 << DigitBits;

    // Kept are the ids with a key above this, and the first so many ids with just this key.
    private uint _smallestKey = 0;
    private int _smallestCount = int.MaxValue;

    /// <summary>
    /// Of the ids kept so far keeps the fewest, largest logits first and lower ids first among equals, whose weights (or whose number)
    /// together reach <paramref name="target"/>.
    /// </summary>
    public void Keep(bool byWeight, double target)
    {
        Span<double> sums = stackalloc double[Buckets];
        uint prefix = 0;
        double above = 0;
        for (int shift = 32 - DigitBits; shift >= 0; shift -= DigitBits)
        {
            SumByDigit(sums, prefix, shift, byWeight);
            int digit = LowestDigitNeeded(sums, target, ref above);
            prefix = (prefix << DigitBits) | (uint)digit;
        }

        int ties = (int)Math.Ceiling((target - above) / WeightOfKey(prefix, byWeight));
        _smallestCount = Math.Max(1, prefix == _smallestKey ? Math.Min(ties, _smallestCount) : ties);
        _smallestKey = prefix;
    }

    /// <summary>The sum of exp((logit − largest) / temperature) over the kept ids.</summary>
    public readonly double TotalWeight()
    {
        double total = 0;
        int ties = 0;
        for (int v = 0; v < vocabulary; v++)
        {
            if (IsKept(Key(logits[v]), ref ties))
            {
                total += Weight(logits[v]);
            }
        }

        return total;
    }

    /// <summary>The first kept id at which the running sum of weights exceeds <paramref name="threshold"/>, which is below the total.</summary>
    public readonly int Find(double threshold)
    {
        double running = 0;
        int ties = 0;
        for (int v = 0; v < vocabulary; v++)
        {
            if (IsKept(Key(logits[v]), ref ties))
            {
                running += Weight(logits[v]);
                if (running > threshold)
                {
                    return v;
                }
            }
        }

        throw new InvalidOperationException("the threshold is not below the total weight");
    }

    // Unsigned integers in the order of the numbers; −0 is 0.
    private static uint Key(float logit)
    {
        uint bits = BitConverter.SingleToUInt32Bits(logit + 0f);
        return (bits & 0x8000_0000) != 0 ? ~bits : bits | 0x8000_0000;
    }

    private static float LogitOf(uint key) =>
        BitConverter.UInt32BitsToSingle((key & 0x8000_0000) != 0 ? key & 0x7FFF_FFFF : ~key);

    // The largest digit down to which the sums reach the target; above, the sum over all larger keys, takes in those passed over. Where
    // rounding puts the target above the sum of all, the smallest digit that occurs.
    private static int LowestDigitNeeded(ReadOnlySpan<double> sums, double target, ref double above)
    {
        int needed = -1;
        for (int digit = Buckets - 1; digit >= 0; digit--)
        {
            if (sums[digit] == 0)
            {
                continue;
            }

            above += needed < 0 ? 0 : sums[needed];
            needed = digit;
            if (above + sums[digit] >= target)
            {
                break;
            }
        }

        return needed;
    }

    private readonly void SumByDigit(Span<double> sums, uint prefix, int shift, bool byWeight)
    {
        sums.Clear();
        int ties = 0;
        for (int v = 0; v < vocabulary; v++)
        {
            uint key = Key(logits[v]);
            if (IsKept(key, ref ties) && ((ulong)key >> (shift + DigitBits)) == prefix)
            {
                sums[(int)(key >> shift) & (Buckets - 1)] += byWeight ? Weight(logits[v]) : 1;
            }
        }
    }

    private readonly bool IsKept(uint key, ref int ties) =>
        key > _smallestKey || (key == _smallestKey && ties++ < _smallestCount);

    private readonly double WeightOfKey(uint key, bool byWeight) => byWeight ? Weight(LogitOf(key)) : 1;

    private readonly float Weight(float logit) => CpuMath.Exp((logit - largest) / temperature);
}
