using System.Numerics;

namespace Camels.Kernels;

/// <summary>The accesses of lanes and of engines.</summary>
internal sealed unsafe partial class PtxRaces
{
    private const int WordBytes = 4;

    private readonly PtxSharedShadow _shared;
    private readonly uint _launch;
    private readonly List<(int Word, int Agent, int Group)> _underway = [];
    private uint _blockIndex;

    /// <summary>Lanes of a warp access shared memory: first all are checked, then all are remembered, so that lanes of one instruction agree.</summary>
    public void AccessShared(PtxWarp warp, ulong* addresses, uint mask, int bytes, bool isWrite)
    {
        for (uint bits = mask; bits != 0; bits &= bits - 1)
        {
            int lane = BitOperations.TrailingZeroCount(bits);
            CheckShared(warp, lane, (uint)addresses[lane], bytes, isWrite, isEngine: false);
        }

        int line = warp.CurrentLine;
        uint time = _time[warp.Index];
        for (uint bits = mask; bits != 0; bits &= bits - 1)
        {
            int lane = BitOperations.TrailingZeroCount(bits);
            Remember((uint)addresses[lane], bytes, isWrite, warp.Index, time, lane, line);
        }
    }

    /// <summary>cp.async: from now on its destination is being written.</summary>
    public void IssueCopies(PtxWarp warp, ulong* addresses, uint mask, int bytes)
    {
        for (uint bits = mask; bits != 0; bits &= bits - 1)
        {
            int lane = BitOperations.TrailingZeroCount(bits);
            CheckShared(warp, lane, (uint)addresses[lane], bytes, isWrite: true, isEngine: false);
        }

        for (uint bits = mask; bits != 0; bits &= bits - 1)
        {
            int lane = BitOperations.TrailingZeroCount(bits);
            Remember((uint)addresses[lane], bytes, isWrite: true, warp.Index, Pending, lane, warp.CurrentLine);
        }
    }

    /// <summary>cp.async was waited for: its lane has written.</summary>
    public void LandCopies(PtxWarp warp, uint[] destinations, uint mask, int bytes)
    {
        for (uint bits = mask; bits != 0; bits &= bits - 1)
        {
            int lane = BitOperations.TrailingZeroCount(bits);
            Remember(destinations[lane], bytes, isWrite: true, warp.Index, _time[warp.Index], lane, warp.CurrentLine);
        }
    }

    /// <summary>A box is asked for: its bytes of shared memory are being written, or read, from now on.</summary>
    public void IssueBox(PtxWarp warp, uint shared, int bytes, bool isWrite, int lane)
    {
        for (uint chunk = shared; chunk < shared + (uint)bytes; chunk += 16)
        {
            CheckShared(warp, lane, chunk, bytes: 16, isWrite, isEngine: true);
            Remember(chunk, bytes: 16, isWrite, Engine, Pending, lane: 0, warp.CurrentLine);
        }
    }

    /// <summary>A box has landed: who sees the phase of its barrier over knows of it.</summary>
    public void LandBox(PtxWarp warp, PtxPhaseBarrier? barrier, uint shared, int bytes, int lane)
    {
        uint time = _time[Engine]++;
        bool isWrite = barrier is not null;
        for (uint chunk = shared; chunk < shared + (uint)bytes; chunk += 16)
        {
            Remember(chunk, bytes: 16, isWrite, Engine, time, lane: 0, line: 0);
        }

        if (barrier is not null)
        {
            ToldAt(barrier).Learn(Engine, time);
        }
        else
        {
            // The thread that waited for its store knows.
            (_ofLane[(warp.Index * 32) + lane] ??= new PtxClock(_agents)).Learn(Engine, time);
        }
    }

    /// <summary>wgmma reads 16 bytes of shared memory until its group is waited for.</summary>
    public void IssueProductRead(PtxWarp warp, uint address, int group)
    {
        CheckShared(warp, lane: 0, address, bytes: 16, isWrite: false, isEngine: true);
        int agent = ProductsOf(warp);
        for (int word = WordOf(address); word < WordOf(address) + 4; word++)
        {
            _shared.SetRead(word, agent, Pending, lane: 0);
            _underway.Add((word, agent, group));
        }
    }

