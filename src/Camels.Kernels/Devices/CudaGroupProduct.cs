using System.Numerics;
using Camels.Kernels.Interop;
using Camels.Kernels.Ops;

namespace Camels.Kernels;

/// <summary>
/// Launches of native/cuda/mat_mul_wgmma.cu, the products of 16-bit types on sm_90a. Which products these are is a question of the type and of
/// the rows' strides alone, never of the number of rows, so that training and generation take the same.
/// </summary>
internal static unsafe class CudaGroupProduct
{
    // Factors whose rows are k are read as they lie, through descriptors of columns; where that proves slower than mat_mul.cu on a GPU, this
    // is the place to say so. Forward products never are such.
    private const bool TakesColumns = true;

    private const int Rows = 128;
    private const int Columns = 256;
    private const int Steps = 64;
    private const int Threads = 384;
    private const int StageBytes = 128 * (Rows + Columns);
    private const int SharedBytes = (4 * StageBytes) + (8 * 4096) + (8 * 8);

    private static readonly KernelSet _forward = new("mat_mul_wgmma", "mat_mul_wgmma_forward");
    private static readonly KernelSet _backwardInput = new("mat_mul_wgmma", "mat_mul_wgmma_backward_input");
    private static readonly KernelSet _backwardWeight = new("mat_mul_wgmma", "mat_mul_wgmma_backward_weight");

    /// <summary>True where the factors are such as these kernels take, their k along rows or, where <paramref name="inColumns"/>, not.</summary>
    public static bool Takes(DeviceStream stream, CudaMatrix left, CudaMatrix right, int steps, bool inColumns)
    {
        bool takes = stream.Device.Cuda!.Target == "sm_90a" && left.Elements.DType != DType.F32 && steps > 0
            && ((left.Stride | right.Stride) & 7) == 0 && (TakesColumns || !inColumns);
        TensorChecks.RequireThat(
            !takes || ((left.Elements.Address | right.Elements.Address) & 15) == 0, "factors of a product must start at multiples of 16 bytes");
        return takes;
    }

    /// <summary>As <see cref="CudaProduct.Run"/>.</summary>
    public static void Run(DeviceStream stream, CudaMatrix result, CudaMatrix left, CudaMatrix right, int steps, in Epilogue epilogue)
    {
        (int rows, int columns) = result.Elements.Rank2();
        byte* maps = stackalloc byte[(2 * CudaTensorMap.Bytes) + CudaTensorMap.AlignmentBytes];
        if (rows == 0 || columns == 0)
        {
            return;
        }

        maps = Aligned(maps);
        Encode(stream, maps, left, boxRows: Rows);
        Encode(stream, maps + CudaTensorMap.Bytes, right, boxRows: Columns);
        stream.Launch(
            _forward[left.Elements.DType], Size(stream, Tiles(rows, columns)), new KernelArgument(maps, CudaTensorMap.Bytes),
            new KernelArgument(maps + CudaTensorMap.Bytes, CudaTensorMap.Bytes), result.Elements, epilogue.Bias, epilogue.Residual,
            epilogue.BeforeActivation, (int)epilogue.Activation, rows, columns, steps, result.Stride, result.Wide,
            CudaProduct.Aligned(result, epilogue));
    }

    /// <summary>As <see cref="CudaProduct.RunColumns"/>.</summary>
    public static void RunColumns(DeviceStream stream, CudaMatrix result, CudaMatrix left, CudaMatrix right, int steps, bool adds)
    {
        (int rows, int columns) = result.Elements.Rank2();
        byte* maps = stackalloc byte[(2 * CudaTensorMap.Bytes) + CudaTensorMap.AlignmentBytes];
        if (rows == 0 || columns == 0)
        {
            return;
        }

        maps = Aligned(maps);
        Encode(stream, maps, left, boxRows: Rows);
        Encode(stream, maps + CudaTensorMap.Bytes, right, boxRows: Steps);
        stream.Launch(
            _backwardInput[left.Elements.DType], Size(stream, Tiles(rows, columns)), new KernelArgument(maps, CudaTensorMap.Bytes),
            new KernelArgument(maps + CudaTensorMap.Bytes, CudaTensorMap.Bytes), result.Elements, rows, columns, steps, result.Stride, result.Wide,
            adds ? 1 : 0, result.Aligned);
    }

    /// <summary>As <see cref="CudaProduct.RunLanes"/>.</summary>
    public static void RunLanes(DeviceStream stream, CudaMatrix resultSum, CudaMatrix left, CudaMatrix right, Tensor laneBounds)
    {
        (int rows, int columns) = resultSum.Elements.Rank2();
        if (rows == 0 || columns == 0)
        {
            return;
        }

        int lanes = laneBounds.Shape[0] - 1;
        long treeBytes = (long)BitOperations.Log2((uint)Math.Max(lanes, 1)) * Rows * Columns * sizeof(float);
        long blocks = treeBytes == 0 ? Tiles(rows, columns) : Math.Min(Tiles(rows, columns), stream.ScratchBytes / treeBytes);
        byte* maps = stackalloc byte[(2 * CudaTensorMap.Bytes) + CudaTensorMap.AlignmentBytes];
        maps = Aligned(maps);
        Encode(stream, maps, left, Steps);
        Encode(stream, maps + CudaTensorMap.Bytes, right, Steps);
        stream.Launch(
            _backwardWeight[left.Elements.DType], Size(stream, blocks), new KernelArgument(maps, CudaTensorMap.Bytes),
            new KernelArgument(maps + CudaTensorMap.Bytes, CudaTensorMap.Bytes), resultSum.Elements, laneBounds,
            new Tensor(stream.Scratch, DType.F32, new Shape(0)), rows, columns, lanes, resultSum.Stride, resultSum.Aligned);
    }

    private static long Tiles(int rows, int columns) => (((long)rows + Rows - 1) / Rows) * ((columns + Columns - 1) / Columns);

    // One block for each multiprocessor takes tiles in turn.
    private static LaunchSize Size(DeviceStream stream, long blocks) =>
        new(Math.Min(blocks, stream.Device.Cuda!.Properties.Multiprocessors), Threads, SharedBytes: SharedBytes);

    private static void Encode(DeviceStream stream, byte* map, CudaMatrix matrix, int boxRows) =>
        CudaTensorMap.Encode(stream.Device.Cuda!.Context.Driver, map, matrix.Elements, matrix.Stride, boxRows);

    private static byte* Aligned(byte* place) =>
        (byte*)(((nint)place + CudaTensorMap.AlignmentBytes - 1) & ~(nint)(CudaTensorMap.AlignmentBytes - 1));
}
