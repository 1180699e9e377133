using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using Camels.Kernels.Ops;

namespace Camels.Kernels;

/// <summary>
/// The product of few rows (decoding), where every weight is used so seldom that reading it from memory is the cost: one cache line of each
/// of 16 outputs at a time is transposed in registers and used at once, while as many lines of the next 16 outputs are fetched. The processor
/// alone, which sees 16 short streams, fetches at little more than half the speed of memory. The chains are those of <see cref="CpuTile"/>.
/// </summary>
internal static unsafe class CpuFewRows
{
    /// <summary>Most rows for which this is faster than packing.</summary>
    public const int MostRows = CpuTile.Rows - 1;

    private const int Width = 16;                   // outputs of a block
    private const int LineBytes = 64;
    private const int OutputsPerPart = 4 * Width;

    /// <summary>True where <see cref="Run"/> takes the product.</summary>
    public static bool Takes(int rows, CpuOperand left, CpuOperand right) =>
        CpuPath.UsesVector512 && rows <= MostRows && !left.ChainOutermost && !right.ChainOutermost && right.DType is DType.F32 or DType.BF16;

    /// <summary>Writes result (M, N), or adds to it where <paramref name="accumulate"/>, or passes the epilogue.</summary>
    public static void Run(Device device, Tensor result, CpuOperand left, CpuOperand right, int steps, bool accumulate, CpuEpilogue epilogue)
    {
        (int rows, int columns) = result.Rank2();
        if (left.DType != DType.F32)
        {
            Tensor narrow = new(left.Address, left.DType, new Shape(rows, steps));
            Tensor wide = new((nint)device.Scratch.Left, DType.F32, narrow.Shape);
            Cast.Forward(device.Stream, y: wide, x: narrow);
            left = CpuOperand.RowsOf(wide);
        }

        FewRowsWork work = new()
        {
            Result = result.Pointer<float>(),
            Rows = rows,
            Columns = columns,
            Left = (float*)left.Address,
            LeftStride = left.Stride,
            Right = right,
            Steps = steps,
            Accumulate = accumulate,
            Workers = device.Workers.Count,
            Epilogue = epilogue,
        };
        device.Workers.Run(ref work, CpuPanels.Count(columns, OutputsPerPart));
    }

    private struct FewRowsWork : ICpuWork
    {
        public float* Result;
        public int Rows;
        public int Columns;
        public float* Left;
        public nint LeftStride;
        public CpuOperand Right;
        public int Steps;
        public bool Accumulate;
        public int Workers;
        public CpuEpilogue Epilogue;

        public readonly void Run(int part, int worker)
        {
            int end = Math.Min(Columns, (part + 1) * OutputsPerPart);
            for (int column = part * OutputsPerPart; column < end; column += Width)
            {
                // Behind its part a thread usually finds the one that the others have not begun.
                int next = column + Width < end ? column + Width : ((part + Workers) * OutputsPerPart);
                byte* ahead = (byte*)Right.From(next, k: 0).Address;
                if (Right.DType == DType.F32)
                {
                    RunBlock<Single>(column, Math.Min(Width, end - column), ahead);
                }
                else
                {
                    RunBlock<Narrow>(column, Math.Min(Width, end - column), ahead);
                }
            }
        }

        [SkipLocalsInit]
        private readonly void RunBlock<T>(int column, int outputs, byte* ahead)
            where T : struct, IWeights
        {
            byte** rows = stackalloc byte*[Width];
            byte* first = (byte*)Right.From(column, k: 0).Address;
            nint stride = Right.Stride * LineBytes / T.StepsPerLine;
            for (int i = 0; i < Width; i++)
            {
                rows[i] = first + (Math.Min(i, outputs - 1) * stride);
            }

            float* sums = stackalloc float[MostRows * Width];
            Load(sums, column, outputs);
            float* steps = stackalloc float[T.StepsPerLine * Width];
            int lines = Steps / T.StepsPerLine;
            if (Rows == 1)
            {
                RunLines<T, AddToRow>(Vector512.Load(sums), Left, rows, line: 0, lines, ahead).Store(sums);
            }

            for (int line = 0; Rows > 1 && line < lines; line++)
            {
                _ = RunLines<T, Keep>(default, steps, rows, line, line + 1, ahead);
                AddSteps(sums, steps, T.StepsPerLine, Left + (line * T.StepsPerLine), LeftStride, Rows);
            }

            for (int k = lines * T.StepsPerLine; k < Steps; k++)
            {
                for (int i = 0; i < Width; i++)
                {
                    steps[i] = T.LoadOne(rows[i], k);
                }

                AddSteps(sums, steps, count: 1, Left + k, LeftStride, Rows);
            }

            if (Epilogue.Exists)
            {
                Epilogue.Finish(sums, Width, row: 0, column, Rows, outputs);
                return;
            }

            for (int row = 0; row < Rows; row++)
            {
                new ReadOnlySpan<float>(sums + (row * Width), outputs).CopyTo(new Span<float>(Result + ((nint)row * Columns) + column, outputs));
            }
        }

        private readonly void Load(float* sums, int column, int outputs)
        {
            new Span<float>(sums, Rows * Width).Clear();
            for (int row = 0; Accumulate && row < Rows; row++)
            {
                new ReadOnlySpan<float>(Result + ((nint)row * Columns) + column, outputs).CopyTo(new Span<float>(sums + (row * Width), outputs));
            }
        }
    }

