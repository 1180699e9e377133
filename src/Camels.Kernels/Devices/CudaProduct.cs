using System.Numerics;
using Camels.Kernels.Ops;

namespace Camels.Kernels;

/// <summary>A matrix on a GPU: rows of <paramref name="Elements"/> that start <paramref name="Stride"/> elements apart.</summary>
internal readonly record struct CudaMatrix(Tensor Elements, long Stride)
{
    /// <summary>A tensor of two dimensions as it lies.</summary>
    public CudaMatrix(Tensor tensor)
        : this(tensor, tensor.Rank2().Columns)
    {
    }

    /// <summary>1 where every row starts at a multiple of 16 bytes, else 0: what kernels take as `aligned`.</summary>
    public int Aligned => ((Elements.Address | (nint)(Stride * Elements.DType.Bytes())) & 15) == 0 ? 1 : 0;

    /// <summary>1 where the elements are singles, else 0.</summary>
    public int Wide => Elements.DType == DType.F32 ? 1 : 0;
}

/// <summary>
/// Launches of native/cuda/mat_mul.cu, or of its counterpart for sm_90a (<see cref="CudaGroupProduct"/>). Every element is one chain over k in pieces of 16, whatever the tile, so that the choice of tiles
/// changes no bit.
/// </summary>
internal static class CudaProduct
{
    // Few rows are those of generation, where reading the weights is the work: many narrow tiles, many copies on their way.
    private const int MostSmallRows = 32;

    private static readonly Tiling _large = new(Rows: 128, Columns: 128, Threads: 128, SharedBytes: 64 << 10);
    private static readonly Tiling _small = new(Rows: 16, Columns: 32, Threads: 64, SharedBytes: 36 << 10);

    private static readonly KernelSet _forward = new("mat_mul", "mat_mul_forward");
    private static readonly KernelSet _forwardSmall = new("mat_mul", "mat_mul_forward_small");
    private static readonly KernelSet _backwardInput = new("mat_mul", "mat_mul_backward_input");
    private static readonly KernelSet _backwardInputSmall = new("mat_mul", "mat_mul_backward_input_small");
    private static readonly KernelSet _backwardWeight = new("mat_mul", "mat_mul_backward_weight");

    /// <summary>
    /// Writes result (M, N) = left (M, K) · right (N, K)ᵀ through the epilogue. The result is of the factors' type or, without epilogue, F32;
    /// M, N are the extents of its tensor and <paramref name="steps"/> is K.
    /// </summary>
    public static void Run(DeviceStream stream, CudaMatrix result, CudaMatrix left, CudaMatrix right, int steps, in Epilogue epilogue = default)
    {
        if (CudaGroupProduct.Takes(stream, left, right, steps, inColumns: false))
        {
            CudaGroupProduct.Run(stream, result, left, right, steps, epilogue);
            return;
        }

        (int rows, int columns) = result.Elements.Rank2();
        stream.Launch(
            (rows <= MostSmallRows ? _forwardSmall : _forward)[left.Elements.DType], SizeOf(rows, columns), result.Elements, left.Elements,
            right.Elements, epilogue.Bias, epilogue.Residual, epilogue.BeforeActivation, (int)epilogue.Activation, rows, columns, steps,
            result.Stride, left.Stride, right.Stride, result.Wide, Aligned(result, epilogue), left.Aligned & right.Aligned);
    }

    /// <summary>1 where the result and the epilogue's tensors, whose rows are as far apart, start at multiples of 16 bytes.</summary>
    public static int Aligned(CudaMatrix result, in Epilogue epilogue) =>
        ((epilogue.Bias.Address | epilogue.Residual.Address | epilogue.BeforeActivation.Address) & 15) == 0 ? result.Aligned : 0;

    /// <summary>Writes result (M, N) = left (M, K) · right (K, N), or adds to it.</summary>
    public static void RunColumns(DeviceStream stream, CudaMatrix result, CudaMatrix left, CudaMatrix right, int steps, bool adds)
    {
        if (CudaGroupProduct.Takes(stream, left, right, steps, inColumns: true))
        {
            CudaGroupProduct.RunColumns(stream, result, left, right, steps, adds);
            return;
        }

        (int rows, int columns) = result.Elements.Rank2();
        stream.Launch(
            (rows <= MostSmallRows ? _backwardInputSmall : _backwardInput)[left.Elements.DType], SizeOf(rows, columns), result.Elements,
            left.Elements, right.Elements, rows, columns, steps, result.Stride, left.Stride, right.Stride, result.Wide, adds ? 1 : 0,
            result.Aligned, left.Aligned & right.Aligned);
    }

    /// <summary>
    /// Adds to resultSum (M, N), F32, a binary tree over lanes of left (K, M)ᵀ · right (K, N) over the rows of each lane. The levels of the tree
    /// exist for the tiles at work, in the stream's scratch memory.
    /// </summary>
    public static void RunLanes(DeviceStream stream, CudaMatrix resultSum, CudaMatrix left, CudaMatrix right, Tensor laneBounds)
    {
        if (CudaGroupProduct.Takes(stream, left, right, left.Elements.Shape[0], inColumns: true))
        {
            CudaGroupProduct.RunLanes(stream, resultSum, left, right, laneBounds);
            return;
        }

        (int rows, int columns) = resultSum.Elements.Rank2();
        int lanes = laneBounds.Shape[0] - 1;
        long treeBytes = (long)BitOperations.Log2((uint)Math.Max(lanes, 1)) * _large.Rows * _large.Columns * sizeof(float);
        long blocks = Math.Min(_large.Tiles(rows, columns), treeBytes == 0 ? long.MaxValue : stream.ScratchBytes / treeBytes);
        Tensor levels = new(stream.Scratch, DType.F32, new Shape(0));
        stream.Launch(
            _backwardWeight[left.Elements.DType], new LaunchSize(blocks, _large.Threads, SharedBytes: _large.SharedBytes), resultSum.Elements,
            left.Elements, right.Elements, laneBounds, levels, rows, columns, lanes, resultSum.Stride, left.Stride, right.Stride, resultSum.Aligned,
            left.Aligned & right.Aligned);
    }

    private static LaunchSize SizeOf(int rows, int columns)
    {
        Tiling tiling = rows <= MostSmallRows ? _small : _large;
        return new LaunchSize(tiling.Tiles(rows, columns), tiling.Threads, SharedBytes: tiling.SharedBytes);
    }

    // As in mat_mul.cu.
    private readonly record struct Tiling(int Rows, int Columns, int Threads, int SharedBytes)
    {
        public long Tiles(int rows, int columns) => (((long)rows + Rows - 1) / Rows) * ((columns + Columns - 1) / Columns);
    }
}
