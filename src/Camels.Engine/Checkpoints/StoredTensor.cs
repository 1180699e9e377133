using System.Buffers;
using System.Runtime.InteropServices;
using Camels.Kernels;

namespace Camels.Engine.Checkpoints;

/// <summary>A tensor in a file. Valid until the file is disposed.</summary>
public sealed class StoredTensor
{
    private const int ChunkElements = 1 << 20;
    private readonly MappedFile _file;
    private readonly StoredEntry _entry;

    internal StoredTensor(MappedFile file, StoredEntry entry)
    {
        _file = file;
        _entry = entry;
    }

    /// <summary>Its name.</summary>
    public string Name => _entry.Name;

    /// <summary>The type of its elements in the file.</summary>
    public StoredType Type => _entry.Type;

    /// <summary>Its sizes; empty for a scalar.</summary>
    public IReadOnlyList<long> Shape => _entry.Shape;

    /// <summary>Its length in the file.</summary>
    public long ByteCount => _entry.ByteCount;

    /// <summary>The number of its elements.</summary>
    public long ElementCount => _entry.ByteCount / _entry.Type.Bytes();

    /// <summary>The file it is in.</summary>
    public string Path => _file.Path;

    /// <summary>A part of its bytes as stored. A tensor may have more than a span can hold.</summary>
    public ReadOnlySpan<byte> Bytes(long byteOffset, int byteCount)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(byteOffset);
        ArgumentOutOfRangeException.ThrowIfNegative(byteCount);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(byteOffset, ByteCount - byteCount);
        return _file.Bytes(_entry.ByteOffset + byteOffset, byteCount);
    }

    /// <summary>Refuses another shape than <paramref name="expected"/>.</summary>
    /// <exception cref="CamelsException">The shapes differ: exit code 3.</exception>
    public void RequireShape(params ReadOnlySpan<int> expected)
    {
        bool isEqual = Shape.Count == expected.Length;
        for (int i = 0; isEqual && i < expected.Length; i++)
        {
            isEqual = Shape[i] == expected[i];
        }

        if (!isEqual)
        {
            throw CamelsException.BadInput(
                $"{Path}: tensor '{Name}' has the shape ({string.Join(", ", Shape)}), expected ({string.Join(", ", expected.ToArray())})");
        }
    }

    /// <summary>Reads elements from <paramref name="firstElement"/> on, converted as <see cref="ElementConversion"/> does.</summary>
    /// <param name="dtype">The type of <paramref name="destination"/>. I32 takes I32, and I64 whose values fit.</param>
    /// <param name="destination">A whole number of elements, all of which the tensor has.</param>
    /// <param name="firstElement">Where to start, in elements.</param>
    /// <exception cref="CamelsException">The stored type cannot become <paramref name="dtype"/>: exit code 3.</exception>
    public void Read(DType dtype, Span<byte> destination, long firstElement = 0)
    {
        int elementBytes = Type.Bytes();
        int remaining = destination.Length / dtype.Bytes();
        while (remaining > 0)
        {
            int count = Math.Min(ChunkElements, remaining);
            ReadOnlySpan<byte> source = Bytes(firstElement * elementBytes, count * elementBytes);
            Convert(source, dtype, destination[..(count * dtype.Bytes())]);
            destination = destination[(count * dtype.Bytes())..];
            firstElement += count;
            remaining -= count;
        }
    }

    /// <summary>Reads all elements into a tensor of a device, which has as many.</summary>
    /// <exception cref="CamelsException">A number is not finite, or becomes an infinity in the tensor's type: exit code 3.</exception>
    public unsafe void Read(DeviceStream stream, Tensor destination)
    {
        int elementBytes = destination.DType.Bytes();
        byte[]? passage = stream.Device.IsHost ? null : ArrayPool<byte>.Shared.Rent((int)Math.Min(ChunkElements, ElementCount) * elementBytes);
        for (long first = 0; first < ElementCount; first += ChunkElements)
        {
            int bytes = (int)Math.Min(ChunkElements, ElementCount - first) * elementBytes;
            Span<byte> chunk = passage is null ? new Span<byte>((byte*)destination.Address + (first * elementBytes), bytes) : passage.AsSpan(0, bytes);
            Read(destination.DType, chunk, first);
            if (destination.DType.IsFloat() && !ElementConversion.AreFinite(destination.DType, chunk))
            {
                throw CamelsException.BadInput(
                    $"{Path}: tensor '{Name}' holds numbers that are not finite as {destination.DType}");
            }

            if (passage is not null)
            {
                HostTransfer.BytesToDevice(stream, destination, first * elementBytes, chunk);
            }
        }

        if (passage is not null)
        {
            ArrayPool<byte>.Shared.Return(passage);
        }
    }

    private void Convert(ReadOnlySpan<byte> source, DType dtype, Span<byte> destination)
    {
        DType? stored = Type switch
        {
            StoredType.F64 => DType.F64,
            StoredType.F32 => DType.F32,
            StoredType.F16 => DType.F16,
            StoredType.BF16 => DType.BF16,
            _ => null,
        };

        if (stored is DType real && dtype.IsFloat())
        {
            ElementConversion.Convert(real, source, dtype, destination);
        }
        else if ((Type, dtype) is (StoredType.I32, DType.I32) or (StoredType.U8, DType.U8))
        {
            source.CopyTo(destination);
        }
        else if (Type == StoredType.I64 && dtype == DType.I32)
        {
            NarrowIntegers(MemoryMarshal.Cast<byte, long>(source), MemoryMarshal.Cast<byte, int>(destination));
        }
        else
        {
            throw CamelsException.BadInput($"{Path}: tensor '{Name}' is {Type}, expected {(dtype.IsFloat() ? "real numbers" : "integers")}");
        }
    }

    private void NarrowIntegers(ReadOnlySpan<long> source, Span<int> destination)
    {
        for (int i = 0; i < source.Length; i++)
        {
            destination[i] = source[i] == (int)source[i]
                ? (int)source[i]
                : throw CamelsException.BadInput($"{Path}: tensor '{Name}' holds {source[i]}, more than 32 bits");
        }
    }
}
