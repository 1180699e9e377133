using System.Numerics;

namespace Camels.Kernels;

/// <summary>The tensor copy engine of a block: boxes land in any order and as late as the seed says.</summary>
internal sealed unsafe partial class PtxBlock
{
    private readonly List<BoxCopy> _boxes = [];

    // One box that is under way. Without a barrier it goes from shared to global memory, in a group of its thread.
    private sealed record BoxCopy(PtxTensorMap Map, uint Shared, int X, int Y, PtxPhaseBarrier? Barrier, PtxWarp Warp, int Lane, nint At)
    {
        public int Group { get; set; }
    }

    // Copies to shared memory that are under way and may land at any time.
    private int _loads;

    /// <summary>A box from global to shared memory; its bytes arrive at the barrier.</summary>
    public void IssueLoad(PtxWarp warp, in PtxTensorMap map, uint shared, int x, int y, PtxPhaseBarrier barrier, int lane)
    {
        if (Settings.Options.Poisons)
        {
            new Span<byte>(Shared + (shared - SharedStart), map.BoxBytes).Fill(0xFF);
        }

        Checks?.IssueBox(warp, shared, map.BoxBytes, isWrite: true, lane);
        _boxes.Add(new BoxCopy(map, shared, x, y, barrier, warp, lane, (nint)warp.Current));
        _loads++;
    }

    /// <summary>A box from shared to global memory.</summary>
    public void IssueStore(PtxWarp warp, in PtxTensorMap map, uint shared, int x, int y, int group, int lane)
    {
        Checks?.IssueBox(warp, shared, map.BoxBytes, isWrite: false, lane);
        _boxes.Add(new BoxCopy(map, shared, x, y, Barrier: null, warp, lane, (nint)warp.Current) { Group = group });
    }

    /// <summary>Stores of a thread up to a group land.</summary>
    public void LandStores(PtxWarp warp, int lane, int upToGroup)
    {
        for (int i = 0; i < _boxes.Count; i++)
        {
            BoxCopy box = _boxes[i];
            if (box.Barrier is null && box.Warp == warp && box.Lane == lane && box.Group <= upToGroup)
            {
                _boxes.RemoveAt(i--);
                Land(box);
            }
        }
    }

    private void BeginBulk()
    {
        _boxes.Clear();
        _loads = 0;
        _phases.Clear();
    }

    private void LandOneLoad()
    {
        int chosen = Draw(_boxes.Count);
        while (_boxes[chosen].Barrier is null)
        {
            chosen = (chosen + 1) % _boxes.Count;
        }

        BoxCopy box = _boxes[chosen];
        _boxes.RemoveAt(chosen);
        _loads--;
        Land(box);
    }

    private void LandAllStores()
    {
        foreach (BoxCopy box in _boxes.Where(box => box.Barrier is null))
        {
            Land(box);
        }

        _boxes.Clear();
    }

    private void Land(BoxCopy box)
    {
        PtxTensorMap map = box.Map;
        bool isLoad = box.Barrier is not null;
        int rowBytes = map.BoxColumns * map.ElementBytes;
        for (int row = 0; row < map.BoxRows; row++)
        {
            bool isInside = map.TryRow(box.X, box.Y, row, out ulong source, out int skipped, out int columns);
            uint start = box.Shared + (uint)(row * rowBytes);
            if (isLoad)
            {
                LoadRow(box, map, start, rowBytes, isInside, source, skipped * map.ElementBytes, columns * map.ElementBytes);
            }
            else if (isInside)
            {
                byte* host = HostOf(box, source, columns * map.ElementBytes);
                CopyRow(map, start + (uint)(skipped * map.ElementBytes), host, columns * map.ElementBytes, isLoad: false);
            }
        }

        Checks?.LandBox(box.Warp, box.Barrier, box.Shared, map.BoxBytes, box.Lane);
        if (isLoad)
        {
            Receive(box.Barrier!, map.BoxBytes);
        }
    }

    // What lies outside the matrix is zero.
    private void LoadRow(BoxCopy box, in PtxTensorMap map, uint start, int rowBytes, bool isInside, ulong source, int skippedBytes, int bytes)
    {
        if (!isInside || bytes < rowBytes)
        {
            for (uint chunk = start; chunk < start + rowBytes; chunk += 16)
            {
                new Span<byte>(Shared + (PtxTensorMap.Swizzle(chunk, map.SwizzleBytes) - SharedStart), 16).Clear();
            }
        }

        if (isInside)
        {
            CopyRow(map, start + (uint)skippedBytes, HostOf(box, source, bytes), bytes, isLoad: true);
        }
    }

