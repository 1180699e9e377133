using System.Numerics;

namespace Camels.Kernels.Ops;

/// <summary>
/// One row of logits from which only the largest are kept. Instead of sorting, the smallest kept logit is found digit by digit from a
/// histogram, so that nothing is allocated and the work grows with the vocabulary alone.
/// </summary>
internal unsafe struct SampleRow(float* logits, int vocabulary, float largest, float temperature)
{
    private const int DigitBits = 8;
    private const int Buckets = 1 << DigitBits;

    /// <summary>Weights computed at a time.</summary>
    private const int BlockIds = 256;

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
    public readonly double TotalWeight() => Walk(double.PositiveInfinity).Sum;

    /// <summary>The first kept id at which the running sum of weights exceeds <paramref name="threshold"/>, which is below the total.</summary>
    public readonly int Find(double threshold)
    {
        int id = Walk(threshold).Id;
        return id < vocabulary ? id : throw new InvalidOperationException("the threshold is not below the total weight");
    }

    // Adds the weights of the kept ids in order until the sum exceeds the threshold at id.
    private readonly (double Sum, int Id) Walk(double threshold)
    {
        Span<float> weights = stackalloc float[BlockIds];
        double sum = 0;
        int ties = 0;
        for (int first = 0; first < vocabulary; first += BlockIds)
        {
            int count = Math.Min(BlockIds, vocabulary - first);
            FillWeights(weights, first, count);
            for (int i = 0; i < count; i++)
            {
                if (IsKept(Key(logits[first + i]), ref ties))
                {
                    sum += weights[i];
                    if (sum > threshold)
                    {
                        return (sum, first + i);
                    }
                }
            }
        }

        return (sum, vocabulary);
    }

    private readonly void FillWeights(Span<float> weights, int first, int count)
    {
        int width = Vector<float>.Count;
        Vector<float> shift = new(largest);
        int i = 0;
        for (; i <= count - width; i += width)
        {
            CpuMath.Exp((CpuF32.Load(logits, first + i) - shift) / temperature).CopyTo(weights[i..]);
        }

        for (; i < count; i++)
        {
            weights[i] = Weight(logits[first + i]);
        }
    }

    // Unsigned integers in the order of the numbers: all bits of negative ones turned, the sign of the others. −0 is 0. The sign of a logit
    // is as good as random: no branch.
    private static uint Key(float logit)
    {
        int bits = BitConverter.SingleToInt32Bits(logit + 0f);
        return (uint)(bits ^ ((bits >> 31) | int.MinValue));
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

    // The sums over the kept ids with this prefix for each value of the next digit.
    private readonly void SumByDigit(Span<double> sums, uint prefix, int shift, bool byWeight)
    {
        sums.Clear();
        int ties = 0;
        int width = Vector<float>.Count;
        Vector<float> smallest = new(LogitOf((uint)((ulong)prefix << (shift + DigitBits))));
        for (int first = 0; first < vocabulary; first += width)
        {
            int end = Math.Min(vocabulary, first + width);
            if (end - first == width && Vector.LessThanAll(CpuF32.Load(logits, first), smallest))
            {
                continue;              // all have smaller prefixes, which is usual behind the first digit
            }

            for (int v = first; v < end; v++)
            {
                uint key = Key(logits[v]);
                if (((ulong)key >> (shift + DigitBits)) == prefix && IsKept(key, ref ties))
                {
                    sums[(int)(key >> shift) & (Buckets - 1)] += byWeight ? Weight(logits[v]) : 1;
                }
            }
        }
    }

    private readonly bool IsKept(uint key, ref int ties) =>
        key > _smallestKey || (key == _smallestKey && ties++ < _smallestCount);

    private readonly double WeightOfKey(uint key, bool byWeight) => byWeight ? Weight(LogitOf(key)) : 1;

    private readonly float Weight(float logit) => CpuMath.Exp((logit - largest) / temperature);
}
