namespace Camels.Engine.Checkpoints;

/// <summary>A storage that a pickle names: its bytes lie elsewhere in the file.</summary>
/// <param name="Type">The type of its elements.</param>
/// <param name="Key">Its name in the file.</param>
/// <param name="Elements">Its length, at least 0; <see cref="Bytes"/> does not overflow.</param>
internal sealed record PickledStorage(StoredType Type, string Key, long Elements)
{
    /// <summary>Its length in bytes.</summary>
    public long Bytes => Elements * Type.Bytes();
}

/// <summary>A contiguous tensor in a storage, inside its elements.</summary>
/// <param name="Storage">Where it lies.</param>
/// <param name="FirstElement">Its first element in the storage.</param>
/// <param name="Shape">Its sizes.</param>
internal sealed record PickledTensor(PickledStorage Storage, long FirstElement, long[] Shape)
{
    /// <summary>The number of its elements.</summary>
    public long Elements => Shape.Aggregate(1L, (product, size) => product * size);

    /// <summary>The tensor of sizes and strides that a pickle gives, or null where it is not contiguous or not inside its storage.</summary>
    public static PickledTensor? Of(PickledStorage storage, long firstElement, long[] shape, long[] strides)
    {
        if (firstElement < 0 || shape.Length != strides.Length || shape.Any(size => size < 0))
        {
            return null;
        }

        Int128 expected = 1;
        for (int i = shape.Length - 1; i >= 0; i--)
        {
            // The stride of an extent of 1 says nothing.
            if (shape[i] > 1 && strides[i] != expected && !shape.Contains(0))
            {
                return null;
            }

            expected *= shape[i];
            if (expected > storage.Elements)
            {
                return null;
            }
        }

        return firstElement + expected <= storage.Elements ? new PickledTensor(storage, firstElement, shape) : null;
    }
}