    /// <summary>A group of products is made: what it read may be overwritten by who knows of it.</summary>
    public void CompleteProducts(PtxWarp warp, int group)
    {
        int agent = ProductsOf(warp);
        uint time = _time[agent]++;
        foreach ((int word, int of, int number) in _underway)
        {
            if (of == agent && number == group)
            {
                _shared.SetRead(word, agent, time, lane: 0);
            }
        }

        _ = _underway.RemoveAll(read => read.Agent == agent && read.Group == group);
        foreach ((int word, int of, int _) in _underway)
        {
            if (of == agent)
            {
                _shared.SetRead(word, agent, Pending, lane: 0);
            }
        }
    }

    /// <summary>The warp has waited for products: it knows that they were made.</summary>
    public void AwaitProducts(PtxWarp warp) => _known[warp.Index].Learn(ProductsOf(warp), _time[ProductsOf(warp)] - 1);

    /// <summary>Lanes of a warp access global memory.</summary>
    public void AccessGlobal(PtxWarp warp, PtxAllocation allocation, ulong* addresses, uint mask, int bytes, bool isWrite)
    {
        PtxGlobalShadow shadow = allocation.Shadow ??= new PtxGlobalShadow(allocation.Bytes);
        for (uint bits = mask; bits != 0; bits &= bits - 1)
        {
            int lane = BitOperations.TrailingZeroCount(bits);
            ulong offset = addresses[lane] - allocation.Address;
            for (long cell = (long)offset / PtxGlobalShadow.CellBytes; cell * PtxGlobalShadow.CellBytes < (long)offset + bytes; cell++)
            {
                CheckGlobal(warp, lane, ref shadow.At(cell, _launch), MaskOf(offset, bytes, cell, PtxGlobalShadow.CellBytes), isWrite, addresses[lane]);
            }
        }

        for (uint bits = mask; bits != 0; bits &= bits - 1)
        {
            int lane = BitOperations.TrailingZeroCount(bits);
            ulong offset = addresses[lane] - allocation.Address;
            for (long cell = (long)offset / PtxGlobalShadow.CellBytes; cell * PtxGlobalShadow.CellBytes < (long)offset + bytes; cell++)
            {
                RememberGlobal(warp, lane, ref shadow.At(cell, _launch), MaskOf(offset, bytes, cell, PtxGlobalShadow.CellBytes), isWrite);
            }
        }
    }

    private static int WordOf(uint address) => (int)((address - PtxBlock.SharedStart) / 4);

    // Which bytes of a cell an access touches.
    private static int MaskOf(ulong offset, int bytes, long cell, int cellBytes)
    {
        int first = (int)Math.Max(0, (long)offset - (cell * cellBytes));
        int end = (int)Math.Min(cellBytes, (long)offset + bytes - (cell * cellBytes));
        return (1 << end) - (1 << first);
    }

    private void CheckShared(PtxWarp warp, int lane, uint address, int bytes, bool isWrite, bool isEngine)
    {
        uint offset = address - PtxBlock.SharedStart;
        for (int word = (int)(offset / 4); word * 4 < offset + bytes; word++)
        {
            int byteMask = MaskOf(offset, bytes, word, WordBytes);
            if (_shared.TryWrite(word, byteMask, out int agent, out uint time, out int otherLane, out int line))
            {
                RequireKnown(warp, lane, address, isWrite, agent, time, otherLane, line);
                if (isEngine && agent < _warps && time > _published[agent])
                {
                    throw warp.Fail(
                        PtxFault.Race, $"an engine {(isWrite ? "writes" : "reads")} shared address {address}, which {Name(agent, otherLane)} wrote at line {line} "
                        + "without a fence.proxy.async", lane);
                }
            }

            if (!isWrite && !_shared.IsWritten(word, byteMask))
            {
                throw warp.Fail(PtxFault.Uninitialised, $"reads {bytes} bytes at shared address {address}, which nothing wrote", lane);
            }

            for (int reader = 0; isWrite && reader < _agents; reader++)
            {
                if (_shared.TryRead(word, reader, out uint readTime, out int readLane) && !Knows(warp, lane, reader, readTime, readLane))
                {
                    throw warp.Fail(
                        PtxFault.Race, $"writes shared address {address}, which {Name(reader, readLane)} reads{(readTime == Pending ? " at that time" : "")}; "
                        + "nothing orders the two", lane);
                }
            }
        }
    }

