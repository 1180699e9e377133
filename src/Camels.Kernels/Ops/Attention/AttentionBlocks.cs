namespace Camels.Kernels.Ops;

// The blocks of registers: eight rows and one or two registers of columns. Written out, because the compiler keeps only single variables in
// registers.
internal static unsafe partial class AttentionProduct<TVector, TRegister>
{
    // Eight rows × two registers over the same steps.
    private static void BlockOfTwo(in AttentionProduct product, int i, int x, int rows, int start, int end, bool accumulate)
    {
        float* c = product.C + (i * product.CRow) + x;
        nint cRow = product.CRow;
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
            float* source = c;
            c00 = TVector.Load(source);
            c01 = TVector.Load(source + TVector.Width);
            source += cRow;
            c10 = TVector.Load(source);
            c11 = TVector.Load(source + TVector.Width);
            source += cRow;
            c20 = TVector.Load(source);
            c21 = TVector.Load(source + TVector.Width);
            source += cRow;
            c30 = TVector.Load(source);
            c31 = TVector.Load(source + TVector.Width);
            source += cRow;
            c40 = TVector.Load(source);
            c41 = TVector.Load(source + TVector.Width);
            source += cRow;
            c50 = TVector.Load(source);
            c51 = TVector.Load(source + TVector.Width);
            source += cRow;
            c60 = TVector.Load(source);
            c61 = TVector.Load(source + TVector.Width);
            source += cRow;
            c70 = TVector.Load(source);
            c71 = TVector.Load(source + TVector.Width);
        }

        float* b = product.B + (start * product.BStep) + x;
        float* a = product.A + (i * product.ARow) + (start * product.AStep);
        float* a1 = a + product.ARow;
        float* a2 = a1 + product.ARow;
        float* a3 = a2 + product.ARow;
        float* a4 = a3 + product.ARow;
        float* a5 = a4 + product.ARow;
        float* a6 = a5 + product.ARow;
        float* a7 = a6 + product.ARow;
        nint aStep = product.AStep;
        nint bStep = product.BStep;
        nint stop = (end - start) * aStep;
        for (nint s = 0; s != stop; s += aStep)
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

        TVector.Store(c, c00);
        TVector.Store(c + TVector.Width, c01);
        if (rows == 1)
        {
            return;
        }

        c += cRow;
        TVector.Store(c, c10);
        TVector.Store(c + TVector.Width, c11);
        if (rows == 2)
        {
            return;
        }

        c += cRow;
        TVector.Store(c, c20);
        TVector.Store(c + TVector.Width, c21);
        if (rows == 3)
        {
            return;
        }

        c += cRow;
        TVector.Store(c, c30);
        TVector.Store(c + TVector.Width, c31);
        if (rows == 4)
        {
            return;
        }

        c += cRow;
        TVector.Store(c, c40);
        TVector.Store(c + TVector.Width, c41);
        if (rows == 5)
        {
            return;
        }

        c += cRow;
        TVector.Store(c, c50);
        TVector.Store(c + TVector.Width, c51);
        if (rows == 6)
        {
            return;
        }

        c += cRow;
        TVector.Store(c, c60);
        TVector.Store(c + TVector.Width, c61);
        if (rows == 7)
        {
            return;
        }

