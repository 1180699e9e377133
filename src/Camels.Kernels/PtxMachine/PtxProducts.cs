namespace Camels.Kernels;

/// <summary>
/// wgmma of one warp: products that its warpgroup (four warps) makes together, later. A product reads shared memory when a warp waits for its
/// group and all four have asked for it, the latest moment there is; until then its sums read as NaN.
/// </summary>
internal sealed unsafe class PtxProducts(PtxWarp warp)
{
    /// <summary>Warps of a warpgroup.</summary>
    public const int Warps = 4;

    private const int Rows = 16;
    private const int Lanes = 32;

    private readonly List<Request> _requests = [];
    private readonly List<Sums> _sums = [];
    private int _committed;
    private int _done;

    /// <summary>Sums that products under way add to: those of a warp's 16 rows, row by row.</summary>
    internal sealed class Sums(int* registers, int columns)
    {
        public readonly float[] Values = GC.AllocateUninitializedArray<float>(Rows * columns);

        public int* Registers { get; } = registers;

        public int Columns { get; } = columns;

        /// <summary>Products that have not been made.</summary>
        public int Pending { get; set; }
    }

    /// <summary>A product that was asked for.</summary>
    internal sealed record Request(nint Instruction, Sums Sums, ulong Left, ulong Right, bool Adds, int Group);

    public void Begin()
    {
        _requests.Clear();
        _sums.Clear();
        _committed = 0;
        _done = 0;
    }

    /// <summary>wgmma.mma_async: Count columns, More: sums, then what <see cref="PtxWarpgroup"/> reads; C predicate of adding, or -1 for always.</summary>
    public static void Issue(PtxWarp warp, PtxInstruction* instruction)
    {
        warp.RequireFull();
        if (warp.Block.Warps.Count % Warps != 0)
        {
            throw warp.Fail(PtxFault.Divergence, $"a block of {warp.Block.Warps.Count} warps has no whole warpgroups");
        }

        warp.Block.Counters.TensorInstructions++;
        warp.Products.Issue(instruction);
    }

    public static void Commit(PtxWarp warp, PtxInstruction* instruction)
    {
        warp.RequireFull();
        warp.Products._committed++;
        foreach (PtxWarp other in warp.Block.Warpgroup(warp))
        {
            if (other.Wait == PtxWait.Warpgroup)
            {
                warp.Block.Wake(other);
            }
        }
    }

    /// <summary>wgmma.wait_group: all but the last Immediate groups are made.</summary>
    public static void Await(PtxWarp warp, PtxInstruction* instruction)
    {
        warp.RequireFull();
        int groups = warp.Products._committed - (int)instruction->Immediate;
        ReadOnlySpan<PtxWarp> together = warp.Block.Warpgroup(warp);
        foreach (PtxWarp other in together)
        {
            if (other.Products._committed < groups)
            {
                // The others have not asked for it yet: this instruction is executed again when they have.
                warp.Wait = PtxWait.Warpgroup;
                warp.Repeats = true;
                return;
            }
        }

        while (warp.Products._done < groups)
        {
            PtxWarpgroup.MakeGroup(warp, together);
            warp.Block.Checks?.CompleteProducts(warp, warp.Products._done);
            foreach (PtxWarp other in together)
            {
                other.Products._done++;
            }
        }

        warp.Products.Deliver();
        warp.Block.Checks?.AwaitProducts(warp);
    }

    /// <summary>The requests of the next group that is not made; they are no longer under way.</summary>
    public Request[] TakeGroup()
    {
        Request[] group = [.. _requests.Where(request => request.Group == _done)];
        _ = _requests.RemoveAll(request => request.Group == _done);
        return group;
    }

    private void Issue(PtxInstruction* instruction)
    {
        byte* registers = warp.Registers;
        int columns = instruction->Count;
        Sums sums = _sums.Find(candidate => candidate.Registers[0] == instruction->More[0]) is Sums found ? found : TakeSums(instruction, columns);
        for (int i = 0; i < columns / 2; i++)
        {
            if (sums.Columns != columns || sums.Registers[i] != instruction->More[i])
            {
                throw warp.Fail(PtxFault.Protocol, "its sums are partly those of a product that has not been waited for");
            }
        }

        ulong left = ((ulong*)(registers + instruction->A))[0];
        ulong right = ((ulong*)(registers + instruction->B))[0];
        bool adds = instruction->C < 0 || *(uint*)(registers + instruction->C) != 0;
        sums.Pending++;
        Request request = new((nint)instruction, sums, left, right, adds, _committed);
        _requests.Add(request);
        if (warp.Block.Checks is not null)
        {
            PtxWarpgroup.Observe(warp, instruction, left, right, _committed);
        }
    }

    private Sums TakeSums(PtxInstruction* instruction, int columns)
    {
        Sums sums = new(instruction->More, columns);
        Exchange(sums, toRegisters: false);
        _sums.Add(sums);
        if (warp.Block.Settings.Options.Poisons)
        {
            for (int i = 0; i < columns / 2; i++)
            {
                new Span<byte>(warp.Registers + instruction->More[i], sizeof(float) * Lanes).Fill(0xFF);
            }
        }

        return sums;
    }

    private void Deliver()
    {
        for (int i = _sums.Count - 1; i >= 0; i--)
        {
            if (_sums[i].Pending == 0)
            {
                Exchange(_sums[i], toRegisters: true);
                _sums.RemoveAt(i);
            }
        }
    }

    // Register 4 j + 2 h + i of lane 4 g + q is row g + 8 h, column 8 j + 2 q + i.
    private void Exchange(Sums sums, bool toRegisters)
    {
        for (int r = 0; r < sums.Columns / 2; r++)
        {
            float* lanes = (float*)(warp.Registers + sums.Registers[r]);
            int row = r / 2 % 2 * 8;
            int column = (r / 4 * 8) + (r % 2);
            for (int lane = 0; lane < Lanes; lane++)
            {
                ref float value = ref sums.Values[((row + (lane / 4)) * sums.Columns) + column + (2 * (lane % 4))];
                if (toRegisters)
                {
                    lanes[lane] = value;
                }
                else
                {
                    value = lanes[lane];
                }
            }
        }
    }
}
