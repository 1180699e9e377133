using System.Numerics;

namespace Camels.Kernels;

/// <summary>Counting of memory accesses.</summary>
internal sealed unsafe partial class PtxBlock
{
    private const int Banks = 32;
    private const int SectorBytes = 32;

    /// <summary>Finds races, where the launch asks for it.</summary>
    public PtxRaces? Checks { get; }

    /// <summary>
    /// Bank conflicts: of 4-byte accesses all lanes go at once, of 8 bytes half of them, of 16 a quarter; every further pass over the banks,
    /// because two lanes want different words of one bank, counts.
    /// </summary>
    public void CountConflicts(ulong* addresses, uint mask, int bytes)
    {
        int lanes = Math.Min(32, 128 / Math.Max(4, bytes));
        Span<int> passes = stackalloc int[Banks];
        Span<uint> words = stackalloc uint[Banks * 32];
        for (int first = 0; first < 32; first += lanes)
        {
            passes.Clear();
            for (int lane = first; lane < first + lanes; lane++)
            {
                for (int part = 0; (mask >> lane & 1) != 0 && part < Math.Max(4, bytes); part += 4)
                {
                    uint word = (uint)(addresses[lane] + (ulong)part) / 4;
                    int bank = (int)(word % Banks);
                    Span<uint> ofBank = words.Slice(bank * 32, passes[bank]);
                    if (!ofBank.Contains(word))
                    {
                        words[(bank * 32) + passes[bank]++] = word;
                    }
                }
            }

            int most = 0;
            foreach (int count in passes)
            {
                most = Math.Max(most, count);
            }

            _counters.BankConflicts += Math.Max(0, most - 1);
        }
    }

    /// <summary>Sectors of 32 bytes that an access touches.</summary>
    public void CountSectors(ulong* addresses, uint mask)
    {
        Span<ulong> sectors = stackalloc ulong[64];
        int count = 0;
        for (uint bits = mask; bits != 0; bits &= bits - 1)
        {
            ulong address = addresses[BitOperations.TrailingZeroCount(bits)];
            ulong sector = address / SectorBytes;
            if (!sectors[..count].Contains(sector))
            {
                sectors[count++] = sector;
            }
        }

        _counters.GlobalSectors += count;
        _counters.GlobalAccesses++;
    }
}