        c += cRow;
        TVector.Store(c, c70);
        TVector.Store(c + TVector.Width, c71);
    }

    // Eight rows × one register over the same steps.
    private static void BlockOfOne(in AttentionProduct product, int i, int x, int rows, int start, int end, bool accumulate)
    {
        float* c = product.C + (i * product.CRow) + x;
        nint cRow = product.CRow;
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
            float* source = c;
            c00 = TVector.Load(source);
            source += cRow;
            c10 = TVector.Load(source);
            source += cRow;
            c20 = TVector.Load(source);
            source += cRow;
            c30 = TVector.Load(source);
            source += cRow;
            c40 = TVector.Load(source);
            source += cRow;
            c50 = TVector.Load(source);
            source += cRow;
            c60 = TVector.Load(source);
            source += cRow;
            c70 = TVector.Load(source);
        }

        float* b = product.B + (start * product.BStep) + x;
        float* a = product.A + (i * product.ARow) + (start * product.AStep);
        float* a1 = a + product.ARow;
        float* a2 = a1 + product.ARow;
        float* a3 = a2 + product.ARow;
        float* a4 = a3 + product.ARow;
        float* a5 = a4 + product.ARow;
        float* a6 = a5 + product.ARow;
        float* a7 = a6 + product.ARow;
        nint aStep = product.AStep;
        nint bStep = product.BStep;
        nint stop = (end - start) * aStep;
        for (nint s = 0; s != stop; s += aStep)
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

        TVector.Store(c, c00);
        if (rows == 1)
        {
            return;
        }

        c += cRow;
        TVector.Store(c, c10);
        if (rows == 2)
        {
            return;
        }

        c += cRow;
        TVector.Store(c, c20);
        if (rows == 3)
        {
            return;
        }

        c += cRow;
        TVector.Store(c, c30);
        if (rows == 4)
        {
            return;
        }

        c += cRow;
        TVector.Store(c, c40);
        if (rows == 5)
        {
            return;
        }

        c += cRow;
        TVector.Store(c, c50);
        if (rows == 6)
        {
            return;
        }

        c += cRow;
        TVector.Store(c, c60);
        if (rows == 7)
        {
            return;
        }

        c += cRow;
        TVector.Store(c, c70);
    }

    // Seven steps after which one row each has had its last: row r takes part in the first r.
    private static void Leaving(in AttentionProduct product, int i, int x, int start)
    {
        float* c = product.C + (i * product.CRow) + x;
        nint cRow = product.CRow;
        TRegister c0 = TVector.Load(c);
        TRegister c1 = TVector.Load(c + cRow);
        TRegister c2 = TVector.Load(c + (2 * cRow));
        TRegister c3 = TVector.Load(c + (3 * cRow));
        TRegister c4 = TVector.Load(c + (4 * cRow));
        TRegister c5 = TVector.Load(c + (5 * cRow));
        TRegister c6 = TVector.Load(c + (6 * cRow));
        TRegister c7 = TVector.Load(c + (7 * cRow));
        float* b = product.B + (start * product.BStep) + x;
        float* a = product.A + (i * product.ARow) + (start * product.AStep);
        float* a1 = a + product.ARow;
        float* a2 = a1 + product.ARow;
        float* a3 = a2 + product.ARow;
        float* a4 = a3 + product.ARow;
        float* a5 = a4 + product.ARow;
        float* a6 = a5 + product.ARow;
        float* a7 = a6 + product.ARow;
        nint aStep = product.AStep;
        nint bStep = product.BStep;
        TRegister b0 = TVector.Load(b);
        c1 = TVector.MultiplyAdd(TVector.Broadcast(a1[0]), b0, c1);
        c2 = TVector.MultiplyAdd(TVector.Broadcast(a2[0]), b0, c2);
        c3 = TVector.MultiplyAdd(TVector.Broadcast(a3[0]), b0, c3);
        c4 = TVector.MultiplyAdd(TVector.Broadcast(a4[0]), b0, c4);
        c5 = TVector.MultiplyAdd(TVector.Broadcast(a5[0]), b0, c5);
        c6 = TVector.MultiplyAdd(TVector.Broadcast(a6[0]), b0, c6);
        c7 = TVector.MultiplyAdd(TVector.Broadcast(a7[0]), b0, c7);
        b += bStep;
        b0 = TVector.Load(b);
        c2 = TVector.MultiplyAdd(TVector.Broadcast(a2[aStep]), b0, c2);
        c3 = TVector.MultiplyAdd(TVector.Broadcast(a3[aStep]), b0, c3);
        c4 = TVector.MultiplyAdd(TVector.Broadcast(a4[aStep]), b0, c4);
        c5 = TVector.MultiplyAdd(TVector.Broadcast(a5[aStep]), b0, c5);
        c6 = TVector.MultiplyAdd(TVector.Broadcast(a6[aStep]), b0, c6);
        c7 = TVector.MultiplyAdd(TVector.Broadcast(a7[aStep]), b0, c7);
        b += bStep;
        b0 = TVector.Load(b);
        c3 = TVector.MultiplyAdd(TVector.Broadcast(a3[2 * aStep]), b0, c3);
        c4 = TVector.MultiplyAdd(TVector.Broadcast(a4[2 * aStep]), b0, c4);
        c5 = TVector.MultiplyAdd(TVector.Broadcast(a5[2 * aStep]), b0, c5);
        c6 = TVector.MultiplyAdd(TVector.Broadcast(a6[2 * aStep]), b0, c6);
        c7 = TVector.MultiplyAdd(TVector.Broadcast(a7[2 * aStep]), b0, c7);
        b += bStep;
        b0 = TVector.Load(b);
        c4 = TVector.MultiplyAdd(TVector.Broadcast(a4[3 * aStep]), b0, c4);
        c5 = TVector.MultiplyAdd(TVector.Broadcast(a5[3 * aStep]), b0, c5);
        c6 = TVector.MultiplyAdd(TVector.Broadcast(a6[3 * aStep]), b0, c6);
        c7 = TVector.MultiplyAdd(TVector.Broadcast(a7[3 * aStep]), b0, c7);
        b += bStep;
        b0 = TVector.Load(b);
        c5 = TVector.MultiplyAdd(TVector.Broadcast(a5[4 * aStep]), b0, c5);
        c6 = TVector.MultiplyAdd(TVector.Broadcast(a6[4 * aStep]), b0, c6);
        c7 = TVector.MultiplyAdd(TVector.Broadcast(a7[4 * aStep]), b0, c7);
        b += bStep;
        b0 = TVector.Load(b);
        c6 = TVector.MultiplyAdd(TVector.Broadcast(a6[5 * aStep]), b0, c6);
        c7 = TVector.MultiplyAdd(TVector.Broadcast(a7[5 * aStep]), b0, c7);
        b += bStep;
        b0 = TVector.Load(b);
        c7 = TVector.MultiplyAdd(TVector.Broadcast(a7[6 * aStep]), b0, c7);
        TVector.Store(c, c0);
        TVector.Store(c + cRow, c1);
        TVector.Store(c + (2 * cRow), c2);
        TVector.Store(c + (3 * cRow), c3);
        TVector.Store(c + (4 * cRow), c4);
        TVector.Store(c + (5 * cRow), c5);
        TVector.Store(c + (6 * cRow), c6);
        TVector.Store(c + (7 * cRow), c7);
    }

    // Seven steps before which one row each has had its first: row r takes part from step r on.
    private static void Entering(in AttentionProduct product, int i, int x, int start)
    {
        float* c = product.C + (i * product.CRow) + x;
        nint cRow = product.CRow;
        TRegister c0 = TVector.Load(c);
        TRegister c1 = TVector.Load(c + cRow);
        TRegister c2 = TVector.Load(c + (2 * cRow));
        TRegister c3 = TVector.Load(c + (3 * cRow));
        TRegister c4 = TVector.Load(c + (4 * cRow));
        TRegister c5 = TVector.Load(c + (5 * cRow));
        TRegister c6 = TVector.Load(c + (6 * cRow));
        TRegister c7 = TVector.Load(c + (7 * cRow));
        float* b = product.B + (start * product.BStep) + x;
        float* a = product.A + (i * product.ARow) + (start * product.AStep);
        float* a1 = a + product.ARow;
        float* a2 = a1 + product.ARow;
        float* a3 = a2 + product.ARow;
        float* a4 = a3 + product.ARow;
        float* a5 = a4 + product.ARow;
        float* a6 = a5 + product.ARow;
        float* a7 = a6 + product.ARow;
        nint aStep = product.AStep;
        nint bStep = product.BStep;
        TRegister b0 = TVector.Load(b);
        c0 = TVector.MultiplyAdd(TVector.Broadcast(a[0]), b0, c0);
        b += bStep;
        b0 = TVector.Load(b);
        c0 = TVector.MultiplyAdd(TVector.Broadcast(a[aStep]), b0, c0);
        c1 = TVector.MultiplyAdd(TVector.Broadcast(a1[aStep]), b0, c1);
        b += bStep;
        b0 = TVector.Load(b);
        c0 = TVector.MultiplyAdd(TVector.Broadcast(a[2 * aStep]), b0, c0);
        c1 = TVector.MultiplyAdd(TVector.Broadcast(a1[2 * aStep]), b0, c1);
        c2 = TVector.MultiplyAdd(TVector.Broadcast(a2[2 * aStep]), b0, c2);
        b += bStep;
        b0 = TVector.Load(b);
        c0 = TVector.MultiplyAdd(TVector.Broadcast(a[3 * aStep]), b0, c0);
        c1 = TVector.MultiplyAdd(TVector.Broadcast(a1[3 * aStep]), b0, c1);
        c2 = TVector.MultiplyAdd(TVector.Broadcast(a2[3 * aStep]), b0, c2);
        c3 = TVector.MultiplyAdd(TVector.Broadcast(a3[3 * aStep]), b0, c3);
        b += bStep;
        b0 = TVector.Load(b);
        c0 = TVector.MultiplyAdd(TVector.Broadcast(a[4 * aStep]), b0, c0);
        c1 = TVector.MultiplyAdd(TVector.Broadcast(a1[4 * aStep]), b0, c1);
        c2 = TVector.MultiplyAdd(TVector.Broadcast(a2[4 * aStep]), b0, c2);
        c3 = TVector.MultiplyAdd(TVector.Broadcast(a3[4 * aStep]), b0, c3);
        c4 = TVector.MultiplyAdd(TVector.Broadcast(a4[4 * aStep]), b0, c4);
        b += bStep;
        b0 = TVector.Load(b);
        c0 = TVector.MultiplyAdd(TVector.Broadcast(a[5 * aStep]), b0, c0);
        c1 = TVector.MultiplyAdd(TVector.Broadcast(a1[5 * aStep]), b0, c1);
        c2 = TVector.MultiplyAdd(TVector.Broadcast(a2[5 * aStep]), b0, c2);
        c3 = TVector.MultiplyAdd(TVector.Broadcast(a3[5 * aStep]), b0, c3);
        c4 = TVector.MultiplyAdd(TVector.Broadcast(a4[5 * aStep]), b0, c4);
        c5 = TVector.MultiplyAdd(TVector.Broadcast(a5[5 * aStep]), b0, c5);
        b += bStep;
        b0 = TVector.Load(b);
        c0 = TVector.MultiplyAdd(TVector.Broadcast(a[6 * aStep]), b0, c0);
        c1 = TVector.MultiplyAdd(TVector.Broadcast(a1[6 * aStep]), b0, c1);
        c2 = TVector.MultiplyAdd(TVector.Broadcast(a2[6 * aStep]), b0, c2);
        c3 = TVector.MultiplyAdd(TVector.Broadcast(a3[6 * aStep]), b0, c3);
        c4 = TVector.MultiplyAdd(TVector.Broadcast(a4[6 * aStep]), b0, c4);
        c5 = TVector.MultiplyAdd(TVector.Broadcast(a5[6 * aStep]), b0, c5);
        c6 = TVector.MultiplyAdd(TVector.Broadcast(a6[6 * aStep]), b0, c6);
        TVector.Store(c, c0);
        TVector.Store(c + cRow, c1);
        TVector.Store(c + (2 * cRow), c2);
        TVector.Store(c + (3 * cRow), c3);
        TVector.Store(c + (4 * cRow), c4);
        TVector.Store(c + (5 * cRow), c5);
        TVector.Store(c + (6 * cRow), c6);
        TVector.Store(c + (7 * cRow), c7);
    }

    // Rows take part in step s while starts[row] <= s < ends[row]: from one row to the next both bounds never fall, so that the rows of a
    // step are those from one number to another.
    private static void RaggedOfOne(in AttentionProduct product, int i, int x, int rows, int* starts, int* ends, int start, int stop)
    {
        float* c = product.C + (i * product.CRow) + x;
        nint cRow = product.CRow;
        TRegister c0 = TVector.Load(c);
        TRegister c1 = TVector.Load(c + cRow);
        TRegister c2 = TVector.Load(c + (2 * cRow));
        TRegister c3 = TVector.Load(c + (3 * cRow));
        TRegister c4 = TVector.Load(c + (4 * cRow));
        TRegister c5 = TVector.Load(c + (5 * cRow));
        TRegister c6 = TVector.Load(c + (6 * cRow));
        TRegister c7 = TVector.Load(c + (7 * cRow));
        float* a = product.A + (i * product.ARow);
        nint aRow = product.ARow;
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
            TRegister b0 = TVector.Load(product.B + (s * product.BStep) + x);
            float* column = a + (s * product.AStep);
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
        TVector.Store(c + cRow, c1);
        TVector.Store(c + (2 * cRow), c2);
        TVector.Store(c + (3 * cRow), c3);
        TVector.Store(c + (4 * cRow), c4);
        TVector.Store(c + (5 * cRow), c5);
        TVector.Store(c + (6 * cRow), c6);
        TVector.Store(c + (7 * cRow), c7);
    }
}
