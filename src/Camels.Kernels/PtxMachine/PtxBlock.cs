using System.Runtime.InteropServices;

namespace Camels.Kernels;

/// <summary>A block: its warps, shared memory and barriers, and the order in which the warps run.</summary>
internal sealed unsafe partial class PtxBlock : IDisposable
{
    /// <summary>Where shared memory starts in its own space; not at 0, so that an address nobody set is seen.</summary>
    public const uint SharedStart = 1024;

    /// <summary>Where shared memory lies for addresses that name no space.</summary>
    public const ulong SharedWindow = 1UL << 56;

    /// <summary>Where parameters lie for addresses that name no space.</summary>
    public const ulong ParameterWindow = 1UL << 57;

    // Interrupted warps run for so many instructions at most.
    private const int LongestSlice = 200;

    // Where warps can run, one in so many turns lands a box instead.
    private const int LandingOdds = 4;

    private readonly byte* _memory;
    private readonly PtxWarp[] _warps;
    private readonly PtxWarp[] _ready;
    private int _readyCount;
    private ulong _random;

    public PtxBlock(PtxSettings settings)
    {
        Settings = settings;
        SharedBytes = settings.Program.DynamicSharedStart + settings.DynamicSharedBytes;
        int warps = (int)((settings.Block.Count + 31) / 32);
        int warpBytes = PtxWarp.BytesFor(settings.Program);
        int sharedRoom = (SharedBytes + 127) & ~63;
        int parameterRoom = (settings.Parameters.Length + 63) & ~63;
        _memory = (byte*)NativeMemory.AlignedAlloc((nuint)((warps * (long)warpBytes) + sharedRoom + parameterRoom + 64), 1024);
        Shared = _memory;
        Parameters = _memory + sharedRoom;
        settings.Parameters.CopyTo(new Span<byte>(Parameters, settings.Parameters.Length));
        Place = new PtxPlace(settings.Grid, default, settings.Block, settings.DynamicSharedBytes, SharedBytes);
        _warps = new PtxWarp[warps];
        _ready = new PtxWarp[warps];
        for (int i = 0; i < warps; i++)
        {
            _warps[i] = new PtxWarp(this, i, Parameters + parameterRoom + ((long)i * warpBytes));
        }

        Checks = settings.Options.ChecksRaces ? new PtxRaces(this) : null;
    }

    public PtxSettings Settings { get; }

    public PtxPlace Place { get; private set; }

    public byte* Shared { get; }

    public int SharedBytes { get; }

    public byte* Parameters { get; }

    public IReadOnlyList<PtxWarp> Warps => _warps;

    public ref PtxCounters Counters => ref _counters;

    private PtxCounters _counters;

    /// <summary>The four warps that make products together with this one.</summary>
    public ReadOnlySpan<PtxWarp> Warpgroup(PtxWarp warp) => _warps.AsSpan(warp.Index / PtxProducts.Warps * PtxProducts.Warps, PtxProducts.Warps);

    /// <summary>Runs one block of the grid.</summary>
    public void Run(long index)
    {
        PtxDim grid = Settings.Grid;
        PtxDim block = new((int)(index % grid.X), (int)(index / grid.X % grid.Y), (int)(index / grid.X / grid.Y));
        Place = Place with { Block = block };
        _random = Mix((ulong)Settings.Options.Seed * 0x9E3779B97F4A7C15 + (ulong)index);
        if (Settings.Options.Poisons)
        {
            new Span<byte>(Shared, SharedBytes).Fill(0xFF);
        }

        BeginBarriers();
        BeginBulk();
        Checks?.Begin(index);
        foreach (PtxWarp warp in _warps)
        {
            warp.Begin();
        }

        _warps.CopyTo(_ready, 0);
        _readyCount = _warps.Length;
        RunWarps();
    }

    /// <summary>A number from 0 to <paramref name="count"/> - 1 that the seed decides.</summary>
    public int Draw(int count)
    {
        _random += 0x9E3779B97F4A7C15;
        return (int)((Mix(_random) >> 33) % (uint)count);
    }

    public bool FlipsCoin() => Draw(2) != 0;

    /// <summary>Puts a warp back among those that run.</summary>
    public void Wake(PtxWarp warp)
    {
        warp.Wait = PtxWait.None;
        _ready[_readyCount++] = warp;
    }

    public string ThreadName(int thread)
    {
        PtxDim size = Settings.Block;
        return $"({thread % size.X},{thread / size.X % size.Y},{thread / size.X / size.Y})";
    }

    /// <inheritdoc/>
    public void Dispose() => NativeMemory.AlignedFree(_memory);

    private static ulong Mix(ulong value)
    {
        value = (value ^ (value >> 30)) * 0xBF58476D1CE4E5B9;
        value = (value ^ (value >> 27)) * 0x94D049BB133111EB;
        return value ^ (value >> 31);
    }

    private void RunWarps()
    {
        long left = Settings.Options.MostInstructions;
        while (_readyCount > 0 || _loads > 0)
        {
            if (_loads > 0 && (_readyCount == 0 || Draw(LandingOdds) == 0))
            {
                LandOneLoad();
                continue;
            }

            int chosen = Draw(_readyCount);
            PtxWarp warp = _ready[chosen];
            long slice = Settings.Options.ChecksRaces ? 1 + Draw(LongestSlice) : left;
            long executed = warp.Run(Math.Min(slice, left));
            _counters.Instructions += executed;
            left -= executed;
            if (left <= 0 && warp.Wait == PtxWait.None)
            {
                throw warp.Fail(
                    PtxFault.Budget, $"the block has executed {Settings.Options.MostInstructions:N0} instructions and goes on", lane: -1, warp.Next);
            }

            if (warp.Wait is not (PtxWait.None or PtxWait.Yield))
            {
                _ready[chosen] = _ready[--_readyCount];
                if (warp.Wait == PtxWait.Done)
                {
                    AfterExit();
                }
            }
        }

        RequireAllDone();
        LandAllStores();
        RequireRegisters();
    }

    // What the block started with, which setmaxnreg divides anew among its warps.
    private void RequireRegisters()
    {
        int atStart = PtxChecks.RegistersAtStart(Settings.Program.Entry);
        int most = 32 * _warps.Length * atStart;
        int registers = 32 * _warps.Sum(warp => warp.RegisterLimit == 0 ? atStart : warp.RegisterLimit);
        if (registers > most)
        {
            throw _warps[0].Fail(
                PtxFault.Deadlock, $"setmaxnreg asks for {registers:N0} registers in all, of which the block has {most:N0}: it waits for ever");
        }
    }

    private void RequireAllDone()
    {
        foreach (PtxWarp warp in _warps)
        {
            if (warp.Wait != PtxWait.Done)
            {
                string others = string.Join(", ", _warps.Select(other => $"warp {other.Index} {DescribeWait(other)}"));
                throw warp.Fail(PtxFault.Deadlock, $"waits for what never comes ({PtxTokens.Shorten(others)})", lane: -1, warp.Current);
            }
        }
    }

    private static string DescribeWait(PtxWarp warp) => warp.Wait switch
    {
        PtxWait.Done => "has ended",
        PtxWait.Barrier => "waits at a barrier",
        PtxWait.Phase => "waits for an mbarrier",
        _ => "waits for its warpgroup",
    };
}
