namespace Camels.Kernels.Ops;

/// <summary>
/// One product of small matrices in cache: c[i, x] = sum over s of a[i, s] * b[s, x]. Strides are in elements; b and c are dense along x.
/// </summary>
internal unsafe struct AttentionProduct
{
    /// <summary>Rows that are computed together. Of a block that has fewer, the rest is read all the same: every buffer has room for it.</summary>
    public const int BlockRows = 8;

    /// <summary>The result.</summary>
    public float* C;

    /// <summary>From one row of c to the next.</summary>
    public nint CRow;

    /// <summary>The factor whose elements are broadcast.</summary>
    public float* A;

    /// <summary>From one row of a to the next.</summary>
    public nint ARow;

    /// <summary>From one step of a to the next.</summary>
    public nint AStep;

    /// <summary>The factor that is read in whole registers.</summary>
    public float* B;

    /// <summary>From one step of b to the next.</summary>
    public nint BStep;

    /// <summary>Rows up to the end of their last block.</summary>
    public static int WholeBlocks(int rows) => (rows + BlockRows - 1) & -BlockRows;
}

/// <summary>
/// Computes products. Every element is one chain of multiply-adds in the order of the steps, whatever block of registers holds it, so that
/// the shape of the blocks never shows in a result.
/// </summary>
/// <typeparam name="TVector">The operations of one register width.</typeparam>
/// <typeparam name="TRegister">The register.</typeparam>
internal static unsafe partial class AttentionProduct<TVector, TRegister>
    where TVector : struct, ICpuVector<TRegister>
    where TRegister : struct
{
    private const int BlockRows = AttentionProduct.BlockRows;

    /// <summary>Overwrites <paramref name="rows"/> × <paramref name="columns"/> of c, and what is left of the last register.</summary>
    public static void Multiply(in AttentionProduct product, int rows, int columns, int steps)
    {
        int x = 0;
        for (; TVector.HasManyRegisters && x + TVector.Width < columns; x += 2 * TVector.Width)
        {
            for (int i = 0; i < rows; i += BlockRows)
            {
                BlockOfTwo(product, i, x, rows - i, start: 0, steps, accumulate: false);
            }
        }

        for (; x < columns; x += TVector.Width)
        {
            for (int i = 0; i < rows; i += BlockRows)
            {
                BlockOfOne(product, i, x, rows - i, start: 0, steps, accumulate: false);
            }
        }
    }

    /// <summary>
    /// Adds to c, each row i over its own steps <paramref name="starts"/>[i] … <paramref name="ends"/>[i] − 1; neither falls from row to row.
    /// An element of a or b outside a row's steps is not used for that row, so that it may be anything.
    /// </summary>
    public static void Accumulate(in AttentionProduct product, int rows, int columns, int* starts, int* ends)
    {
        int x = 0;
        for (; TVector.HasManyRegisters && x + TVector.Width < columns; x += 2 * TVector.Width)
        {
            for (int i = 0; i < rows; i += BlockRows)
            {
                AccumulateBlock(product, i, x, Math.Min(BlockRows, rows - i), registers: 2, starts + i, ends + i);
            }
        }

        for (; x < columns; x += TVector.Width)
        {
            for (int i = 0; i < rows; i += BlockRows)
            {
                AccumulateBlock(product, i, x, Math.Min(BlockRows, rows - i), registers: 1, starts + i, ends + i);
            }
        }
    }

    // Steps that all rows of the block share are taken together; before and after them rows come in and drop out one by one. A block with
    // few rows is left to the second way altogether.
    private static void AccumulateBlock(in AttentionProduct product, int i, int x, int rows, int registers, int* starts, int* ends)
    {
        int start = starts[rows - 1];
        int end = ends[0];
        if (rows < BlockRows / 2 || start >= end)
        {
            Ragged(product, i, x, rows, registers, starts, ends, starts[0], ends[rows - 1]);
            return;
        }

        if (starts[0] < start)
        {
            Ragged(product, i, x, rows, registers, starts, ends, starts[0], start);
        }

        if (registers == 2)
        {
            BlockOfTwo(product, i, x, rows, start, end, accumulate: true);
        }
        else
        {
            BlockOfOne(product, i, x, rows, start, end, accumulate: true);
        }

        if (end < ends[rows - 1])
        {
            Ragged(product, i, x, rows, registers, starts, ends, end, ends[rows - 1]);
        }
    }

    private static void Ragged(
        in AttentionProduct product, int i, int x, int rows, int registers, int* starts, int* ends, int start, int end)
    {
        bool leaving = start == ends[0];
        bool oneByOne = rows == BlockRows && end - start == BlockRows - 1 && AreConsecutive(leaving ? ends : starts);
        for (int column = x; column < x + (registers * TVector.Width); column += TVector.Width)
        {
            if (!oneByOne)
            {
                RaggedOfOne(product, i, column, rows, starts, ends, start, end);
            }
            else if (leaving)
            {
                Leaving(product, i, column, start);
            }
            else
            {
                Entering(product, i, column, start);
            }
        }
    }

    private static bool AreConsecutive(int* bounds)
    {
        int row = 1;
        while (row < BlockRows && bounds[row] == bounds[0] + row)
        {
            row++;
        }

        return row == BlockRows;
    }
}
