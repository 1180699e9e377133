using System.Numerics;

namespace Camels.Engine.Data;

/// <summary>
/// Packs row by row: the longest document that is left, then those whose lengths add up to what is left of the row, or as near as possible.
/// Better than best fit where lengths are alike (fourteen of a hundred and forty), slower where none add up. A pure function of the lengths.
/// </summary>
internal sealed class ExactFill
{
    private readonly int _capacity;
    private readonly Queue<int>[] _documents;   // by length, in order
    private readonly int[] _added;              // by sum: the length that reached it
    private readonly ulong[] _reached;                   // one bit a sum
    private int _longest;

    private ExactFill(ReadOnlySpan<int> lengths, int capacity)
    {
        _capacity = capacity;
        _longest = capacity;
        _documents = new Queue<int>[capacity + 1];
        _added = new int[capacity + 1];
        _reached = new ulong[(capacity / 64) + 1];
        for (int document = 0; document < lengths.Length; document++)
        {
            (_documents[lengths[document]] ??= []).Enqueue(document);
        }
    }

    /// <summary>The row of every document, and the number of rows.</summary>
    public static (int[] RowOf, int Rows) Pack(ReadOnlySpan<int> lengths, int capacity)
    {
        ExactFill fill = new(lengths, capacity);
        int[] rowOf = new int[lengths.Length];
        int packed = 0;
        int rows = 0;
        for (; packed < lengths.Length; rows++)
        {
            int room = capacity - fill.TakeLongest(rowOf, rows);
            packed++;
            for (int sum = fill.LargestSum(room); sum > 0; sum -= fill._added[sum])
            {
                rowOf[fill._documents[fill._added[sum]].Dequeue()] = rows;
                packed++;
            }
        }

        return (rowOf, rows);
    }

    private int TakeLongest(int[] rowOf, int row)
    {
        while (_documents[_longest] is not { Count: > 0 })
        {
            _longest--;
        }

        rowOf[_documents[_longest].Dequeue()] = row;
        return _longest;
    }

    // The largest sum of lengths that room takes; _added leads back from it. Long documents are tried first, so few and long ones fill a row.
    private int LargestSum(int room)
    {
        Array.Clear(_reached);
        _reached[0] = 1;
        for (int length = Math.Min(_longest, room); length > 0; length--)
        {
            int copies = _documents[length] is { } queue ? Math.Min(queue.Count, room / length) : 0;
            for (int copy = 0; copy < copies && AddOnce(length, room); copy++)
            {
            }

            if (IsReached(room))
            {
                return room;
            }
        }

        int sum = room;
        while (!IsReached(sum))
        {
            sum--;
        }

        return sum;
    }

    // One more document of this length: false where that reaches no new sum.
    private bool AddOnce(int length, int room)
    {
        int words = length / 64;
        int bits = length % 64;
        bool isNew = false;
        for (int word = room / 64; word >= words; word--)
        {
            ulong shifted = _reached[word - words] << bits;
            if (bits > 0 && word > words)
            {
                shifted |= _reached[word - words - 1] >> (64 - bits);
            }

            ulong added = shifted & ~_reached[word];
            _reached[word] |= added;
            for (; added != 0; added &= added - 1)
            {
                int sum = (word * 64) + BitOperations.TrailingZeroCount(added);
                _added[Math.Min(sum, _capacity)] = length;
                isNew |= sum <= room;
            }
        }

        return isNew;
    }

    private bool IsReached(int sum) => ((_reached[sum / 64] >> (sum % 64)) & 1) != 0;
}
