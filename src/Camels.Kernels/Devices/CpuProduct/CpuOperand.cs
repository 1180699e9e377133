using System.Runtime.CompilerServices;

namespace Camels.Kernels;

/// <summary>
/// One factor of a matrix product as a set of vectors along the summed index k: element (i, k) lies at i · stride + k, or, where the matrix
/// is stored with k outermost, at k · stride + i.
/// </summary>
internal readonly unsafe struct CpuOperand
{
    private CpuOperand(nint address, DType dtype, nint stride, bool chainOutermost, int? pairedSteps = null)
    {
        ElementBytes = dtype.Bytes();
        IsPaired = pairedSteps is not null;
        StepsLeft = pairedSteps ?? 0;
        Address = address;
        DType = dtype;
        Stride = stride;
        ChainOutermost = chainOutermost;
    }

    /// <summary>Address of the first element.</summary>
    public nint Address { get; private init; }

    /// <summary>Stored type of the elements.</summary>
    public DType DType { get; }

    /// <summary>Bytes of an element.</summary>
    public int ElementBytes { get; private init; }

    /// <summary>Elements from one row of the stored matrix to the next.</summary>
    public nint Stride { get; }

    /// <summary>True where the rows of the stored matrix are the steps of k.</summary>
    public bool ChainOutermost { get; }

    /// <summary>True where k counts pairs of steps.</summary>
    public bool IsPaired { get; }

    /// <summary>Steps from here to the last one, where k counts pairs.</summary>
    public int StepsLeft { get; private init; }

    /// <summary>The rows of <paramref name="matrix"/> (I, K), summed along each.</summary>
    public static CpuOperand RowsOf(Tensor matrix) => new(matrix.Address, matrix.DType, matrix.Shape[1], chainOutermost: false);

    /// <summary>The columns of <paramref name="matrix"/> (K, I), summed down each.</summary>
    public static CpuOperand ColumnsOf(Tensor matrix) => new(matrix.Address, matrix.DType, matrix.Shape[1], chainOutermost: true);

    /// <summary>The same from vector <paramref name="i"/> and step <paramref name="k"/> on.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public CpuOperand From(nint i, nint k)
    {
        nint step = IsPaired ? 2 * k : k;
        nint elements = ChainOutermost ? (step * Stride) + i : (i * Stride) + step;
        return this with { Address = Address + (elements * ElementBytes), StepsLeft = IsPaired ? StepsLeft - (int)step : 0 };
    }

    /// <summary>The same vectors of bfloat16, which have <paramref name="steps"/> steps, with k counting pairs of them.</summary>
    public CpuOperand Paired(int steps) => new(Address, DType, Stride, ChainOutermost, steps);
}
