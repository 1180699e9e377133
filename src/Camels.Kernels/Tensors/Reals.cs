using System.Numerics;

namespace Camels.Kernels;

/// <summary>
/// A tensor's elements read and written as <typeparamref name="T"/>, whatever their stored type: what the reference loops are written in.
/// With T = double they are the truth, with T = float they are plain code in single precision, the yardstick of every tolerance.
/// </summary>
internal readonly unsafe struct Reals<T>
    where T : unmanaged, IFloatingPointIeee754<T>
{
    private readonly Tensor _tensor;

    private Reals(Tensor tensor) => _tensor = tensor;

    /// <summary>Sees a tensor of any floating type as numbers of type <typeparamref name="T"/>.</summary>
    public static implicit operator Reals<T>(Tensor tensor) => new(tensor);

    /// <summary>Element of the flattened tensor.</summary>
    public T this[long i]
    {
        get => Read(i);
        set => Write(i, value);
    }

    /// <summary>Element of a matrix.</summary>
    public T this[int i, int j]
    {
        get => Read(Offset(i, j));
        set => Write(Offset(i, j), value);
    }

    /// <summary>Element of a rank-3 tensor.</summary>
    public T this[int i, int j, int k]
    {
        get => Read(Offset(i, j, k));
        set => Write(Offset(i, j, k), value);
    }

    private long Offset(int i, int j)
    {
        Shape shape = _tensor.Shape;
        Check(shape.Rank == 2 && (uint)i < (uint)shape[0] && (uint)j < (uint)shape[1]);
        return ((long)i * shape[1]) + j;
    }

    private long Offset(int i, int j, int k)
    {
        Shape shape = _tensor.Shape;
        Check(shape.Rank == 3 && (uint)i < (uint)shape[0] && (uint)j < (uint)shape[1] && (uint)k < (uint)shape[2]);
        return ((((long)i * shape[1]) + j) * shape[2]) + k;
    }

    private T Read(long i)
    {
        Check((ulong)i < (ulong)_tensor.Elements);
        return _tensor.DType switch
        {
            DType.F32 => T.CreateTruncating(((float*)_tensor.Address)[i]),
            DType.F64 => T.CreateTruncating(((double*)_tensor.Address)[i]),
            DType.F16 => T.CreateTruncating((float)((Half*)_tensor.Address)[i]),
            DType.BF16 => T.CreateTruncating((float)((BFloat16*)_tensor.Address)[i]),
            _ => throw new InvalidOperationException($"{_tensor} does not hold real numbers"),
        };
    }

    private void Write(long i, T value)
    {
        Check((ulong)i < (ulong)_tensor.Elements);
        double wide = double.CreateTruncating(value);
        switch (_tensor.DType)
        {
            case DType.F32: ((float*)_tensor.Address)[i] = (float)wide; break;
            case DType.F64: ((double*)_tensor.Address)[i] = wide; break;
            case DType.F16: ((Half*)_tensor.Address)[i] = (Half)wide; break;
            case DType.BF16: ((BFloat16*)_tensor.Address)[i] = (BFloat16)wide; break;
            default: throw new InvalidOperationException($"{_tensor} does not hold real numbers");
        }
    }

    private void Check(bool inside)
    {
        if (!inside)
        {
            throw new IndexOutOfRangeException($"an index outside {_tensor}");
        }
    }
}
