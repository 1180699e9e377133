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
}

/// <summary>
/// Computes products. Every element is one chain of multiply-adds in the order of the steps, whatever block of registers holds it, so that
/// the shape of the blocks never shows in a result.
/// </summary>
/// <typeparam name="TVector">The operations of one register width.</typeparam>
/// <typeparam name="TRegister">The register.</typeparam>
internal static unsafe class AttentionProduct<TVector, TRegister>
    where TVector : struct, ICpuVector<TRegister>
    where TRegister : struct
{
    private const int BlockRows = AttentionProduct.BlockRows;

    /// <summary>Overwrites <paramref name="rows"/> × <paramref name="columns"/> of c, and what is left of the last register.</summary>
    public static void Multiply(in AttentionProduct product, int rows, int columns, int steps)
    {
        for (int x = 0; x < columns;)
        {
            int registers = RegistersAt(x, columns);
            for (int i = 0; i < rows; i += BlockRows)
            {
                Block(product, i, Math.Min(BlockRows, rows - i), x, registers, start: 0, steps, accumulate: false);
            }

            x += registers * TVector.Width;
        }
    }

    /// <summary>
    /// Adds to c, each row i over its own steps <paramref name="starts"/>[i] … <paramref name="ends"/>[i] − 1; neither falls from row to row.
    /// An element of a or b outside a row's steps is not used for that row, so that it may be anything.
    /// </summary>
    public static void Accumulate(in AttentionProduct product, int rows, int columns, int* starts, int* ends)
    {
        for (int x = 0; x < columns;)
        {
            int registers = RegistersAt(x, columns);
            for (int i = 0; i < rows; i += BlockRows)
            {
                AccumulateBlock(product, i, Math.Min(BlockRows, rows - i), x, registers, starts + i, ends + i);
            }

            x += registers * TVector.Width;
        }
    }

    // Steps that all rows of the block share are taken together; before and after them, rows come in and drop out one by one. A block with
    // few rows is left to the second way altogether.
    private static void AccumulateBlock(in AttentionProduct product, int i, int rows, int x, int registers, int* starts, int* ends)
    {
        int start = starts[rows - 1];
        int end = ends[0];
        if (rows < BlockRows / 2 || start >= end)
        {
            start = ends[rows - 1];
            end = start;
        }

        Ragged(product, i, x, registers, rows, starts, ends, starts[0], start);
        if (start < end)
        {
            Block(product, i, rows, x, registers, start, end, accumulate: true);
        }

        Ragged(product, i, x, registers, rows, starts, ends, end, ends[rows - 1]);
    }

    private static int RegistersAt(int x, int columns) => TVector.HasManyRegisters && x + TVector.Width < columns ? 2 : 1;

    private static void Block(
        in AttentionProduct product, int i, int rows, int x, int registers, int start, int end, bool accumulate)
    {
        float* c = product.C + (i * product.CRow) + x;
        float* a = product.A + (i * product.ARow) + (start * product.AStep);
        float* b = product.B + (start * product.BStep) + x;
        if (registers == 2)
        {
            BlockOfTwo(c, product.CRow, a, product.ARow, product.AStep, b, product.BStep, rows, end - start, accumulate);
        }
        else
        {
            BlockOfOne(c, product.CRow, a, product.ARow, product.AStep, b, product.BStep, rows, end - start, accumulate);
        }
    }

    private static void Ragged(
        in AttentionProduct product, int i, int x, int registers, int rows, int* starts, int* ends, int start, int end)
    {
        for (int register = 0; register < registers && start < end; register++)
        {
            RaggedOfOne(
                product.C + (i * product.CRow) + x + (register * TVector.Width), product.CRow, product.A + (i * product.ARow), product.ARow,
                product.AStep, product.B + x + (register * TVector.Width), product.BStep, rows, starts, ends, start, end);
        }
    }

    private static void BlockOfTwo(
        float* c, nint cRow, float* a, nint aRow, nint aStep, float* b, nint bStep, int rows, nint steps, bool accumulate)
    {
        TRegister zero = TVector.Broadcast(0);
        TRegister c00 = zero, c01 = zero;
        TRegister c10 = zero, c11 = zero;
        TRegister c20 = zero, c21 = zero;
        TRegister c30 = zero, c31 = zero;
        TRegister c40 = zero, c41 = zero;
        TRegister c50 = zero, c51 = zero;
        TRegister c60 = zero, c61 = zero;
        TRegister c70 = zero, c71 = zero;
        if (accumulate)
        {
            float* row = c;
            c00 = TVector.Load(row);
            c01 = TVector.Load(row + TVector.Width);
            row += cRow;
            c10 = TVector.Load(row);
            c11 = TVector.Load(row + TVector.Width);
            row += cRow;
            c20 = TVector.Load(row);
            c21 = TVector.Load(row + TVector.Width);
            row += cRow;
            c30 = TVector.Load(row);
            c31 = TVector.Load(row + TVector.Width);
            row += cRow;
            c40 = TVector.Load(row);
            c41 = TVector.Load(row + TVector.Width);
            row += cRow;
            c50 = TVector.Load(row);
            c51 = TVector.Load(row + TVector.Width);
            row += cRow;
            c60 = TVector.Load(row);
            c61 = TVector.Load(row + TVector.Width);
            row += cRow;
            c70 = TVector.Load(row);
            c71 = TVector.Load(row + TVector.Width);
        }

        float* a1 = a + aRow;
        float* a2 = a1 + aRow;
        float* a3 = a2 + aRow;
        float* a4 = a3 + aRow;
        float* a5 = a4 + aRow;
        float* a6 = a5 + aRow;
        float* a7 = a6 + aRow;
        nint end = steps * aStep;
        for (nint s = 0; s != end; s += aStep)
        {
            TRegister b0 = TVector.Load(b);
            TRegister b1 = TVector.Load(b + TVector.Width);
            b += bStep;
            TRegister value = TVector.Broadcast(a[s]);
            c00 = TVector.MultiplyAdd(value, b0, c00);
            c01 = TVector.MultiplyAdd(value, b1, c01);
            value = TVector.Broadcast(a1[s]);
            c10 = TVector.MultiplyAdd(value, b0, c10);
            c11 = TVector.MultiplyAdd(value, b1, c11);
            value = TVector.Broadcast(a2[s]);
            c20 = TVector.MultiplyAdd(value, b0, c20);
            c21 = TVector.MultiplyAdd(value, b1, c21);
            value = TVector.Broadcast(a3[s]);
            c30 = TVector.MultiplyAdd(value, b0, c30);
            c31 = TVector.MultiplyAdd(value, b1, c31);
            value = TVector.Broadcast(a4[s]);
            c40 = TVector.MultiplyAdd(value, b0, c40);
            c41 = TVector.MultiplyAdd(value, b1, c41);
            value = TVector.Broadcast(a5[s]);
            c50 = TVector.MultiplyAdd(value, b0, c50);
            c51 = TVector.MultiplyAdd(value, b1, c51);
            value = TVector.Broadcast(a6[s]);
            c60 = TVector.MultiplyAdd(value, b0, c60);
            c61 = TVector.MultiplyAdd(value, b1, c61);
            value = TVector.Broadcast(a7[s]);
            c70 = TVector.MultiplyAdd(value, b0, c70);
            c71 = TVector.MultiplyAdd(value, b1, c71);
        }

        float* target = c;
        TVector.Store(target, c00);
        TVector.Store(target + TVector.Width, c01);
        if (rows == 1)
        {
            return;
        }

        target += cRow;
        TVector.Store(target, c10);
        TVector.Store(target + TVector.Width, c11);
        if (rows == 2)
        {
            return;
        }

        target += cRow;
        TVector.Store(target, c20);
        TVector.Store(target + TVector.Width, c21);
        if (rows == 3)
        {
            return;
        }

        target += cRow;
        TVector.Store(target, c30);
        TVector.Store(target + TVector.Width, c31);
        if (rows == 4)
        {
            return;
        }

        target += cRow;
        TVector.Store(target, c40);
        TVector.Store(target + TVector.Width, c41);
        if (rows == 5)
        {
            return;
        }

        target += cRow;
        TVector.Store(target, c50);
        TVector.Store(target + TVector.Width, c51);
        if (rows == 6)
        {
            return;
        }

        target += cRow;
        TVector.Store(target, c60);
        TVector.Store(target + TVector.Width, c61);
        if (rows == 7)
        {
            return;
        }

        target += cRow;
        TVector.Store(target, c70);
        TVector.Store(target + TVector.Width, c71);
    }

    private static void BlockOfOne(
        float* c, nint cRow, float* a, nint aRow, nint aStep, float* b, nint bStep, int rows, nint steps, bool accumulate)
    {
        TRegister zero = TVector.Broadcast(0);
        TRegister c00 = zero;
        TRegister c10 = zero;
        TRegister c20 = zero;
        TRegister c30 = zero;
        TRegister c40 = zero;
        TRegister c50 = zero;
        TRegister c60 = zero;
        TRegister c70 = zero;
        if (accumulate)
        {
            float* row = c;
            c00 = TVector.Load(row);
            row += cRow;
            c10 = TVector.Load(row);
            row += cRow;
            c20 = TVector.Load(row);
            row += cRow;
            c30 = TVector.Load(row);
            row += cRow;
            c40 = TVector.Load(row);
            row += cRow;
            c50 = TVector.Load(row);
            row += cRow;
            c60 = TVector.Load(row);
            row += cRow;
            c70 = TVector.Load(row);
        }

        float* a1 = a + aRow;
        float* a2 = a1 + aRow;
        float* a3 = a2 + aRow;
        float* a4 = a3 + aRow;
        float* a5 = a4 + aRow;
        float* a6 = a5 + aRow;
        float* a7 = a6 + aRow;
        nint end = steps * aStep;
        for (nint s = 0; s != end; s += aStep)
        {
            TRegister b0 = TVector.Load(b);
            b += bStep;
            c00 = TVector.MultiplyAdd(TVector.Broadcast(a[s]), b0, c00);
            c10 = TVector.MultiplyAdd(TVector.Broadcast(a1[s]), b0, c10);
            c20 = TVector.MultiplyAdd(TVector.Broadcast(a2[s]), b0, c20);
            c30 = TVector.MultiplyAdd(TVector.Broadcast(a3[s]), b0, c30);
            c40 = TVector.MultiplyAdd(TVector.Broadcast(a4[s]), b0, c40);
            c50 = TVector.MultiplyAdd(TVector.Broadcast(a5[s]), b0, c50);
            c60 = TVector.MultiplyAdd(TVector.Broadcast(a6[s]), b0, c60);
            c70 = TVector.MultiplyAdd(TVector.Broadcast(a7[s]), b0, c70);
        }

        float* target = c;
        TVector.Store(target, c00);
        if (rows == 1)
        {
            return;
        }

        target += cRow;
        TVector.Store(target, c10);
        if (rows == 2)
        {
            return;
        }

        target += cRow;
        TVector.Store(target, c20);
        if (rows == 3)
        {
            return;
        }

        target += cRow;
        TVector.Store(target, c30);
        if (rows == 4)
        {
            return;
        }

        target += cRow;
        TVector.Store(target, c40);
        if (rows == 5)
        {
            return;
        }

        target += cRow;
        TVector.Store(target, c50);
        if (rows == 6)
        {
            return;
        }

        target += cRow;
        TVector.Store(target, c60);
        if (rows == 7)
        {
            return;
        }

        target += cRow;
        TVector.Store(target, c70);
    }

    // Rows take part in step s while starts[row] <= s < ends[row]: from one row to the next both bounds never fall, so that the rows of a
    // step are those from one number to another.
    private static void RaggedOfOne(
        float* c, nint cRow, float* a, nint aRow, nint aStep, float* b, nint bStep, int rows, int* starts, int* ends, int start, int stop)
    {
        TRegister c0 = TVector.Load(c);
        TRegister c1 = TVector.Load(c + (1 * cRow));
        TRegister c2 = TVector.Load(c + (2 * cRow));
        TRegister c3 = TVector.Load(c + (3 * cRow));
        TRegister c4 = TVector.Load(c + (4 * cRow));
        TRegister c5 = TVector.Load(c + (5 * cRow));
        TRegister c6 = TVector.Load(c + (6 * cRow));
        TRegister c7 = TVector.Load(c + (7 * cRow));
        int first = 0;
        int end = 0;
        for (int s = start; s < stop; s++)
        {
            while (ends[first] <= s)
            {
                first++;
            }

            while (end < rows && starts[end] <= s)
            {
                end++;
            }

            int active = (1 << end) - (1 << first);
            TRegister b0 = TVector.Load(b + (s * bStep));
            float* column = a + (s * aStep);
            if ((active & 1) != 0)
            {
                c0 = TVector.MultiplyAdd(TVector.Broadcast(column[0]), b0, c0);
            }

            if ((active & 2) != 0)
            {
                c1 = TVector.MultiplyAdd(TVector.Broadcast(column[aRow]), b0, c1);
            }

            if ((active & 4) != 0)
            {
                c2 = TVector.MultiplyAdd(TVector.Broadcast(column[2 * aRow]), b0, c2);
            }

            if ((active & 8) != 0)
            {
                c3 = TVector.MultiplyAdd(TVector.Broadcast(column[3 * aRow]), b0, c3);
            }

            if ((active & 16) != 0)
            {
                c4 = TVector.MultiplyAdd(TVector.Broadcast(column[4 * aRow]), b0, c4);
            }

            if ((active & 32) != 0)
            {
                c5 = TVector.MultiplyAdd(TVector.Broadcast(column[5 * aRow]), b0, c5);
            }

            if ((active & 64) != 0)
            {
                c6 = TVector.MultiplyAdd(TVector.Broadcast(column[6 * aRow]), b0, c6);
            }

            if ((active & 128) != 0)
            {
                c7 = TVector.MultiplyAdd(TVector.Broadcast(column[7 * aRow]), b0, c7);
            }
        }

        TVector.Store(c, c0);
        TVector.Store(c + (1 * cRow), c1);
        TVector.Store(c + (2 * cRow), c2);
        TVector.Store(c + (3 * cRow), c3);
        TVector.Store(c + (4 * cRow), c4);
        TVector.Store(c + (5 * cRow), c5);
        TVector.Store(c + (6 * cRow), c6);
        TVector.Store(c + (7 * cRow), c7);
    }
}
