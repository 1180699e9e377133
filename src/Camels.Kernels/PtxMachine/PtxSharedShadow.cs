namespace Camels.Kernels;

/// <summary>For each word of shared memory who wrote it last, which bytes were ever written, and when each agent read it last.</summary>
internal sealed class PtxSharedShadow(int bytes, int agents)
{
    private readonly uint[] _stamps = new uint[(bytes / 4) + 2];
    private readonly uint[] _writes = new uint[(bytes / 4) + 2];
    private readonly byte[] _writers = new byte[(bytes / 4) + 2];
    private readonly byte[] _written = new byte[(bytes / 4) + 2];
    private readonly byte[] _lastBytes = new byte[(bytes / 4) + 2];
    private readonly int[] _lines = new int[(bytes / 4) + 2];
    private readonly uint[][] _reads = new uint[agents][];
    private uint _serial;

    /// <summary>A new block: nothing is written.</summary>
    public void Begin() => _serial++;

    /// <summary>The last write of a word, if it touched one of these bytes in this block.</summary>
    public bool TryWrite(int word, int byteMask, out int agent, out uint time, out int lane, out int line)
    {
        agent = _writers[word];
        time = _writes[word] >> 6;
        lane = (int)(_writes[word] & 63);
        line = _lines[word];
        return _stamps[word] == _serial && (_lastBytes[word] & byteMask) != 0;
    }

    public bool IsWritten(int word, int byteMask) => _stamps[word] == _serial && (_written[word] & byteMask) == byteMask;

    /// <summary>When an agent read a word last.</summary>
    public bool TryRead(int word, int agent, out uint time, out int lane)
    {
        uint[]? reads = _reads[agent];
        uint read = reads is null ? 0 : reads[word];
        time = read >> 6;
        lane = (int)(read & 63);
        return read != 0;
    }

    public void SetWrite(int word, int byteMask, int agent, uint time, int lane, int line)
    {
        bool isSameMoment = _stamps[word] == _serial && _writers[word] == agent && _writes[word] >> 6 == time;
        bool isSameLane = isSameMoment && (_writes[word] & 63) == lane;
        _lastBytes[word] = (byte)(byteMask | (isSameMoment ? _lastBytes[word] : 0));
        _written[word] = (byte)(byteMask | (_stamps[word] == _serial ? _written[word] : 0));
        _writes[word] = (time << 6) | (uint)(isSameMoment && !isSameLane ? PtxRaces.SeveralLanes : lane);
        _writers[word] = (byte)agent;
        _lines[word] = line;
        _stamps[word] = _serial;
    }

    public void SetRead(int word, int agent, uint time, int lane)
    {
        uint[] reads = _reads[agent] ??= new uint[_stamps.Length];
        uint before = reads[word];
        bool isOtherLane = before >> 6 == time && (before & 63) != lane;
        reads[word] = (time << 6) | (uint)(isOtherLane ? PtxRaces.SeveralLanes : lane);
    }
}