    private void RequireKnown(PtxWarp warp, int lane, uint address, bool isWrite, int agent, uint time, int otherLane, int line)
    {
        if (!Knows(warp, lane, agent, time, otherLane))
        {
            string who = time == Pending ? "an asynchronous copy that was not waited for writes" : $"{Name(agent, otherLane)} wrote";
            throw warp.Fail(
                PtxFault.Race, $"{(isWrite ? "writes" : "reads")} shared address {address}, which {who}{(line > 0 ? $" at line {line}" : "")}; nothing orders the two",
                lane);
        }
    }

    private void Remember(uint address, int bytes, bool isWrite, int agent, uint time, int lane, int line)
    {
        uint offset = address - PtxBlock.SharedStart;
        for (int word = (int)(offset / 4); word * 4 < offset + bytes; word++)
        {
            if (isWrite)
            {
                _shared.SetWrite(word, MaskOf(offset, bytes, word, WordBytes), agent, time, lane, line);
            }
            else
            {
                _shared.SetRead(word, agent, time, lane);
            }
        }
    }

    private void CheckGlobal(PtxWarp warp, int lane, ref PtxGlobalShadow.Cell cell, int byteMask, bool isWrite, ulong address)
    {
        uint block = _blockIndex + 1;
        bool isUnknownWrite = cell.WriteBlock != 0 && (cell.WriteBytes & byteMask) != 0
            && (cell.WriteBlock != block || !Knows(warp, lane, cell.WriteWarp, cell.WriteTime, cell.WriteLane));
        if (isUnknownWrite)
        {
            string who = cell.WriteBlock != block ? $"block {cell.WriteBlock - 1} of the grid" : Name(cell.WriteWarp, cell.WriteLane);
            throw warp.Fail(
                PtxFault.Race, $"{(isWrite ? "writes" : "reads")} 0x{address:x}, which {who} wrote at line {cell.Line}; nothing orders the two", lane);
        }

        bool isUnknownRead = isWrite && cell.ReadBlock != 0
            && (cell.ReadBlock != block || (!cell.IsReadByWarps && !Knows(warp, lane, cell.ReadWarp, cell.ReadTime, cell.ReadLane)));
        if (isUnknownRead)
        {
            string who = cell.ReadBlock == PtxGlobalShadow.Cell.Several ? "several blocks read"
                : cell.ReadBlock != block ? $"block {cell.ReadBlock - 1} of the grid reads" : $"{Name(cell.ReadWarp, cell.ReadLane)} reads";
            throw warp.Fail(PtxFault.Race, $"writes 0x{address:x}, which {who}; nothing orders the two", lane);
        }
    }

    private void RememberGlobal(PtxWarp warp, int lane, ref PtxGlobalShadow.Cell cell, int byteMask, bool isWrite)
    {
        uint block = _blockIndex + 1;
        uint time = _time[warp.Index];
        if (isWrite)
        {
            bool isSameMoment = cell.WriteBlock == block && cell.WriteWarp == warp.Index && cell.WriteTime == time;
            cell.WriteBytes = (byte)(byteMask | (isSameMoment ? cell.WriteBytes : 0));
            cell.WriteLane = (byte)(isSameMoment && cell.WriteLane != lane ? SeveralLanes : lane);
            cell.WriteBlock = block;
            cell.WriteWarp = (byte)warp.Index;
            cell.WriteTime = time;
            cell.Line = warp.CurrentLine;
            return;
        }

        bool isSameReader = cell.ReadBlock == block && cell.ReadWarp == warp.Index;
        cell.IsReadByWarps = cell.ReadBlock == block && (cell.IsReadByWarps || !isSameReader);
        cell.ReadLane = (byte)(isSameReader && cell.ReadTime == time && cell.ReadLane != lane ? SeveralLanes : lane);
        cell.ReadBlock = cell.ReadBlock == 0 || cell.ReadBlock == block ? block : PtxGlobalShadow.Cell.Several;
        cell.ReadWarp = (byte)warp.Index;
        cell.ReadTime = time;
    }
}
