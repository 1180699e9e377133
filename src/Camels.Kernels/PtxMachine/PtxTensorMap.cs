using System.Runtime.InteropServices;

namespace Camels.Kernels;

/// <summary>
/// What the machine puts into the 128 bytes of a tensor map: a matrix in global memory and the boxes that are copied of it. (A GPU's own
/// encoding is not public; both are opaque to kernels.)
/// </summary>
[StructLayout(LayoutKind.Sequential, Size = Bytes)]
internal unsafe struct PtxTensorMap
{
    public const int Bytes = 128;

    private const ulong Mark = 0x4D50_4D41_5854_5021;

    private ulong _mark;

    public ulong Address;
    public ulong Columns;
    public ulong Rows;
    public ulong StrideBytes;
    public int BoxColumns;
    public int BoxRows;
    public int ElementBytes;

    /// <summary>Bytes of a row within which chunks of 16 are permuted: 0, 32, 64 or 128.</summary>
    public int SwizzleBytes;

    public readonly bool IsMap => _mark == Mark;

    public readonly int BoxBytes => BoxColumns * BoxRows * ElementBytes;

    /// <summary>Where byte <paramref name="address"/> of shared memory really lies.</summary>
    public static uint Swizzle(uint address, int swizzleBytes) => swizzleBytes switch
    {
        128 => address ^ ((address >> 3) & 0x70),
        64 => address ^ ((address >> 3) & 0x30),
        32 => address ^ ((address >> 3) & 0x10),
        _ => address,
    };

    /// <summary>Makes a map of a matrix; null where the driver would refuse it, with the reason.</summary>
    public static PtxTensorMap? Encode(
        ulong address, ulong columns, ulong rows, ulong strideBytes, uint boxColumns, uint boxRows, int elementBytes, int swizzleBytes, out string reason)
    {
        ulong innerBytes = boxColumns * (ulong)elementBytes;
        reason = address % 16 != 0 ? $"the matrix starts at 0x{address:x}, no multiple of 16"
            : strideBytes % 16 != 0 || strideBytes >= 1UL << 40 ? $"rows are {strideBytes} bytes apart, no multiple of 16"
            : strideBytes < columns * (ulong)elementBytes ? $"rows of {columns} elements are {strideBytes} bytes apart"
            : columns is 0 or > 1UL << 32 || rows is 0 or > 1UL << 32 ? $"a matrix of {rows} x {columns}"
            : boxColumns is 0 or > 256 || boxRows is 0 or > 256 ? $"a box of {boxRows} x {boxColumns}; its sides are 1 to 256"
            : innerBytes % 16 != 0 ? $"rows of a box have {innerBytes} bytes, no multiple of 16"
            : swizzleBytes > 0 && innerBytes > (ulong)swizzleBytes ? $"rows of a box have {innerBytes} bytes, more than the {swizzleBytes} of the swizzle"
            : "";
        return reason.Length > 0 ? null : new PtxTensorMap
        {
            _mark = Mark,
            Address = address,
            Columns = columns,
            Rows = rows,
            StrideBytes = strideBytes,
            BoxColumns = (int)boxColumns,
            BoxRows = (int)boxRows,
            ElementBytes = elementBytes,
            SwizzleBytes = swizzleBytes,
        };
    }

    /// <summary>The bytes of a row of the matrix that a row of a box has: how many columns, the first inside, and where they lie in the box.</summary>
    public readonly bool TryRow(int x, int y, int boxRow, out ulong source, out int skippedColumns, out int columns)
    {
        long row = (long)y + boxRow;
        long first = Math.Max(0, x);
        long end = Math.Min((long)x + BoxColumns, (long)Columns);
        source = 0;
        skippedColumns = (int)(first - x);
        columns = (int)Math.Max(0, end - first);
        if (row < 0 || row >= (long)Rows || columns == 0)
        {
            return false;
        }

        source = Address + ((ulong)row * StrideBytes) + ((ulong)first * (ulong)ElementBytes);
        return true;
    }
}
