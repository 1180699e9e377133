using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using Camels.Kernels.Ops;

namespace Camels.Kernels;

/// <summary>
/// The product of few rows (decoding), where every weight is used so seldom that reading it from memory is the cost: one cache line of each
/// of 16 outputs at a time is transposed in registers, while as many lines of the outputs that come next are fetched. The processor alone,
/// which sees 16 short streams, fetches at little more than half the speed of memory. One row is summed at once; for several, the
/// transposed weights make the panel of a tile. The chains are those of <see cref="CpuTile"/>.
/// </summary>
internal static unsafe class CpuFewRows
{
    /// <summary>Most rows for which this is faster than packing beside the products.</summary>
    public const int MostRows = 64;

    private const int Width = 16;                   // outputs of a block
    private const int OutputsPerPart = CpuTile.Columns;
    private const int LineBytes = 64;

    /// <summary>True where <see cref="Run"/> takes the product.</summary>
    public static bool Takes(int rows, CpuOperand left, CpuOperand right) =>
        CpuPath.UsesVector512 && rows <= MostRows && !left.ChainOutermost && !right.ChainOutermost && right.DType is DType.F32 or DType.BF16;

    /// <summary>Writes result (M, N), or adds to it where <paramref name="accumulate"/>, or passes the epilogue.</summary>
    public static void Run(Device device, Tensor result, CpuOperand left, CpuOperand right, int steps, bool accumulate, CpuEpilogue epilogue)
    {
        (int rows, int columns) = result.Rank2();

        // In scratch memory even if it is single precision already: a tile reads eight rows, and the last of them may not exist.
        Tensor narrow = new(left.Address, left.DType, new Shape(rows, steps));
        Tensor wide = new((nint)device.Scratch.Left, DType.F32, narrow.Shape);
        Cast.Forward(device.Stream, y: wide, x: narrow);
        FewRowsWork work = new()
        {
            Result = result.Pointer<float>(),
            Rows = rows,
            Columns = columns,
            Left = wide.Pointer<float>(),
            Right = right,
            Steps = steps,
            Accumulate = accumulate,
            Epilogue = epilogue,
            Workers = device.Workers.Count,
            Scratch = device.Scratch,
            Number = device.Scratch.NextNumber(),
        };
        device.Workers.Run(ref work, CpuPanels.Count(columns, OutputsPerPart));
    }

    private struct FewRowsWork : ICpuWork
    {
        public float* Result;
        public int Rows;
        public int Columns;
        public float* Left;
        public CpuOperand Right;
        public int Steps;
        public bool Accumulate;
        public CpuEpilogue Epilogue;
        public int Workers;
        public CpuScratch Scratch;
        public long Number;

        public readonly void Run(int part, int worker)
        {
            if (Right.DType == DType.F32)
            {
                RunPart<Single>(part, worker);
            }
            else
            {
                RunPart<Narrow>(part, worker);
            }
        }

        private readonly void RunPart<T>(int part, int worker)
            where T : struct, IWeights
        {
            int first = part * OutputsPerPart;
            int outputs = Math.Min(OutputsPerPart, Columns - first);
            if (Rows == 1)
            {
                for (int column = 0; column < outputs; column += Width)
                {
                    AddToRow<T>(first + column, Math.Min(Width, outputs - column), Ahead<T>(part, column, outputs));
                }

                return;
            }

            int k = 0;
            do
            {
                int steps = Math.Min(CpuChunk.StepsPerBlock, Steps - k);
                float* panel = Scratch.NewPanel(worker, (Number, part, k));
                for (int column = 0; column < outputs; column += Width)
                {
                    Pack<T>(panel + column, first + column, Math.Min(Width, outputs - column), k, steps, Ahead<T>(part, column, outputs));
                }

                CpuChainCell cell = new()
                {
                    Result = new CpuTarget(Result + first, Columns),
                    Accumulate = Accumulate || k > 0,
                    Epilogue = k + steps == Steps ? Epilogue.At(row: 0, first) : default,
                };
                for (int row = 0; row < Rows; row += CpuTile.Rows)
                {
                    CpuLeft left = CpuLeft.InPlace(LeftFrom(row, k));
                    cell.Run(row, column: 0, Math.Min(CpuTile.Rows, Rows - row), outputs, left, panel, steps);
                }

                k += CpuChunk.StepsPerBlock;
            }
            while (k < Steps);
        }

        private readonly CpuOperand LeftFrom(int row, int k) =>
            CpuOperand.RowsOf(new Tensor((nint)Left, DType.F32, new Shape(Rows, Steps))).From(row, k);

        // Bytes from a block to what its thread reads next: behind its part usually the one that the other threads have not begun.
        private readonly nint Ahead<T>(int part, int column, int outputs)
            where T : struct, IWeights
        {
            bool isLast = column + Width >= outputs;
            return (isLast ? ((part + Workers) * OutputsPerPart) - (part * OutputsPerPart) - column : Width) * RowBytes<T>();
        }

        private readonly nint RowBytes<T>()
            where T : struct, IWeights => Right.Stride * LineBytes / T.StepsPerLine;

