using System.Numerics;

namespace Camels.Engine.Data;

/// <summary>Which documents share a row: row r holds documents Order[RowStarts[r]] to Order[RowStarts[r + 1] − 1].</summary>
/// <param name="Order">Every document once, row by row, in ascending order within a row.</param>
/// <param name="RowStarts">One more than there are rows.</param>
public sealed record PackedRows(int[] Order, int[] RowStarts)
{
    /// <summary>Number of rows.</summary>
    public int Count => RowStarts.Length - 1;

    /// <summary>The documents of a row.</summary>
    public ReadOnlySpan<int> Row(int row) => Order.AsSpan(RowStarts[row]..RowStarts[row + 1]);
}

/// <summary>
/// Puts whole documents into rows. A pure function of the lengths: best fit decreasing over all documents at once, longest document first
/// (equal lengths in order), each into the fullest row that still takes it; where that leaves too much empty, <see cref="ExactFill"/> is
/// tried and the better of both taken. Rows are ordered by their first document.
/// </summary>
public static class Packing
{
    // From this fill on, best fit is as good as needed and the other way is not tried.
    private const double GoodFill = 0.99;

    // Beyond these sizes the other way takes too long.
    private const int MostExactRows = 50_000;
    private const int LongestExactRow = 1 << 15;

    /// <summary>Packs documents into rows of at most <paramref name="capacity"/> tokens.</summary>
    /// <param name="lengths">Tokens of each document, 1 to <paramref name="capacity"/>.</param>
    /// <param name="capacity">Most tokens of a row.</param>
    public static PackedRows Pack(ReadOnlySpan<int> lengths, int capacity)
    {
        (int[] rowOf, int rows) = BestFit(lengths, capacity);
        long tokens = 0;
        foreach (int length in lengths)
        {
            tokens += length;
        }

        bool isWorthMore = tokens < GoodFill * capacity * rows && rows > (tokens + capacity - 1) / capacity;
        if (isWorthMore && rows <= MostExactRows && capacity <= LongestExactRow)
        {
            (int[] exactRowOf, int exactRows) = ExactFill.Pack(lengths, capacity);
            bool isBetter = exactRows < rows
                || (exactRows == rows && EmptiestRow(lengths, exactRowOf, rows) < EmptiestRow(lengths, rowOf, rows));
            (rowOf, rows) = isBetter ? (exactRowOf, exactRows) : (rowOf, rows);
        }

        return InDocumentOrder(rowOf, rows);
    }

    /// <summary>One document a row.</summary>
    public static PackedRows OnePerRow(int documents) =>
        new([.. Enumerable.Range(0, documents)], [.. Enumerable.Range(0, documents + 1)]);

    private static (int[] RowOf, int Rows) BestFit(ReadOnlySpan<int> lengths, int capacity)
    {
        int[] rowOf = new int[lengths.Length];
        OpenRows open = new(capacity);
        int rows = 0;
        foreach (int document in LongestFirst(lengths, capacity))
        {
            (int row, int space) = open.Take(lengths[document]) ?? (rows++, capacity);
            rowOf[document] = row;
            open.Put(row, space - lengths[document]);
        }

        return (rowOf, rows);
    }

    private static int EmptiestRow(ReadOnlySpan<int> lengths, int[] rowOf, int rows)
    {
        int[] tokens = new int[rows];
        for (int document = 0; document < rowOf.Length; document++)
        {
            tokens[rowOf[document]] += lengths[document];
        }

        return tokens.Min();
    }

    private static int[] LongestFirst(ReadOnlySpan<int> lengths, int capacity)
    {
        int[] shortfall = new int[lengths.Length];
        for (int document = 0; document < lengths.Length; document++)
        {
            ArgumentOutOfRangeException.ThrowIfLessThan(lengths[document], 1);
            ArgumentOutOfRangeException.ThrowIfGreaterThan(lengths[document], capacity);
            shortfall[document] = capacity - lengths[document];
        }

        return SortByKey(shortfall, capacity).Items;
    }

    private static PackedRows InDocumentOrder(int[] rowOf, int rows)
    {
        // Rows are renumbered by first appearance, so that they stay near the order of the sources.
        int[] newNumber = new int[rows];
        Array.Fill(newNumber, -1);
        int next = 0;
        for (int document = 0; document < rowOf.Length; document++)
        {
            ref int number = ref newNumber[rowOf[document]];
            number = number < 0 ? next++ : number;
            rowOf[document] = number;
        }

        (int[] order, int[] rowStarts) = SortByKey(rowOf, rows);
        return new PackedRows(order, rowStarts);
    }

    // Stable counting sort of 0, 1, … by keys in 0…keyCount−1; key k's items begin at Starts[k].
    private static (int[] Items, int[] Starts) SortByKey(ReadOnlySpan<int> keys, int keyCount)
    {
        int[] starts = new int[keyCount + 1];
        foreach (int key in keys)
        {
            starts[key + 1]++;
        }

        for (int key = 0; key < keyCount; key++)
        {
            starts[key + 1] += starts[key];
        }

        int[] next = [.. starts];
        int[] items = new int[keys.Length];
        for (int item = 0; item < keys.Length; item++)
        {
            items[next[keys[item]]++] = item;
        }

        return (items, starts);
    }

    // Rows by the space left in them: a stack per space, and a bit per space that has any.
    private sealed class OpenRows
    {
        private readonly int[] _top;
        private readonly ulong[] _used;
        private readonly List<int> _below = [];

        public OpenRows(int capacity)
        {
            _top = new int[capacity];
            Array.Fill(_top, -1);
            _used = new ulong[(capacity + 63) / 64];
        }

        public (int Row, int Space)? Take(int length)
        {
            int space = SmallestFrom(length);
            if (space < 0)
            {
                return null;
            }

            int row = _top[space];
            _top[space] = _below[row];
            if (_top[space] < 0)
            {
                _used[space / 64] &= ~(1UL << (space % 64));
            }

            return (row, space);
        }

        public void Put(int row, int space)
        {
            if (row == _below.Count)
            {
                _below.Add(-1);
            }

            _below[row] = _top[space];
            _top[space] = row;
            _used[space / 64] |= 1UL << (space % 64);
        }

        private int SmallestFrom(int length)
        {
            int word = length / 64;
            ulong bits = word < _used.Length ? _used[word] & (ulong.MaxValue << (length % 64)) : 0;
            while (bits == 0)
            {
                if (++word >= _used.Length)
                {
                    return -1;
                }

                bits = _used[word];
            }

            return (word * 64) + BitOperations.TrailingZeroCount(bits);
        }
    }
}
