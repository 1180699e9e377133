using System.Runtime.InteropServices;

namespace Camels.Engine.Data;

/// <summary>
/// Remembers the signatures of conversations and finds an earlier one that shares at least <see cref="LeastShare"/> of its runs of words.
/// Candidates are those that agree in one of 16 bands of four places. About 250 bytes a conversation; the answer depends on the order of
/// conversations only.
/// </summary>
internal sealed class NearDuplicates
{
    /// <summary>From this share of equal places on, two conversations are near duplicates.</summary>
    public const double LeastShare = 0.8;

    private const int BandPlaces = 4;
    private const int Bands = MinHash.Length / BandPlaces;

    private readonly List<ushort> _signatures = [];
    private readonly int[][] _slots = [.. Enumerable.Range(0, Bands).Select(_ => new int[1 << 10])];    // 0: free; else number + 1
    private int _count;

    /// <summary>Remembers the signature and returns false, or returns true where a near duplicate of it is known.</summary>
    public bool IsKnown(ReadOnlySpan<ushort> signature)
    {
        for (int band = 0; band < Bands; band++)
        {
            int known = _slots[band][SlotOf(band, signature)] - 1;
            if (known >= 0 && ShareWith(known, signature) >= LeastShare)
            {
                return true;
            }
        }

        Add(signature);
        return false;
    }

    private void Add(ReadOnlySpan<ushort> signature)
    {
        _signatures.AddRange(signature);
        _count++;
        if (2 * _count > _slots[0].Length)
        {
            Grow();
            return;
        }

        for (int band = 0; band < Bands; band++)
        {
            Enter(band, _count - 1);
        }
    }

    private void Grow()
    {
        int length = 2 * _slots[0].Length;
        for (int band = 0; band < Bands; band++)
        {
            _slots[band] = new int[length];
            for (int number = 0; number < _count; number++)
            {
                Enter(band, number);
            }
        }
    }

    // The first conversation of a band's value keeps the slot.
    private void Enter(int band, int number)
    {
        ref int slot = ref _slots[band][SlotOf(band, Stored(number))];
        slot = slot == 0 ? number + 1 : slot;
    }

    // The slot with this value of the band, or the free one where it belongs.
    private int SlotOf(int band, ReadOnlySpan<ushort> signature)
    {
        ReadOnlySpan<ushort> value = signature.Slice(band * BandPlaces, BandPlaces);
        ulong bits = MemoryMarshal.Read<ulong>(MemoryMarshal.AsBytes(value));
        int[] slots = _slots[band];
        int at = (int)(RandomBits.Mix(bits) & (ulong)(slots.Length - 1));
        while (slots[at] != 0 && !Stored(slots[at] - 1).Slice(band * BandPlaces, BandPlaces).SequenceEqual(value))
        {
            at = (at + 1) & (slots.Length - 1);
        }

        return at;
    }

    private double ShareWith(int number, ReadOnlySpan<ushort> signature)
    {
        ReadOnlySpan<ushort> stored = Stored(number);
        int equal = 0;
        for (int k = 0; k < MinHash.Length; k++)
        {
            equal += stored[k] == signature[k] ? 1 : 0;
        }

        return (double)equal / MinHash.Length;
    }

    private ReadOnlySpan<ushort> Stored(int number) => CollectionsMarshal.AsSpan(_signatures).Slice(number * MinHash.Length, MinHash.Length);
}
