namespace Camels.Kernels;

/// <summary>
/// Finds accesses that nothing orders. Every warp has a time that moves on when it tells others something; an access is remembered with its
/// warp, time and lane, and a later one to the same bytes must know of it: by being of the same lane, through a barrier of the warp or the
/// block, or through an mbarrier. What an engine does asynchronously is known to nobody until it is waited for.
/// </summary>
internal sealed unsafe partial class PtxRaces
{
    /// <summary>The time of an access that is under way: later than anything that is known.</summary>
    public const uint Pending = uint.MaxValue >> 6;

    /// <summary>In place of a lane: several.</summary>
    public const int SeveralLanes = 32;

    private static long _launches;

    private readonly PtxBlock _block;
    private readonly int _warps;
    private readonly int _agents;
    private readonly uint[] _time;
    private readonly uint[] _synced;
    private readonly uint[] _published;
    private readonly PtxClock[] _known;
    private readonly PtxClock?[] _ofLane;
    private readonly Dictionary<object, PtxClock> _told = [];

    public PtxRaces(PtxBlock block)
    {
        _block = block;
        _warps = block.Warps.Count;
        _agents = _warps + 1 + ((_warps + PtxProducts.Warps - 1) / PtxProducts.Warps);
        _time = new uint[_agents];
        _synced = new uint[_warps];
        _published = new uint[_warps];
        _known = [.. Enumerable.Range(0, _warps).Select(_ => new PtxClock(_agents))];
        _ofLane = new PtxClock?[_warps * 32];
        _shared = new PtxSharedShadow(block.SharedBytes, _agents);
        _launch = (uint)Interlocked.Increment(ref _launches);
    }

    // Agents: the warps, then the tensor copy engine, then the products of each warpgroup.
    private int Engine => _warps;

    private int ProductsOf(PtxWarp warp) => _warps + 1 + (warp.Index / PtxProducts.Warps);

    /// <summary>A new block: everything before it is known to everybody.</summary>
    public void Begin(long block)
    {
        _blockIndex = (uint)block;
        _told.Clear();
        foreach ((int word, int agent, int _) in _underway)
        {
            _shared.SetRead(word, agent, _time[agent], lane: 0);
        }

        _underway.Clear();
        Array.Clear(_ofLane);
        _shared.Begin();
        foreach (PtxClock clock in _known)
        {
            for (int agent = 0; agent < _agents; agent++)
            {
                clock.Learn(agent, _time[agent]);
            }
        }

        for (int agent = 0; agent < _agents; agent++)
        {
            _time[agent]++;
        }

        for (int warp = 0; warp < _warps; warp++)
        {
            _synced[warp] = _time[warp] - 1;
            _published[warp] = _time[warp] - 1;
        }
    }

    /// <summary>bar.warp.sync: the lanes know of each other, and all know what each knew.</summary>
    public void OrderWarp(PtxWarp warp)
    {
        if (warp.Mask != warp.Live)
        {
            return;
        }

        _synced[warp.Index] = _time[warp.Index]++;
        for (int lane = 0; lane < 32; lane++)
        {
            if (_ofLane[(warp.Index * 32) + lane] is PtxClock own)
            {
                _known[warp.Index].Join(own);
                _ofLane[(warp.Index * 32) + lane] = null;
            }
        }
    }

    /// <summary>The warp arrives at a barrier of the block, whole.</summary>
    public void TellBarrier(PtxWarp warp, object barrier)
    {
        OrderWarp(warp);
        PtxClock told = ToldAt(barrier);
        told.Join(_known[warp.Index]);
        told.Learn(warp.Index, _synced[warp.Index]);
    }

    /// <summary>The barrier is complete: those who waited know what all told.</summary>
    public void HearBarrier(PtxWarp warp, object barrier) => _known[warp.Index].Join(ToldAt(barrier));

    /// <summary>All have heard: the barrier begins anew.</summary>
    public void ForgetBarrier(object barrier) => _ = _told.Remove(barrier);

    /// <summary>Some lanes arrive at an mbarrier: they tell of themselves, and of what the whole warp did before it was last together.</summary>
    public void Release(PtxWarp warp, PtxPhaseBarrier barrier, uint lanes)
    {
        PtxClock told = ToldAt(barrier);
        told.Join(_known[warp.Index]);
        for (int lane = 0; lane < 32; lane++)
        {
            if ((lanes >> lane & 1) != 0 && _ofLane[(warp.Index * 32) + lane] is PtxClock own)
            {
                told.Join(own);
            }
        }

        told.Learn(warp.Index, _synced[warp.Index], _time[warp.Index], lanes);
        _time[warp.Index]++;
    }

    /// <summary>A lane sees that a phase is over: it knows what was told there.</summary>
    public void Acquire(PtxWarp warp, PtxPhaseBarrier barrier, int lane)
    {
        PtxClock told = ToldAt(barrier);
        if (warp.Mask == warp.Live)
        {
            _known[warp.Index].Join(told);
            return;
        }

        ref PtxClock? own = ref _ofLane[(warp.Index * 32) + lane];
        own ??= new PtxClock(_agents);
        own.Join(told);
    }

    /// <summary>fence.proxy.async: what the warp wrote so far may be read by the engines.</summary>
    public void FenceProxy(PtxWarp warp) => _published[warp.Index] = _time[warp.Index]++;

    private PtxClock ToldAt(object barrier)
    {
        if (!_told.TryGetValue(barrier, out PtxClock? told))
        {
            told = new PtxClock(_agents);
            _told.Add(barrier, told);
        }

        return told;
    }

    // The lane itself, the warp since it was last together, or what was told.
    private bool Knows(PtxWarp warp, int lane, int agent, uint time, int otherLane)
    {
        if (time == Pending)
        {
            return false;
        }

        if (agent == warp.Index)
        {
            return time <= _synced[agent] || otherLane == lane;
        }

        return _known[warp.Index].Knows(agent, time, otherLane)
            || (_ofLane[(warp.Index * 32) + lane]?.Knows(agent, time, otherLane) ?? false);
    }

    private string Name(int agent, int lane) =>
        agent == Engine ? "the tensor copy engine"
        : agent > Engine ? "a product of a warpgroup"
        : lane < SeveralLanes ? $"thread {_block.ThreadName((agent * 32) + lane)}"
        : $"warp {agent}";
}
