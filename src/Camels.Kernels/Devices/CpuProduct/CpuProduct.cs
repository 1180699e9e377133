namespace Camels.Kernels;

/// <summary>
/// The matrix product result (M, N) = left · rightᵀ in single precision, both factors given as vectors along k. Every result is one chain
/// over k, whatever the blocking: see docs/kernels-cpu.md.
/// </summary>
internal static unsafe class CpuProduct
{
    // Steps of k for which the left factor is packed at once: accumulators wait in the result between two such runs.
    private const int StepsPerChunk = 4096;

    /// <summary>
    /// Writes result (F32), or adds to it where <paramref name="accumulate"/>; where there is an epilogue, the sums pass it and result holds no
    /// more than unfinished ones.
    /// </summary>
    public static void Run(
        Device device, Tensor result, CpuOperand left, CpuOperand right, int steps, bool accumulate, CpuEpilogue epilogue = default)
    {
        (int rows, int columns) = result.Rank2();
        if (CpuFewRows.Takes(rows, left, right))
        {
            CpuFewRows.Run(device, result, left, right, steps, accumulate, epilogue);
            return;
        }

        CpuPairs pairs = PairsOf(device, left, right);
        if (!pairs.IsNone)
        {
            (left, right) = (left.Paired(steps), right.Paired(steps));
        }

        int elements = pairs.EndOf(steps);
        int stepsAtOnce = Math.Clamp(elements, 1, StepsPerChunk);
        int rowsAtOnce = RowsAtOnce(stepsAtOnce);
        for (int row = 0; row < rows; row += rowsAtOnce)
        {
            int k = 0;
            do
            {
                CpuChunk chunk = new()
                {
                    Scratch = device.Scratch,
                    Left = left.From(row, k),
                    Right = right.From(i: 0, k),
                    Rows = Math.Min(rowsAtOnce, rows - row),
                    Columns = columns,
                    Steps = Math.Min(stepsAtOnce, elements - k),
                    Pairs = pairs,
                    RowsPerTile = CpuChunk.UsualRows,
                    Workers = device.Workers.Count,
                    Number = device.Scratch.NextNumber(),
                };
                chunk.Pack(device.Workers);
                CpuTileWork work = new()
                {
                    Chunk = chunk,
                    Result = result.Pointer<float>() + ((nint)row * columns),
                    Stride = columns,
                    Accumulate = accumulate || k > 0,
                    Steps = Math.Min(stepsAtOnce << pairs.Shift, steps - (k << pairs.Shift)),
                    Epilogue = k + chunk.Steps == elements ? epilogue.At(row, column: 0) : default,
                };
                device.Workers.Run(ref work, chunk.Tiles);
                k += stepsAtOnce;
            }
            while (k < elements);
        }
    }

    /// <summary>Pairs where both factors are bfloat16 and the device has a tile for them.</summary>
    public static CpuPairs PairsOf(Device device, CpuOperand left, CpuOperand right) =>
        left.DType == DType.BF16 && right.DType == DType.BF16 ? new CpuPairs(device.PairTile) : default;

    /// <summary>Rows of the left factor, in whole panels, that the shared buffer holds.</summary>
    public static int RowsAtOnce(int steps) => Math.Max(1, CpuScratch.SharedElements / Math.Max(steps, 1) / CpuTile.Rows) * CpuTile.Rows;
}
