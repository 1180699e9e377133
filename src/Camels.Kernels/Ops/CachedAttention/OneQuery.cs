using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Camels.Kernels.Ops;

/// <summary>
/// One query against the cached keys of its sequence, in 512-bit registers. Lanes are keys for the scores and columns for the values, where
/// <see cref="AttentionForward{TElement, TVector, TRegister}"/>, whose lanes are queries, would leave fifteen of sixteen idle; every chain and
/// every rescaling is the same.
/// </summary>
internal unsafe struct OneQuery<TElement>
    where TElement : struct, ICpuElements
{
    private const int Width = CpuLines.Width;
    private const int KeysAhead = 16;

    /// <summary>Rows of the cache, one for each slot and position: keys, then values.</summary>
    public CpuOperand Keys;

    /// <summary>See <see cref="Keys"/>.</summary>
    public CpuOperand Values;

    /// <summary>Columns of a head.</summary>
    public int HeadWidth;

    /// <summary>Factor of the scores.</summary>
    public float Scale;

    /// <summary>True where this computes heads of <paramref name="headWidth"/> from elements of <paramref name="dtype"/>.</summary>
    public static bool Takes(DType dtype, int headWidth) =>
        CpuPath.UsesVector512 && dtype is DType.F32 or DType.BF16 && headWidth % Width == 0;

    /// <summary>Writes D elements of y at <paramref name="place"/> from those of q there, over keys from <paramref name="firstKey"/> on.</summary>
    [SkipLocalsInit]
    public readonly void Run(void* y, void* q, nint place, long firstKey, int keys, int firstColumn)
    {
        float* query = stackalloc float[HeadWidth];
        float* results = stackalloc float[HeadWidth];
        float* scores = stackalloc float[AttentionTile.Keys];
        AttentionPacking<TElement>.Load(query, q, place, HeadWidth, HeadWidth);
        new Span<float>(results, HeadWidth).Clear();
        Vector512<float> largest = Vector512.Create(float.NegativeInfinity);
        float sum = 0;
        for (int first = 0; first < keys; first += AttentionTile.Keys)
        {
            int count = Math.Min(AttentionTile.Keys, keys - first);
            Vector512<float> before = largest;
            largest = CpuVector512.Max(before, Scores(scores, query, Keys.From((nint)firstKey + first, firstColumn), count));
            Vector512<float> factor = AttentionExp<CpuVector512, Vector512<float>>.Run(before - largest);
            sum = Weights(scores, count, largest, sum * factor.ToScalar());
            if (first > 0 && factor.ToScalar() != 1)
            {
                for (int d = 0; d < HeadWidth; d += Width)
                {
                    (factor * Vector512.Load(results + d)).Store(results + d);
                }
            }

            AddValues(results, scores, Values.From((nint)firstKey + first, firstColumn), count);
        }

        AttentionPacking<TElement>.Store(y, place, results, HeadWidth, 1 / sum);
    }

    // Returns the largest score, scaled, in every lane.
    private readonly Vector512<float> Scores(float* scores, float* query, CpuOperand keys, int count)
    {
        nint ahead = KeysAhead * keys.Stride * keys.DType.Bytes();
        Vector512<float> largest = Vector512.Create(float.NegativeInfinity);
        for (int j = 0; j < count; j += Width)
        {
            // The last key stands in for those that do not exist, which changes no maximum.
            Vector512<float> block = new CpuLines(keys.From(j, k: 0), Math.Min(Width, count - j))
                .Sum(Vector512<float>.Zero, query, HeadWidth, ahead);
            block.Store(scores + j);
            largest = CpuVector512.Max(largest, block);
        }

        for (int half = Width / 2; half > 0; half /= 2)
        {
            Vector512<int> turned = (Vector512<int>.Indices + Vector512.Create(half)) & Vector512.Create(Width - 1);
            largest = CpuVector512.Max(largest, Vector512.Shuffle(largest, turned));
        }

        return Vector512.Create(Scale) * largest;
    }

    // Scores become exp(scale * score - largest), and are added to the sum key by key.
    private readonly float Weights(float* scores, int count, Vector512<float> largest, float sum)
    {
        Vector512<float> scale = Vector512.Create(Scale);
        for (int j = 0; j < count; j += Width)
        {
            AttentionExp<CpuVector512, Vector512<float>>.Run((scale * Vector512.Load(scores + j)) - largest).Store(scores + j);
        }

        for (int j = 0; j < count; j++)
        {
            sum += scores[j];
        }

        return sum;
    }

    // Each column is one chain over the keys; eight registers of columns at a time.
    private readonly void AddValues(float* results, float* weights, CpuOperand values, int count)
    {
        int d = 0;
        for (; d <= HeadWidth - (8 * Vector<float>.Count); d += 8 * Vector<float>.Count)
        {
            AddEight(results + d, weights, values.From(0, d), count);
        }

        for (; d < HeadWidth; d += Vector<float>.Count)
        {
            Vector<float> chain = CpuF32.Load(results, d);
            for (int j = 0; j < count; j++)
            {
                chain = Vector.FusedMultiplyAdd(Vector.Create(weights[j]), TElement.Load((void*)values.Address, (j * values.Stride) + d), chain);
            }

            CpuF32.Store(results, d, chain);
        }
    }

    private static void AddEight(float* results, float* weights, CpuOperand values, int count)
    {
        void* row = (void*)values.Address;
        nint rowBytes = values.Stride * values.DType.Bytes();
        int width = Vector<float>.Count;
        Vector<float> c0 = CpuF32.Load(results, 0);
        Vector<float> c1 = CpuF32.Load(results, width);
        Vector<float> c2 = CpuF32.Load(results, 2 * width);
        Vector<float> c3 = CpuF32.Load(results, 3 * width);
        Vector<float> c4 = CpuF32.Load(results, 4 * width);
        Vector<float> c5 = CpuF32.Load(results, 5 * width);
        Vector<float> c6 = CpuF32.Load(results, 6 * width);
        Vector<float> c7 = CpuF32.Load(results, 7 * width);
        for (int j = 0; j < count; j++)
        {
            Vector<float> weight = Vector.Create(weights[j]);
            Sse.Prefetch0((byte*)row + (KeysAhead * rowBytes));
            c0 = Vector.FusedMultiplyAdd(weight, TElement.Load(row, 0), c0);
            c1 = Vector.FusedMultiplyAdd(weight, TElement.Load(row, width), c1);
            c2 = Vector.FusedMultiplyAdd(weight, TElement.Load(row, 2 * width), c2);
            c3 = Vector.FusedMultiplyAdd(weight, TElement.Load(row, 3 * width), c3);
            c4 = Vector.FusedMultiplyAdd(weight, TElement.Load(row, 4 * width), c4);
            c5 = Vector.FusedMultiplyAdd(weight, TElement.Load(row, 5 * width), c5);
            c6 = Vector.FusedMultiplyAdd(weight, TElement.Load(row, 6 * width), c6);
            c7 = Vector.FusedMultiplyAdd(weight, TElement.Load(row, 7 * width), c7);
            row = (byte*)row + rowBytes;
        }

        CpuF32.Store(results, 0, c0);
        CpuF32.Store(results, width, c1);
        CpuF32.Store(results, 2 * width, c2);
        CpuF32.Store(results, 3 * width, c3);
        CpuF32.Store(results, 4 * width, c4);
        CpuF32.Store(results, 5 * width, c5);
        CpuF32.Store(results, 6 * width, c6);
        CpuF32.Store(results, 7 * width, c7);
    }
}