        // The weights of the block's outputs, from step k on. The last output stands in for those that do not exist.
        private readonly void Rows16<T>(byte** rows, int column, int outputs, int k)
            where T : struct, IWeights
        {
            byte* first = (byte*)Right.From(column, k).Address;
            nint rowBytes = RowBytes<T>();
            for (int i = 0; i < Width; i++)
            {
                rows[i] = first + (Math.Min(i, outputs - 1) * rowBytes);
            }
        }

        [SkipLocalsInit]
        private readonly void AddToRow<T>(int column, int outputs, nint ahead)
            where T : struct, IWeights
        {
            byte** rows = stackalloc byte*[Width];
            Rows16<T>(rows, column, outputs, k: 0);
            float* sums = stackalloc float[Width];
            Span<float> result = new(Result + column, outputs);
            Vector512<float>.Zero.Store(sums);
            if (Accumulate)
            {
                result.CopyTo(new Span<float>(sums, Width));
            }

            int lines = Steps / T.StepsPerLine;
            Vector512<float> sum = RunLines<T, Sum>(Vector512.Load(sums), Left, rows, lines, ahead);
            float* step = stackalloc float[Width];
            for (int k = lines * T.StepsPerLine; k < Steps; k++)
            {
                LoadStep<T>(step, rows, k);
                sum = Avx512F.FusedMultiplyAdd(Vector512.Create(Left[k]), Vector512.Load(step), sum);
            }

            sum.Store(sums);
            if (Epilogue.Exists)
            {
                Epilogue.Finish(sums, Width, row: 0, column, rows: 1, outputs);
                return;
            }

            new ReadOnlySpan<float>(sums, outputs).CopyTo(result);
        }

        [SkipLocalsInit]
        private readonly void Pack<T>(float* panel, int column, int outputs, int k, int steps, nint ahead)
            where T : struct, IWeights
        {
            byte** rows = stackalloc byte*[Width];
            Rows16<T>(rows, column, outputs, k);
            int lines = steps / T.StepsPerLine;
            _ = RunLines<T, Panel>(default, panel, rows, lines, ahead);
            for (int i = lines * T.StepsPerLine; i < steps; i++)
            {
                LoadStep<T>(panel + (i * CpuTile.Columns), rows, i);
            }
        }

        private static void LoadStep<T>(float* step, byte** rows, int k)
            where T : struct, IWeights
        {
            for (int i = 0; i < Width; i++)
            {
                step[i] = T.LoadOne(rows[i], k);
            }
        }
    }

    // The lines of 16 outputs become the 16 weights of each step: pairs of rows, then fours, then quarters of registers. What lies ahead of
    // each line is fetched.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static Vector512<float> RunLines<T, TUse>(Vector512<float> sum, float* memory, byte** rows, nint lines, nint ahead)
        where T : struct, IWeights
        where TUse : struct, IUse
    {
        for (nint line = 0; line < lines; line++)
        {
            nint at = line * LineBytes;
            Vector512<float> r0 = Line(rows[0] + at, ahead);
            Vector512<float> r1 = Line(rows[1] + at, ahead);
            Vector512<float> r2 = Line(rows[2] + at, ahead);
            Vector512<float> r3 = Line(rows[3] + at, ahead);
            Vector512<float> r4 = Line(rows[4] + at, ahead);
            Vector512<float> r5 = Line(rows[5] + at, ahead);
            Vector512<float> r6 = Line(rows[6] + at, ahead);
            Vector512<float> r7 = Line(rows[7] + at, ahead);
            Vector512<float> r8 = Line(rows[8] + at, ahead);
            Vector512<float> r9 = Line(rows[9] + at, ahead);
            Vector512<float> r10 = Line(rows[10] + at, ahead);
            Vector512<float> r11 = Line(rows[11] + at, ahead);
            Vector512<float> r12 = Line(rows[12] + at, ahead);
            Vector512<float> r13 = Line(rows[13] + at, ahead);
            Vector512<float> r14 = Line(rows[14] + at, ahead);
            Vector512<float> r15 = Line(rows[15] + at, ahead);
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
    private static Vector512<float> Line(byte* line, nint ahead)
    {
        Sse.Prefetch0(line + ahead);
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
    private readonly struct Sum : IUse
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

    // They are kept, for several rows.
    private readonly struct Panel : IUse
    {
        public static int ElementsPerStep => CpuTile.Columns;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector512<float> Take<T>(Vector512<float> sum, float* memory, int place, Vector512<float> weights)
            where T : struct, IWeights
        {
            if (T.StepsPerLine == Width)
            {
                weights.Store(memory + (place * CpuTile.Columns));
                return sum;
            }

            Earlier(weights).Store(memory + (2 * place * CpuTile.Columns));
            Later(weights).Store(memory + (((2 * place) + 1) * CpuTile.Columns));
            return sum;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<float> Earlier(Vector512<float> pairs) => (pairs.AsUInt32() << 16).AsSingle();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<float> Later(Vector512<float> pairs) => (pairs.AsUInt32() & Vector512.Create(0xFFFF0000u)).AsSingle();
}
