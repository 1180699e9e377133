namespace Camels.Kernels;

/// <summary>How memory-bound kernels share work out: the sizes of native/include/pieces.cuh and rows.cuh.</summary>
internal static class CudaParts
{
    /// <summary>Threads of a warp.</summary>
    public const int WarpThreads = 32;

    /// <summary>Columns of a row that a thread takes.</summary>
    public const int ColumnsPerThread = 16;

    /// <summary>Threads of a block that takes rows which are too wide for registers (native/include/norms.cuh).</summary>
    public const int WideThreads = 512;

    /// <summary>Threads of a block that sums the columns of such rows.</summary>
    public const int WideSumThreads = 256;

    private const int FlatThreads = 256;
    private const int PieceBytes = 16;
    private const int FlatBytesPerThread = 32;
    private const int ThreadsPerMultiprocessor = 2048;
    private const int MostBlocksPerMultiprocessor = 16;

    /// <summary>Blocks of pieces.cuh over a flat tensor; pieces are 16 bytes of <paramref name="dtype"/>.</summary>
    public static LaunchSize OfElements(long elements, DType dtype) =>
        LaunchSize.Covering(elements, FlatThreads, FlatBytesPerThread / dtype.Bytes());

    /// <summary>Threads of a block that takes whole rows, a function of their columns alone because the order of a row's sum depends on it.</summary>
    public static int RowThreads(int columns) =>
        Math.Max(1, (columns + (WarpThreads * ColumnsPerThread) - 1) / (WarpThreads * ColumnsPerThread)) * WarpThreads;

    /// <summary>Blocks side by side that take a row's columns, 16 a thread.</summary>
    public static int ColumnTiles(int columns, int threads) =>
        (columns + (threads * ColumnsPerThread) - 1) / (threads * ColumnsPerThread);

    /// <summary>As many blocks that take whole rows as can be at work at once, or fewer where there are fewer rows.</summary>
    public static LaunchSize OfRows(DeviceStream stream, int rows, int threads, int sharedBytes = 0)
    {
        int perMultiprocessor = Math.Clamp(ThreadsPerMultiprocessor / threads, 1, MostBlocksPerMultiprocessor);
        long atOnce = (long)perMultiprocessor * stream.Device.Cuda!.Properties.Multiprocessors;
        return new LaunchSize(Math.Min(rows, atOnce), threads, SharedBytes: sharedBytes);
    }

    /// <summary>Threads of a block that takes rows in pieces of 16 bytes, as many as a row has pieces; which thread takes what is no matter.</summary>
    public static int PieceThreads(int columns, DType dtype)
    {
        long pieces = ((long)columns * dtype.Bytes() + PieceBytes - 1) / PieceBytes;
        return (int)Math.Clamp((pieces + WarpThreads - 1) / WarpThreads * WarpThreads, WarpThreads, FlatThreads);
    }

    /// <summary>Throws where a tensor holds other numbers than singles.</summary>
    public static void RequireSingles(Tensor tensor) =>
        TensorChecks.RequireThat(tensor.DType == DType.F32, $"{tensor}: a GPU keeps statistics in F32");
}
