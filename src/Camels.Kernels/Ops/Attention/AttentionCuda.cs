namespace Camels.Kernels.Ops;

/// <summary>
/// What the launches of native/cuda/attention.cu share. A kernel exists for some head widths; others take the next larger one, whose missing
/// columns are zeros.
/// </summary>
internal sealed class AttentionCuda(string entry)
{
    /// <summary>Rows of a block of the forward: pairs of a token and one of the query heads that share a key head.</summary>
    public const int ForwardRows = 64;

    /// <summary>Threads of a block of the forward.</summary>
    public const int ForwardThreads = 128;

    private static readonly int[] _widths = [64, 128, 256];
    private static readonly int[] _singleWidths = [64, 256];

    private readonly KernelSet[] _byWidth = [.. _widths.Select(width => new KernelSet("attention", $"{entry}_{width}"))];

    /// <summary>The kernel for heads of <paramref name="shape"/>.</summary>
    public Kernel this[AttentionShape shape, DType dtype] => _byWidth[Array.IndexOf(_widths, PaddedWidth(shape, dtype))][dtype];

    /// <summary>The width that the kernels compute with.</summary>
    public static int PaddedWidth(AttentionShape shape, DType dtype)
    {
        int[] widths = dtype == DType.F32 ? _singleWidths : _widths;
        int i = 0;
        while (widths[i] < shape.HeadWidth)
        {
            i++;
        }

        return widths[i];
    }

    /// <summary>Shared memory of a block of the forward: a tile of rows, one of keys, one of values, and for singles the weights.</summary>
    public static int ForwardSharedBytes(AttentionShape shape, DType dtype)
    {
        int width = PaddedWidth(shape, dtype);
        int rowBytes = width * dtype.Bytes();
        int keys = dtype == DType.F32 || width > 128 ? 32 : 64;
        return ((ForwardRows + (2 * keys)) * rowBytes) + (dtype == DType.F32 ? ForwardRows * keys * sizeof(float) : 0);
    }

    /// <summary>2³¹ / G rounded up, with which kernels divide a row's number by G.</summary>
    public static int GroupInverse(AttentionShape shape)
    {
        uint group = (uint)shape.HeadsPerKeyHead;
        TensorChecks.RequireThat(
            (ulong)shape.Tokens * group * group <= int.MaxValue && (long)shape.Tokens * shape.Heads <= int.MaxValue,
            "so many tokens with so many query heads cannot be numbered on a GPU");
        return unchecked((int)(((1U << 31) + group - 1) / group));
    }

    /// <summary>1 where every head of every tensor starts at a multiple of 16 bytes, else 0.</summary>
    public static int Aligned(AttentionShape shape, params ReadOnlySpan<Tensor> tensors)
    {
        long misaligned = (long)shape.HeadWidth * tensors[0].DType.Bytes();
        foreach (Tensor tensor in tensors)
        {
            misaligned |= tensor.Address;
        }

        return (misaligned & 15) == 0 ? 1 : 0;
    }

    /// <summary>At least as many parts of <paramref name="rowsPerPart"/> rows as any cut of the tokens into so many documents has.</summary>
    public static long MostParts(AttentionShape shape, int documents, int rowsPerToken, int rowsPerPart) =>
        ((long)shape.Tokens * rowsPerToken / rowsPerPart) + documents;
}
