using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Camels.Kernels;

/// <summary>
/// A contiguous view of memory that owns nothing: an address, an element type and a shape (row-major). An <see cref="Arena"/> or a
/// <see cref="DeviceMemory"/> owns what it shows.
/// </summary>
public readonly unsafe struct Tensor
{
    /// <summary>A view of <paramref name="shape"/> elements at <paramref name="address"/>.</summary>
    public Tensor(nint address, DType dtype, Shape shape)
    {
        Address = address;
        DType = dtype;
        Shape = shape;
    }

    /// <summary>Address of the first element, on the tensor's device.</summary>
    public nint Address { get; }

    /// <summary>Type of the elements.</summary>
    public DType DType { get; }

    /// <summary>Extents, outermost first.</summary>
    public Shape Shape { get; }

    /// <summary>Number of elements.</summary>
    public long Elements => Shape.Elements;

    /// <summary>Size in bytes.</summary>
    public long Bytes => Elements * DType.Bytes();

    /// <summary>True for the default value, which shows nothing.</summary>
    public bool IsNone => Address == 0;

    /// <summary>The same elements with other extents.</summary>
    public Tensor Reshape(params ReadOnlySpan<int> extents)
    {
        Shape shape = new(extents);
        return shape.Elements == Elements
            ? new Tensor(Address, DType, shape)
            : throw new ArgumentException($"{this} cannot be seen as {shape}");
    }

    /// <summary>Rows <paramref name="start"/> … <paramref name="start"/> + <paramref name="count"/> − 1 of the outermost dimension.</summary>
    public Tensor Rows(int start, int count)
    {
        int rows = Shape[0];
        if (start < 0 || count < 0 || start > rows - count)
        {
            throw new ArgumentOutOfRangeException(nameof(start), $"rows {start}..{start + count} of {this}");
        }

        long rowBytes = rows == 0 ? 0 : Bytes / rows;
        Span<int> extents = stackalloc int[Shape.Rank];
        for (int i = 0; i < extents.Length; i++)
        {
            extents[i] = i == 0 ? count : Shape[i];
        }

        return new Tensor(Address + (nint)(start * rowBytes), DType, new Shape(extents));
    }

    /// <summary>The elements as host memory. Only for tensors of a host device, below 2³¹ elements.</summary>
    public Span<T> AsSpan<T>()
        where T : unmanaged
    {
        RequireElement<T>();
        return new Span<T>((void*)Address, checked((int)Elements));
    }

    /// <summary>The first element as a host pointer. Only for tensors of a host device.</summary>
    public T* Pointer<T>()
        where T : unmanaged
    {
        RequireElement<T>();
        return (T*)Address;
    }

    /// <summary>Sets every byte. Only for tensors of a host device.</summary>
    public void FillBytes(byte value) => NativeMemory.Fill((void*)Address, (nuint)Bytes, value);

    /// <summary>Copies the elements of <paramref name="source"/>, of the same type and count. Only between host tensors.</summary>
    public void CopyFrom(Tensor source)
    {
        if (source.DType != DType || source.Elements != Elements)
        {
            throw new ArgumentException($"{source} cannot be copied to {this}");
        }

        Buffer.MemoryCopy((void*)source.Address, (void*)Address, Bytes, Bytes);
    }

    /// <summary>As in "F32 (2, 3)".</summary>
    public override string ToString() => $"{DType} {Shape}";

    private void RequireElement<T>()
        where T : unmanaged
    {
        if (Unsafe.SizeOf<T>() != DType.Bytes())
        {
            throw new InvalidOperationException($"{this} does not hold {typeof(T).Name}");
        }
    }
}
