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
    private const int LineBytes = 64;

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
        nint ahead = KeysAhead * keys.Stride * keys.ElementBytes;
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

    // Each column is one chain over the keys; four registers of columns at a time.
    private readonly void AddValues(float* results, float* weights, CpuOperand values, int count)
    {
        int d = 0;
        for (; d <= HeadWidth - (4 * Width); d += 4 * Width)
        {
            AddFour(results + d, weights, values.From(0, d), count);
        }

        for (; d < HeadWidth; d += Width)
        {
            Vector512<float> chain = Vector512.Load(results + d);
            for (int j = 0; j < count; j++)
            {
                chain = Avx512F.FusedMultiplyAdd(Vector512.Create(weights[j]), Load((void*)values.Address, (j * values.Stride) + d), chain);
            }

            chain.Store(results + d);
        }
    }

    private static void AddFour(float* results, float* weights, CpuOperand values, int count)
    {
        void* row = (void*)values.Address;
        nint rowBytes = values.Stride * values.ElementBytes;
        Vector512<float> c0 = Vector512.Load(results);
        Vector512<float> c1 = Vector512.Load(results + Width);
        Vector512<float> c2 = Vector512.Load(results + (2 * Width));
        Vector512<float> c3 = Vector512.Load(results + (3 * Width));
        for (int j = 0; j < count; j++)
        {
            Vector512<float> weight = Vector512.Create(weights[j]);
            for (nint byteOfRow = 0; byteOfRow < 4 * Width * values.ElementBytes; byteOfRow += LineBytes)
            {
                Sse.Prefetch0((byte*)row + (KeysAhead * rowBytes) + byteOfRow);
            }

            c0 = Avx512F.FusedMultiplyAdd(weight, Load(row, 0), c0);
            c1 = Avx512F.FusedMultiplyAdd(weight, Load(row, Width), c1);
            c2 = Avx512F.FusedMultiplyAdd(weight, Load(row, 2 * Width), c2);
            c3 = Avx512F.FusedMultiplyAdd(weight, Load(row, 3 * Width), c3);
            row = (byte*)row + rowBytes;
        }

        c0.Store(results);
        c1.Store(results + Width);
        c2.Store(results + (2 * Width));
        c3.Store(results + (3 * Width));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<float> Load(void* source, nint i) => typeof(TElement) == typeof(CpuBF16)
        ? (Avx512F.ConvertToVector512UInt32(Vector256.Load((ushort*)source + i)) << 16).AsSingle()
        : Vector512.Load((float*)source + i);
}
