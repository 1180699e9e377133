using System.Numerics;
using System.Runtime.Intrinsics;

namespace Camels.Kernels;

/// <summary>
/// The logarithm of the softmax over a row of logits that may arrive in pieces. The row is taken in blocks of
/// <see cref="BlockElements"/> from its start, each summed beside its own largest logit, and the blocks are joined from left to right. The
/// loss in training and the log-probabilities in generation both use this one order, and so have equal bits.
/// </summary>
internal struct CpuLogSumExp()
{
    /// <summary>Every piece but the last of a row must be a multiple of this.</summary>
    public const int BlockElements = 512;

    private float _largest = float.NegativeInfinity;
    private float _sum;

    /// <summary>The largest logit so far.</summary>
    public readonly float Largest => _largest;

    /// <summary>The logarithm of the sum of exponentials of what the logits are above <see cref="Largest"/>.</summary>
    public readonly float LogOfSum => MathF.Log(_sum);

    /// <summary>The logarithm of the softmax at <paramref name="logit"/>; NaN where a logit of the row was NaN or +∞.</summary>
    public readonly float LogProbability(float logit) => logit - Largest - LogOfSum;

    /// <summary>Takes the next piece of the row in.</summary>
    public unsafe void Add(float* logits, int count)
    {
        for (int i = 0; i < count; i += BlockElements)
        {
            AddBlock(logits + i, Math.Min(BlockElements, count - i));
        }
    }

    private unsafe void AddBlock(float* logits, int count)
    {
        float largest = LargestOf(logits, count);
        if (float.IsNegativeInfinity(largest))
        {
            return;         // every exponential is 0, and −∞ − −∞ would be NaN
        }

        float sum = SumOfExponentials(logits, count, largest);
        if (largest <= _largest)
        {
            _sum += sum * CpuMath.Exp(largest - _largest);
        }
        else
        {
            _sum = (_sum * CpuMath.Exp(_largest - largest)) + sum;
            _largest = largest;
        }
    }

    // NaN where one is there.
    private static unsafe float LargestOf(float* logits, int count)
    {
        int width = Vector<float>.Count;
        Vector<float> lanes = new(float.NegativeInfinity);
        int i = 0;
        for (; i <= count - width; i += width)
        {
            lanes = Vector.Max(lanes, CpuF32.Load(logits, i));
        }

        float largest = float.NegativeInfinity;
        for (int lane = 0; lane < width; lane++)
        {
            largest = MathF.Max(largest, lanes[lane]);
        }

        for (; i < count; i++)
        {
            largest = MathF.Max(largest, logits[i]);
        }

        return largest;
    }

    // Sixteen lanes: two registers, or one with the same sums.
    private static unsafe float SumOfExponentials(float* logits, int count, float largest)
    {
        int width = Vector<float>.Count;
        Vector<float> even = Vector<float>.Zero;
        Vector<float> odd = Vector<float>.Zero;
        int i = 0;
        if (CpuPath.UsesVector512)
        {
            Vector512<float> both = Vector512<float>.Zero;
            for (; i <= count - (2 * width); i += 2 * width)
            {
                both += CpuMath.Exp(Vector512.Load(logits + i) - Vector512.Create(largest));
            }

            (even, odd) = (both.GetLower().AsVector(), both.GetUpper().AsVector());
        }

        for (; i <= count - (2 * width); i += 2 * width)
        {
            even += CpuMath.Exp(CpuF32.Load(logits, i) - new Vector<float>(largest));
            odd += CpuMath.Exp(CpuF32.Load(logits, i + width) - new Vector<float>(largest));
        }

        float sum = Vector.Sum(even + odd);
        for (; i < count; i++)
        {
            sum += CpuMath.Exp(logits[i] - largest);
        }

        return sum;
    }
}
