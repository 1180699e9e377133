using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Camels.Kernels.Ops;

namespace Camels.Kernels;

/// <summary>
/// The product of few rows (decoding), where every weight is used so seldom that reading it from memory is the cost: one cache line of each
/// of 16 outputs at a time is transposed in registers, while as many lines that are read soon are fetched. The processor alone,
/// which sees 16 short streams, fetches at little more than half the speed of memory. One row is summed at once; for several, the
/// transposed weights make the panel of a tile. The chains are those of <see cref="CpuTile"/>.
/// </summary>
internal static unsafe class CpuFewRows
{
    /// <summary>Most rows for which this is faster than packing beside the products.</summary>
    public const int MostRows = 64;

    private const int Width = CpuLines.Width;
    private const int OutputsPerPart = CpuTile.Columns;

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
            int first = part * OutputsPerPart;
            int outputs = Math.Min(OutputsPerPart, Columns - first);
            if (Rows == 1)
            {
                for (int column = 0; column < outputs; column += Width)
                {
                    AddToRow(first + column, Math.Min(Width, outputs - column), Ahead(part, column, outputs));
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
                    new CpuLines(Right.From(first + column, k), Math.Min(Width, outputs - column))
                        .Pack(panel + column, steps, Ahead(part, column, outputs));
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
        private readonly nint Ahead(int part, int column, int outputs)
        {
            bool isLast = column + Width >= outputs;
            return (isLast ? (Workers * OutputsPerPart) - column : Width) * Right.Stride * Right.ElementBytes;
        }

        [SkipLocalsInit]
        private readonly void AddToRow(int column, int outputs, nint ahead)
        {
            float* sums = stackalloc float[Width];
            Span<float> result = new(Result + column, outputs);
            Vector512<float>.Zero.Store(sums);
            if (Accumulate)
            {
                result.CopyTo(new Span<float>(sums, Width));
            }

            CpuLines lines = new(Right.From(column, k: 0), outputs);
            lines.Sum(Vector512.Load(sums), Left, Steps, ahead).Store(sums);
            if (Epilogue.Exists)
            {
                Epilogue.Finish(sums, Width, row: 0, column, rows: 1, outputs);
                return;
            }

            new ReadOnlySpan<float>(sums, outputs).CopyTo(result);
        }
    }
}
