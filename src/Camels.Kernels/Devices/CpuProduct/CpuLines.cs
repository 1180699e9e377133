using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Camels.Kernels;

/// <summary>
/// Up to 16 vectors of singles or bfloat16 along k, read a cache line of each at a time and transposed in 512-bit registers, so that the
/// elements of a step lie in one register. Nothing is read twice, and what is read soon is fetched meanwhile: the vectors' own
/// next lines, and at their end the first ones of the vectors that lie a given distance ahead.
/// </summary>
internal readonly unsafe struct CpuLines
{
    /// <summary>Vectors of a register.</summary>
    public const int Width = 16;

    private const int LineBytes = 64;

    // Far enough for the latency of memory, and near enough that what was fetched is still in the first cache when it is read: from the second
    // one it would come through the same few buffers that wait for memory.
    private const int LinesAhead = 5;

    private readonly CpuOperand _vectors;
    private readonly int _count;

    /// <param name="vectors">The first vector; k is innermost.</param>
    /// <param name="count">How many there are, 1 to 16; the last one stands in for the others.</param>
    public CpuLines(CpuOperand vectors, int count)
    {
        _vectors = vectors;
        _count = count;
    }

    /// <summary>Adds to 16 sums the products of the vectors with <paramref name="factors"/>, each a chain in the order of k.</summary>
    [SkipLocalsInit]
    public Vector512<float> Sum(Vector512<float> sums, float* factors, int steps, nint aheadBytes)
    {
        byte** rows = stackalloc byte*[Width];
        Rows(rows);
        int done = _vectors.DType == DType.F32 ? Done<Single>(steps) : Done<Narrow>(steps);
        sums = _vectors.DType == DType.F32
            ? Run<Single, Chain>(sums, factors, rows, done / Single.StepsPerLine, aheadBytes)
            : Run<Narrow, Chain>(sums, factors, rows, done / Narrow.StepsPerLine, aheadBytes);
        float* step = stackalloc float[Width];
        for (int k = done; k < steps; k++)
        {
            LoadStep(step, rows, k);
            sums = Avx512F.FusedMultiplyAdd(Vector512.Create(factors[k]), Vector512.Load(step), sums);
        }

        return sums;
    }

    /// <summary>Writes the 16 elements of each step to the panel of a tile.</summary>
    [SkipLocalsInit]
    public void Pack(float* panel, int steps, nint aheadBytes)
    {
        byte** rows = stackalloc byte*[Width];
        Rows(rows);
        int done = _vectors.DType == DType.F32 ? Done<Single>(steps) : Done<Narrow>(steps);
        _ = _vectors.DType == DType.F32
            ? Run<Single, Panel>(default, panel, rows, done / Single.StepsPerLine, aheadBytes)
            : Run<Narrow, Panel>(default, panel, rows, done / Narrow.StepsPerLine, aheadBytes);
        for (int k = done; k < steps; k++)
        {
            LoadStep(panel + (k * CpuTile.Columns), rows, k);
        }
    }

    // Steps in whole lines.
    private static int Done<T>(int steps)
        where T : struct, IElements => steps / T.StepsPerLine * T.StepsPerLine;

    private void Rows(byte** rows)
    {
        nint stride = _vectors.Stride * _vectors.ElementBytes;
        if (_count == Width)
        {
            Vector512<long> first = Vector512.Create((long)_vectors.Address) + (Vector512<long>.Indices * stride);
            first.Store((long*)rows);
            (first + Vector512.Create((long)stride * Width / 2)).Store((long*)rows + (Width / 2));
            return;
        }

        for (int i = 0; i < Width; i++)
        {
            rows[i] = (byte*)_vectors.Address + (Math.Min(i, _count - 1) * stride);
        }
    }

    private void LoadStep(float* step, byte** rows, int k)
    {
        for (int i = 0; i < Width; i++)
        {
            step[i] = _vectors.DType == DType.F32 ? CpuF32.LoadOne(rows[i], k) : CpuBF16.LoadOne(rows[i], k);
        }
    }

    // The lines of 16 vectors become the 16 elements of each step: pairs of rows, then fours, then quarters of registers. Meanwhile some lines on
    // are fetched, near the vectors' end those of the vectors that lie ahead.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static Vector512<float> Run<T, TUse>(Vector512<float> sum, float* memory, byte** rows, nint lines, nint ahead)
        where T : struct, IElements
        where TUse : struct, IUse
    {
        nint near = Math.Min(LinesAhead, lines);
        for (nint line = 0; line < lines; line++)
        {
            nint at = line * LineBytes;
            nint fetched = (near * LineBytes) + (line < lines - near ? 0 : ahead - (lines * LineBytes));
            Vector512<float> r0 = Line(rows[0] + at, fetched);
            Vector512<float> r1 = Line(rows[1] + at, fetched);
            Vector512<float> r2 = Line(rows[2] + at, fetched);
            Vector512<float> r3 = Line(rows[3] + at, fetched);
            Vector512<float> r4 = Line(rows[4] + at, fetched);
            Vector512<float> r5 = Line(rows[5] + at, fetched);
            Vector512<float> r6 = Line(rows[6] + at, fetched);
            Vector512<float> r7 = Line(rows[7] + at, fetched);
            Vector512<float> r8 = Line(rows[8] + at, fetched);
            Vector512<float> r9 = Line(rows[9] + at, fetched);
            Vector512<float> r10 = Line(rows[10] + at, fetched);
            Vector512<float> r11 = Line(rows[11] + at, fetched);
            Vector512<float> r12 = Line(rows[12] + at, fetched);
            Vector512<float> r13 = Line(rows[13] + at, fetched);
            Vector512<float> r14 = Line(rows[14] + at, fetched);
            Vector512<float> r15 = Line(rows[15] + at, fetched);
            Vector512<float> l0 = Avx512F.UnpackLow(r0, r1), h0 = Avx512F.UnpackHigh(r0, r1);
            Vector512<float> l1 = Avx512F.UnpackLow(r2, r3), h1 = Avx512F.UnpackHigh(r2, r3);
            Vector512<float> l2 = Avx512F.UnpackLow(r4, r5), h2 = Avx512F.UnpackHigh(r4, r5);
            Vector512<float> l3 = Avx512F.UnpackLow(r6, r7), h3 = Avx512F.UnpackHigh(r6, r7);
            Vector512<float> l4 = Avx512F.UnpackLow(r8, r9), h4 = Avx512F.UnpackHigh(r8, r9);
            Vector512<float> l5 = Avx512F.UnpackLow(r10, r11), h5 = Avx512F.UnpackHigh(r10, r11);
            Vector512<float> l6 = Avx512F.UnpackLow(r12, r13), h6 = Avx512F.UnpackHigh(r12, r13);
            Vector512<float> l7 = Avx512F.UnpackLow(r14, r15), h7 = Avx512F.UnpackHigh(r14, r15);
            Vector512<float> q00 = Pairs(l0, l1, upper: false), q01 = Pairs(l0, l1, upper: true);
            Vector512<float> q02 = Pairs(h0, h1, upper: false), q03 = Pairs(h0, h1, upper: true);
            Vector512<float> q10 = Pairs(l2, l3, upper: false), q11 = Pairs(l2, l3, upper: true);
            Vector512<float> q12 = Pairs(h2, h3, upper: false), q13 = Pairs(h2, h3, upper: true);
            Vector512<float> q20 = Pairs(l4, l5, upper: false), q21 = Pairs(l4, l5, upper: true);
            Vector512<float> q22 = Pairs(h4, h5, upper: false), q23 = Pairs(h4, h5, upper: true);
            Vector512<float> q30 = Pairs(l6, l7, upper: false), q31 = Pairs(l6, l7, upper: true);
            Vector512<float> q32 = Pairs(h6, h7, upper: false), q33 = Pairs(h6, h7, upper: true);
            Vector512<float> e0 = Avx512F.Shuffle4x128(q00, q10, 0x88), o0 = Avx512F.Shuffle4x128(q00, q10, 0xDD);
            Vector512<float> f0 = Avx512F.Shuffle4x128(q20, q30, 0x88), p0 = Avx512F.Shuffle4x128(q20, q30, 0xDD);
            Vector512<float> e1 = Avx512F.Shuffle4x128(q01, q11, 0x88), o1 = Avx512F.Shuffle4x128(q01, q11, 0xDD);
            Vector512<float> f1 = Avx512F.Shuffle4x128(q21, q31, 0x88), p1 = Avx512F.Shuffle4x128(q21, q31, 0xDD);
            Vector512<float> e2 = Avx512F.Shuffle4x128(q02, q12, 0x88), o2 = Avx512F.Shuffle4x128(q02, q12, 0xDD);
            Vector512<float> f2 = Avx512F.Shuffle4x128(q22, q32, 0x88), p2 = Avx512F.Shuffle4x128(q22, q32, 0xDD);
            Vector512<float> e3 = Avx512F.Shuffle4x128(q03, q13, 0x88), o3 = Avx512F.Shuffle4x128(q03, q13, 0xDD);
            Vector512<float> f3 = Avx512F.Shuffle4x128(q23, q33, 0x88), p3 = Avx512F.Shuffle4x128(q23, q33, 0xDD);
            sum = TUse.Take<T>(sum, memory, 0, Avx512F.Shuffle4x128(e0, f0, 0x88));
            sum = TUse.Take<T>(sum, memory, 1, Avx512F.Shuffle4x128(e1, f1, 0x88));
            sum = TUse.Take<T>(sum, memory, 2, Avx512F.Shuffle4x128(e2, f2, 0x88));
            sum = TUse.Take<T>(sum, memory, 3, Avx512F.Shuffle4x128(e3, f3, 0x88));
            sum = TUse.Take<T>(sum, memory, 4, Avx512F.Shuffle4x128(o0, p0, 0x88));
            sum = TUse.Take<T>(sum, memory, 5, Avx512F.Shuffle4x128(o1, p1, 0x88));
            sum = TUse.Take<T>(sum, memory, 6, Avx512F.Shuffle4x128(o2, p2, 0x88));
            sum = TUse.Take<T>(sum, memory, 7, Avx512F.Shuffle4x128(o3, p3, 0x88));
            sum = TUse.Take<T>(sum, memory, 8, Avx512F.Shuffle4x128(e0, f0, 0xDD));
            sum = TUse.Take<T>(sum, memory, 9, Avx512F.Shuffle4x128(e1, f1, 0xDD));
            sum = TUse.Take<T>(sum, memory, 10, Avx512F.Shuffle4x128(e2, f2, 0xDD));
            sum = TUse.Take<T>(sum, memory, 11, Avx512F.Shuffle4x128(e3, f3, 0xDD));
            sum = TUse.Take<T>(sum, memory, 12, Avx512F.Shuffle4x128(o0, p0, 0xDD));
            sum = TUse.Take<T>(sum, memory, 13, Avx512F.Shuffle4x128(o1, p1, 0xDD));
            sum = TUse.Take<T>(sum, memory, 14, Avx512F.Shuffle4x128(o2, p2, 0xDD));
            sum = TUse.Take<T>(sum, memory, 15, Avx512F.Shuffle4x128(o3, p3, 0xDD));
            memory += TUse.ElementsPerStep * T.StepsPerLine;
        }

        return sum;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<float> Pairs(Vector512<float> first, Vector512<float> second, bool upper) => upper
        ? Avx512F.UnpackHigh(first.AsDouble(), second.AsDouble()).AsSingle()
        : Avx512F.UnpackLow(first.AsDouble(), second.AsDouble()).AsSingle();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<float> Line(byte* line, nint fetched)
    {
        Sse.Prefetch0(line + fetched);
        return Vector512.Load(line).AsSingle();
    }

    /// <summary>What a line of 64 bytes holds.</summary>
    private interface IElements
    {
        static abstract int StepsPerLine { get; }
    }

    private readonly struct Single : IElements
    {
        public static int StepsPerLine => Width;
    }

    // Two steps lie in each 32 bits, the earlier one in the lower half.
    private readonly struct Narrow : IElements
    {
        public static int StepsPerLine => 2 * Width;
    }

    /// <summary>What becomes of the 16 vectors' elements of the steps that share a place of their lines.</summary>
    private interface IUse
    {
        /// <summary>Elements from one step to the next in the memory that is given.</summary>
        static abstract int ElementsPerStep { get; }

        static abstract Vector512<float> Take<T>(Vector512<float> sum, float* memory, int place, Vector512<float> elements)
            where T : struct, IElements;
    }

    // They are multiplied with the steps' factors and added to the sums.
    private readonly struct Chain : IUse
    {
        public static int ElementsPerStep => 1;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector512<float> Take<T>(Vector512<float> sum, float* memory, int place, Vector512<float> elements)
            where T : struct, IElements
        {
            if (T.StepsPerLine == Width)
            {
                return Avx512F.FusedMultiplyAdd(Vector512.Create(memory[place]), elements, sum);
            }

            sum = Avx512F.FusedMultiplyAdd(Vector512.Create(memory[2 * place]), Earlier(elements), sum);
            return Avx512F.FusedMultiplyAdd(Vector512.Create(memory[(2 * place) + 1]), Later(elements), sum);
        }
    }

    // They are kept.
    private readonly struct Panel : IUse
    {
        public static int ElementsPerStep => CpuTile.Columns;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector512<float> Take<T>(Vector512<float> sum, float* memory, int place, Vector512<float> elements)
            where T : struct, IElements
        {
            if (T.StepsPerLine == Width)
            {
                elements.Store(memory + (place * CpuTile.Columns));
                return sum;
            }

            Earlier(elements).Store(memory + (2 * place * CpuTile.Columns));
            Later(elements).Store(memory + (((2 * place) + 1) * CpuTile.Columns));
            return sum;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<float> Earlier(Vector512<float> pairs) => (pairs.AsUInt32() << 16).AsSingle();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<float> Later(Vector512<float> pairs) => (pairs.AsUInt32() & Vector512.Create(0xFFFF0000u)).AsSingle();
}