    // Four steps a round, all addresses in registers: the chain of one row should be what a block waits for, and nothing else.
    [MethodImpl(MethodImplOptions.NoInlining | MethodImplOptions.AggressiveOptimization)]
    private static void AddSteps(float* sums, float* steps, int count, float* left, nint leftStride, int rows)
    {
        for (int row = 0; row < rows; row++)
        {
            Vector512<float> sum = Vector512.Load(sums);
            float* weights = steps;
            int k = 0;
            for (; k <= count - 4; k += 4)
            {
                sum = Avx512F.FusedMultiplyAdd(Vector512.Create(left[k]), Vector512.Load(weights), sum);
                sum = Avx512F.FusedMultiplyAdd(Vector512.Create(left[k + 1]), Vector512.Load(weights + Width), sum);
                sum = Avx512F.FusedMultiplyAdd(Vector512.Create(left[k + 2]), Vector512.Load(weights + (2 * Width)), sum);
                sum = Avx512F.FusedMultiplyAdd(Vector512.Create(left[k + 3]), Vector512.Load(weights + (3 * Width)), sum);
                weights += 4 * Width;
            }

            for (; k < count; k++)
            {
                sum = Avx512F.FusedMultiplyAdd(Vector512.Create(left[k]), Vector512.Load(weights), sum);
                weights += Width;
            }

            sum.Store(sums);
            sums += Width;
            left += leftStride;
        }
    }

    // The lines of 16 outputs become the 16 weights of each step: pairs of rows, then fours, then quarters of registers.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static Vector512<float> RunLines<T, TUse>(Vector512<float> sum, float* memory, byte** rows, nint line, nint end, byte* ahead)
        where T : struct, IWeights
        where TUse : struct, IUse
    {
        for (; line < end; line++)
        {
            byte* next = ahead + (line * Width * LineBytes);
            nint at = line * LineBytes;
            Vector512<float> r0 = Line(rows[0] + at, next + (0 * LineBytes));
            Vector512<float> r1 = Line(rows[1] + at, next + (1 * LineBytes));
            Vector512<float> r2 = Line(rows[2] + at, next + (2 * LineBytes));
            Vector512<float> r3 = Line(rows[3] + at, next + (3 * LineBytes));
            Vector512<float> r4 = Line(rows[4] + at, next + (4 * LineBytes));
            Vector512<float> r5 = Line(rows[5] + at, next + (5 * LineBytes));
            Vector512<float> r6 = Line(rows[6] + at, next + (6 * LineBytes));
            Vector512<float> r7 = Line(rows[7] + at, next + (7 * LineBytes));
            Vector512<float> r8 = Line(rows[8] + at, next + (8 * LineBytes));
            Vector512<float> r9 = Line(rows[9] + at, next + (9 * LineBytes));
            Vector512<float> r10 = Line(rows[10] + at, next + (10 * LineBytes));
            Vector512<float> r11 = Line(rows[11] + at, next + (11 * LineBytes));
            Vector512<float> r12 = Line(rows[12] + at, next + (12 * LineBytes));
            Vector512<float> r13 = Line(rows[13] + at, next + (13 * LineBytes));
            Vector512<float> r14 = Line(rows[14] + at, next + (14 * LineBytes));
            Vector512<float> r15 = Line(rows[15] + at, next + (15 * LineBytes));
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
    private static Vector512<float> Line(byte* line, byte* next)
    {
        Sse.Prefetch0(next);
        return Vector512.Load(line).AsSingle();
    }

    /// <summary>What a line of 64 bytes holds.</summary>
    private interface IWeights
    {
        static abstract int StepsPerLine { get; }

        static abstract float LoadOne(byte* row, nint k);
    }

    private readonly struct Single : IWeights
    {
        public static int StepsPerLine => Width;

        public static float LoadOne(byte* row, nint k) => ((float*)row)[k];
    }

    // Two steps lie in each 32 bits, the earlier one in the lower half.
    private readonly struct Narrow : IWeights
    {
        public static int StepsPerLine => 2 * Width;

        public static float LoadOne(byte* row, nint k) => BitConverter.UInt32BitsToSingle((uint)((ushort*)row)[k] << 16);
    }

    /// <summary>What becomes of 16 outputs' weights of the steps that share a place of their lines.</summary>
    private interface IUse
    {
        /// <summary>Elements from one step to the next in the memory that is given.</summary>
        static abstract int ElementsPerStep { get; }

        static abstract Vector512<float> Take<T>(Vector512<float> sum, float* memory, int place, Vector512<float> weights)
            where T : struct, IWeights;
    }

    // They are multiplied with the one row's factors and added to its sum.
    private readonly struct AddToRow : IUse
    {
        public static int ElementsPerStep => 1;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector512<float> Take<T>(Vector512<float> sum, float* memory, int place, Vector512<float> weights)
            where T : struct, IWeights
        {
            if (T.StepsPerLine == Width)
            {
                return Avx512F.FusedMultiplyAdd(Vector512.Create(memory[place]), weights, sum);
            }

            sum = Avx512F.FusedMultiplyAdd(Vector512.Create(memory[2 * place]), Earlier(weights), sum);
            return Avx512F.FusedMultiplyAdd(Vector512.Create(memory[(2 * place) + 1]), Later(weights), sum);
        }
    }

    // They are kept for several rows.
    private readonly struct Keep : IUse
    {
        public static int ElementsPerStep => Width;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector512<float> Take<T>(Vector512<float> sum, float* memory, int place, Vector512<float> weights)
            where T : struct, IWeights
        {
            if (T.StepsPerLine == Width)
            {
                weights.Store(memory + (place * Width));
                return sum;
            }

            Earlier(weights).Store(memory + (2 * place * Width));
            Later(weights).Store(memory + (((2 * place) + 1) * Width));
            return sum;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<float> Earlier(Vector512<float> pairs) => (pairs.AsUInt32() << 16).AsSingle();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<float> Later(Vector512<float> pairs) => (pairs.AsUInt32() & Vector512.Create(0xFFFF0000u)).AsSingle();
}
