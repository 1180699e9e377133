using System.Buffers;
using System.Runtime.InteropServices;
using Camels.Kernels;

namespace Camels.Engine.Checkpoints;

/// <summary>A tensor that is to be written, and where its bytes come from. Nothing is copied until it is written.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Type">The type of its elements in the file.</param>
/// <param name="Shape">Its sizes; empty for a scalar.</param>
/// <param name="Source">Gives its bytes, a whole number of elements at a time.</param>
public sealed record TensorToWrite(string Name, StoredType Type, long[] Shape, ByteSource Source)
{
    /// <summary>The number of its elements.</summary>
    public long ElementCount => Shape.Aggregate(1L, (product, size) => checked(product * size));

    /// <summary>Its length in the file.</summary>
    public long ByteCount => checked(ElementCount * Type.Bytes());

    /// <summary>
    /// A tensor of a device, copied to the host and converted while it is written; a number that is not finite is a
    /// <see cref="NotFiniteNumberException"/> then: it is not worth keeping, and what it would replace may be.
    /// </summary>
    /// <param name="stream">Of the device that holds it.</param>
    /// <param name="name">Its name.</param>
    /// <param name="tensor">Must stay valid until the file is written.</param>
    /// <param name="storedAs">The type in the file.</param>
    public static TensorToWrite FromTensor(DeviceStream stream, string name, Tensor tensor, DType storedAs)
    {
        void Fill(long byteOffset, Span<byte> bytes)
        {
            if (tensor.DType == storedAs)
            {
                HostTransfer.BytesToHost(stream, tensor, byteOffset, bytes);
            }
            else
            {
                long first = byteOffset / storedAs.Bytes();
                int count = bytes.Length / storedAs.Bytes();
                byte[] source = ArrayPool<byte>.Shared.Rent(count * tensor.DType.Bytes());
                Span<byte> elements = source.AsSpan(0, count * tensor.DType.Bytes());
                HostTransfer.BytesToHost(stream, tensor, first * tensor.DType.Bytes(), elements);
                ElementConversion.Convert(tensor.DType, elements, storedAs, bytes);
                ArrayPool<byte>.Shared.Return(source);
            }

            if (storedAs.IsFloat() && !ElementConversion.AreFinite(storedAs, bytes))
            {
                throw new NotFiniteNumberException($"'{name}' holds numbers that are not finite");
            }
        }

        return new TensorToWrite(name, StoredTypes.Of(storedAs), SizesOf(tensor.Shape), Fill);
    }

    /// <summary>A few integers, as counters and random states are.</summary>
    public static TensorToWrite FromIntegers(string name, params long[] values) =>
        new(name, StoredType.I64, [values.Length], (offset, bytes) => MemoryMarshal.AsBytes<long>(values).Slice((int)offset, bytes.Length).CopyTo(bytes));

    /// <summary>A tensor of another file, converted while it is written; a number too large for F16 is refused then, exit code 3.</summary>
    public static TensorToWrite FromStored(StoredTensor tensor, DType storedAs) => new(
        tensor.Name, StoredTypes.Of(storedAs), [.. tensor.Shape], (offset, bytes) =>
        {
            long first = offset / storedAs.Bytes();
            tensor.Read(storedAs, bytes, first);
            if (storedAs == DType.F16)
            {
                RequireHeld(tensor, first, MemoryMarshal.Cast<byte, Half>(bytes));
            }
        });

    private static void RequireHeld(StoredTensor tensor, long first, ReadOnlySpan<Half> written)
    {
        for (int i = 0; i < written.Length; i++)
        {
            if (!Half.IsFinite(written[i]))
            {
                float value = 0;
                tensor.Read(DType.F32, MemoryMarshal.AsBytes(new Span<float>(ref value)), first + i);
                if (float.IsFinite(value))
                {
                    throw CamelsException.BadInput(
                        FormattableString.Invariant($"{tensor.Path}: the tensor '{tensor.Name}' has {value}, which fp16 cannot hold; take bf16 or fp32"));
                }
            }
        }
    }

    private static long[] SizesOf(Shape shape)
    {
        long[] sizes = new long[shape.Rank];
        for (int i = 0; i < sizes.Length; i++)
        {
            sizes[i] = shape[i];
        }

        return sizes;
    }
}
