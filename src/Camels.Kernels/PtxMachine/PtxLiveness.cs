using System.Numerics;

namespace Camels.Kernels;

/// <summary>Which registers are alive where: for the count of live registers, and to give registers that never meet one place.</summary>
internal sealed class PtxLiveness
{
    private readonly PtxEntry _entry;
    private readonly PtxStretch[] _stretches;
    private readonly int _words;
    private readonly ulong[][] _liveIn;
    private readonly ulong[][] _liveOut;

    public PtxLiveness(PtxEntry entry, PtxStretch[] stretches)
    {
        _entry = entry;
        _stretches = stretches;
        _words = (entry.Registers.Count + 63) / 64;
        _liveIn = NewSets();
        _liveOut = NewSets();
        Solve();
        First = Filled(int.MaxValue);
        Last = Filled(-1);
        AliveAt = new int[entry.Statements.Count];
        Walk();
    }

    /// <summary>32-bit registers alive at the worst place; 64-bit ones count twice, predicates not at all.</summary>
    public int MostAlive => AliveAt.DefaultIfEmpty(0).Max();

    /// <summary>The same for each statement.</summary>
    public int[] AliveAt { get; }

    /// <summary>For each register the first and last statement at which its place is taken; first is int.MaxValue for one never used.</summary>
    public int[] First { get; }

    public int[] Last { get; }

    /// <summary>Registers that some path reads before anything is written to them.</summary>
    public IEnumerable<PtxRegister> ReadBeforeWritten() =>
        _stretches.Length == 0 ? [] : _entry.Registers.Where(register => Contains(_liveIn[0], register.Index));

    private static bool Contains(ulong[] set, int index) => (set[index >> 6] >> (index & 63) & 1) != 0;

    private static void Add(ulong[] set, int index) => set[index >> 6] |= 1UL << (index & 63);

    private static void Remove(ulong[] set, int index) => set[index >> 6] &= ~(1UL << (index & 63));

    private ulong[][] NewSets()
    {
        ulong[][] sets = new ulong[_stretches.Length][];
        for (int i = 0; i < sets.Length; i++)
        {
            sets[i] = new ulong[_words];
        }

        return sets;
    }

    private int[] Filled(int value)
    {
        int[] values = new int[_entry.Registers.Count];
        Array.Fill(values, value);
        return values;
    }

    // alive before = read first + (alive behind - written); behind = before of every successor; until nothing changes.
    private void Solve()
    {
        ulong[][] reads = NewSets();
        ulong[][] writes = NewSets();
        for (int i = 0; i < _stretches.Length; i++)
        {
            for (int s = _stretches[i].End - 1; s >= _stretches[i].First; s--)
            {
                Step(reads[i], s, register => Add(writes[i], register.Index));
            }
        }

        for (bool changed = true; changed;)
        {
            changed = false;
            for (int i = _stretches.Length - 1; i >= 0; i--)
            {
                foreach (int next in _stretches[i].Successors)
                {
                    for (int w = 0; next < _stretches.Length && w < _words; w++)
                    {
                        _liveOut[i][w] |= _liveIn[next][w];
                    }
                }

                for (int w = 0; w < _words; w++)
                {
                    ulong before = reads[i][w] | (_liveOut[i][w] & ~writes[i][w]);
                    changed |= before != _liveIn[i][w];
                    _liveIn[i][w] = before;
                }
            }
        }
    }

    // What is alive before a statement, from what is alive behind it.
    private void Step(ulong[] alive, int statement, Action<PtxRegister> onWrite)
    {
        foreach (PtxRegister register in _entry.Statements[statement].Writes())
        {
            Remove(alive, register.Index);
            onWrite(register);
        }

        foreach (PtxRegister register in _entry.Statements[statement].Reads())
        {
            Add(alive, register.Index);
        }
    }

    private void Walk()
    {
        ulong[] alive = new ulong[_words];
        for (int i = 0; i < _stretches.Length; i++)
        {
            PtxStretch stretch = _stretches[i];
            _liveOut[i].CopyTo(alive, 0);
            TakeAll(alive, stretch.End - 1);
            int count = Weight(alive);
            for (int s = stretch.End - 1; s >= stretch.First; s--)
            {
                foreach (PtxRegister register in _entry.Statements[s].Writes())
                {
                    Take(register.Index, s);

                    // A result that nobody reads still needs a register while it is written.
                    count += Contains(alive, register.Index) ? 0 : Weight(register);
                    Add(alive, register.Index);
                }

                AliveAt[s] = count;
                foreach (PtxRegister register in _entry.Statements[s].Writes())
                {
                    count -= Contains(alive, register.Index) ? Weight(register) : 0;
                    Remove(alive, register.Index);
                }

                foreach (PtxRegister register in _entry.Statements[s].Reads())
                {
                    Take(register.Index, s);
                    count += Contains(alive, register.Index) ? 0 : Weight(register);
                    Add(alive, register.Index);
                }

                AliveAt[s] = Math.Max(AliveAt[s], count);
            }

            TakeAll(_liveIn[i], stretch.First);
        }
    }

    private void TakeAll(ulong[] set, int statement)
    {
        for (int w = 0; w < _words; w++)
        {
            for (ulong bits = set[w]; bits != 0; bits &= bits - 1)
            {
                Take((w << 6) + BitOperations.TrailingZeroCount(bits), statement);
            }
        }
    }

    private void Take(int register, int statement)
    {
        First[register] = Math.Min(First[register], statement);
        Last[register] = Math.Max(Last[register], statement);
    }

    private int Weight(ulong[] set)
    {
        int count = 0;
        for (int w = 0; w < _words; w++)
        {
            for (ulong bits = set[w]; bits != 0; bits &= bits - 1)
            {
                count += Weight(_entry.Registers[(w << 6) + BitOperations.TrailingZeroCount(bits)]);
            }
        }

        return count;
    }

    private static int Weight(PtxRegister register) => register.Width switch
    {
        PtxWidth.Predicate => 0,
        PtxWidth.B64 => 2,
        _ => 1,
    };
}
