namespace Camels.Kernels.Interop;

/// <summary>Describes matrices to the tensor copy engine of sm_90.</summary>
internal static unsafe class CudaTensorMap
{
    /// <summary>Size of a map. On the host it lies at a multiple of <see cref="AlignmentBytes"/>.</summary>
    public const int Bytes = 128;

    /// <summary>Where a map may lie.</summary>
    public const int AlignmentBytes = 64;

    /// <summary>Columns of a box of 16-bit elements: a row of it is the 128 bytes within which 16-byte chunks are permuted.</summary>
    public const int BoxColumns = 64;

    private const int Float16 = 6;
    private const int BFloat16 = 9;
    private const int NoInterleave = 0;
    private const int Swizzle128Bytes = 3;
    private const int L2Promotion256Bytes = 3;
    private const int FillZeros = 0;

    /// <summary>The first address from <paramref name="place"/> on where maps may lie; <see cref="AlignmentBytes"/> more are needed for it.</summary>
    public static byte* Aligned(byte* place) => (byte*)(((nint)place + AlignmentBytes - 1) & ~(nint)(AlignmentBytes - 1));

    /// <summary>
    /// Writes to <paramref name="map"/> the matrix of 16-bit elements whose rows start <paramref name="strideElements"/> apart, at multiples of
    /// 16 bytes, and of which boxes of <see cref="BoxColumns"/> by <paramref name="boxRows"/> are copied. What a box has outside is zero.
    /// </summary>
    public static void Encode(CudaDriver driver, byte* map, Tensor matrix, long strideElements, int boxRows)
    {
        (int rows, int columns) = matrix.Rank2();
        ulong* extents = stackalloc ulong[] { (ulong)columns, (ulong)rows };
        ulong strideBytes = (ulong)(strideElements * matrix.DType.Bytes());
        uint* box = stackalloc uint[] { BoxColumns, (uint)boxRows };
        uint* steps = stackalloc uint[] { 1, 1 };
        driver.cuTensorMapEncodeTiled(
            map, matrix.DType == DType.BF16 ? BFloat16 : Float16, 2, (void*)matrix.Address, extents, &strideBytes, box, steps, NoInterleave,
            Swizzle128Bytes, L2Promotion256Bytes, FillZeros).ThrowIfFailed(driver, nameof(CudaDriver.cuTensorMapEncodeTiled));
    }
}
