namespace Camels.Kernels;

/// <summary>The initialised tables of a text (.global and .const with values), which kernels only read.</summary>
internal sealed unsafe class PtxConstantBank
{
    /// <summary>Where the tables lie for generic and global addresses: far from all memory that is handed out.</summary>
    public const ulong Start = 1UL << 58;

    private readonly Dictionary<string, int> _offsets = [];
    private readonly byte[] _bytes;

    public PtxConstantBank(IEnumerable<PtxVariable> variables)
    {
        List<PtxVariable> tables = [.. variables.Where(variable => variable.Space is ".global" or ".const" && !variable.IsExtern)];
        int offset = 0;
        foreach (PtxVariable table in tables)
        {
            int alignment = Math.Max(16, table.AlignmentBytes);
            offset = (offset + alignment - 1) & -alignment;
            _offsets.Add(table.Name, offset);
            offset += table.SizeBytes;
        }

        Bytes = offset;
        _bytes = GC.AllocateArray<byte>(Math.Max(1, offset), pinned: true);
        foreach (PtxVariable table in tables)
        {
            table.Initial.CopyTo(_bytes, _offsets[table.Name]);
        }
    }

    public int Bytes { get; }

    public byte* Host => (byte*)System.Runtime.CompilerServices.Unsafe.AsPointer(ref _bytes[0]);

    public ulong? AddressOf(string name) => _offsets.TryGetValue(name, out int offset) ? Start + (ulong)offset : null;
}
