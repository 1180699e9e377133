namespace Camels.Kernels;

/// <summary>
/// Gives every register of a kernel a place in the registers of a warp. Registers that are never alive together share one (a linear scan over
/// the statements), so that the registers of a warp stay in the processor's cache.
/// </summary>
internal sealed class PtxRegisterPlaces
{
    private const int LaneCount = 32;

    private readonly PtxEntry _entry;
    private readonly int[] _offsets;
    private int _next;

    public PtxRegisterPlaces(PtxEntry entry)
    {
        _entry = entry;
        _offsets = new int[entry.Registers.Count];
        Array.Fill(_offsets, -1);
        PlacePredicates();
        PredicateBytes = _next = (_next + 63) & ~63;
        PlaceAsynchronous();
        Scan(PtxWidth.B32);
        Scan(PtxWidth.B64);
    }

    /// <summary>Bytes at the start that hold predicates.</summary>
    public int PredicateBytes { get; }

    /// <summary>Bytes of all places so far.</summary>
    public int Bytes => _next;

    public int this[PtxRegister register] => _offsets[register.Index];

    /// <summary>A further place.</summary>
    public int Add(PtxWidth width)
    {
        int offset = _next;
        _next += LaneCount * PtxTypes.LaneBytes(width);
        return offset;
    }

    private void PlacePredicates()
    {
        foreach (PtxRegister register in _entry.Registers.Where(register => register.Width == PtxWidth.Predicate))
        {
            _offsets[register.Index] = _next;
            _next += sizeof(uint);
        }
    }

    // What wgmma reads and writes later than where it stands has a place of its own.
    private void PlaceAsynchronous()
    {
        foreach (PtxStatement statement in _entry.Statements.Where(statement => statement.Opcode.StartsWith("wgmma.mma_async", StringComparison.Ordinal)))
        {
            foreach (PtxRegister register in statement.Operands.SelectMany(operand => operand.Registers()))
            {
                if (_offsets[register.Index] < 0)
                {
                    _offsets[register.Index] = Add(register.Width);
                }
            }
        }
    }

    private void Scan(PtxWidth width)
    {
        PtxLiveness liveness = _entry.Flow.Liveness;
        PriorityQueue<int, int> busy = new();
        Stack<int> free = new();
        IEnumerable<PtxRegister> registers = _entry.Registers
            .Where(register => PtxTypes.LaneBytes(register.Width) == PtxTypes.LaneBytes(width))
            .Where(register => _offsets[register.Index] < 0 && liveness.First[register.Index] != int.MaxValue)
            .OrderBy(register => liveness.First[register.Index]);
        foreach (PtxRegister register in registers)
        {
            while (busy.TryPeek(out int place, out int last) && last < liveness.First[register.Index])
            {
                _ = busy.Dequeue();
                free.Push(place);
            }

            int offset = free.Count > 0 ? free.Pop() : Add(width);
            _offsets[register.Index] = offset;
            busy.Enqueue(offset, liveness.Last[register.Index]);
        }
    }
}