    private void CopyRow(in PtxTensorMap map, uint start, byte* host, int bytes, bool isLoad)
    {
        for (int done = 0; done < bytes;)
        {
            // Up to the end of the chunk of 16 bytes, inside of which nothing is permuted.
            int part = Math.Min(bytes - done, 16 - (int)((start + (uint)done) & 15));
            byte* shared = Shared + (PtxTensorMap.Swizzle(start + (uint)done, map.SwizzleBytes) - SharedStart);
            if (isLoad)
            {
                Buffer.MemoryCopy(host + done, shared, part, part);
            }
            else
            {
                Buffer.MemoryCopy(shared, host + done, part, part);
            }

            done += part;
        }
    }

    private byte* HostOf(BoxCopy box, ulong address, int bytes)
    {
        try
        {
            return Settings.Memory.Host(address, bytes);
        }
        catch (PtxException error)
        {
            throw box.Warp.Fail(PtxFault.OutOfBounds, $"the tensor map leads to {error.Message}", box.Lane, (PtxInstruction*)box.At);
        }
    }
}

/// <summary>cp.async.bulk.tensor and its groups. Every lane of the mask acts by itself; usually it is one.</summary>
internal static unsafe class PtxBulkCopies
{
    /// <summary>To shared memory: destination as any address, B map, More[0] barrier, More[1] x, More[2] y, More[3] offset of the map.</summary>
    public static void Load(PtxWarp warp, PtxInstruction* instruction)
    {
        byte* registers = warp.Registers;
        int* x = (int*)(registers + instruction->More[1]);
        int* y = (int*)(registers + instruction->More[2]);
        uint* barriers = (uint*)(registers + instruction->More[0]);
        ulong* addresses = warp.ComputeAddresses(instruction);
        for (uint bits = warp.Mask; bits != 0; bits &= bits - 1)
        {
            int lane = BitOperations.TrailingZeroCount(bits);
            PtxTensorMap map = MapOf(warp, instruction, lane);
            uint shared = SharedPlace(warp, map, addresses[lane], lane);
            PtxPhaseBarrier barrier = warp.Block.PhaseAt(warp, barriers[lane], lane);
            warp.Block.IssueLoad(warp, map, shared, x[lane], y[lane], barrier, lane);
        }
    }

    /// <summary>To global memory: the source as any address, B map, More[1] x, More[2] y, More[3] offset of the map.</summary>
    public static void Store(PtxWarp warp, PtxInstruction* instruction)
    {
        byte* registers = warp.Registers;
        int* x = (int*)(registers + instruction->More[1]);
        int* y = (int*)(registers + instruction->More[2]);
        ulong* addresses = warp.ComputeAddresses(instruction);
        for (uint bits = warp.Mask; bits != 0; bits &= bits - 1)
        {
            int lane = BitOperations.TrailingZeroCount(bits);
            PtxTensorMap map = MapOf(warp, instruction, lane);
            warp.Block.IssueStore(warp, map, SharedPlace(warp, map, addresses[lane], lane), x[lane], y[lane], warp.BulkGroups[lane], lane);
        }
    }

    public static void Commit(PtxWarp warp, PtxInstruction* instruction)
    {
        for (uint bits = warp.Mask; bits != 0; bits &= bits - 1)
        {
            warp.BulkGroups[BitOperations.TrailingZeroCount(bits)]++;
        }
    }

    /// <summary>All but the last Immediate groups of a thread's stores have landed.</summary>
    public static void Await(PtxWarp warp, PtxInstruction* instruction)
    {
        for (uint bits = warp.Mask; bits != 0; bits &= bits - 1)
        {
            int lane = BitOperations.TrailingZeroCount(bits);
            warp.Block.LandStores(warp, lane, warp.BulkGroups[lane] - (int)instruction->Immediate - 1);
        }
    }

    private static PtxTensorMap MapOf(PtxWarp warp, PtxInstruction* instruction, int lane)
    {
        ulong address = ((ulong*)(warp.Registers + instruction->B))[lane] + (ulong)instruction->More[3];
        PtxTensorMap map = *(PtxTensorMap*)warp.HostOfGeneric(address, PtxTensorMap.Bytes, lane);
        return map.IsMap && address % 64 == 0
            ? map
            : throw warp.Fail(PtxFault.Protocol, $"there is no tensor map at 0x{address:x}", lane);
    }

    // Boxes whose chunks are permuted start where the permutation starts.
    private static uint SharedPlace(PtxWarp warp, in PtxTensorMap map, ulong address, int lane)
    {
        uint alignment = map.SwizzleBytes == 0 ? 128u : (uint)map.SwizzleBytes * 8;
        if (address % alignment != 0)
        {
            throw warp.Fail(PtxFault.Misaligned, $"a box at shared address {address}, which is no multiple of {alignment}", lane);
        }

        ulong end = PtxBlock.SharedStart + (ulong)warp.Block.SharedBytes;
        return address >= PtxBlock.SharedStart && address + (ulong)map.BoxBytes <= end
            ? (uint)address
            : throw warp.Fail(PtxFault.OutOfBounds, $"a box of {map.BoxBytes} bytes at shared address {address}: the block ends at {end}", lane);
    }
}
