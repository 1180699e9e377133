namespace Camels.Kernels.Ops;

/// <summary>
/// Where a kernel of the forward finds the rows of its block, "Places" of native/include/attention.cuh: in the documents of a batch, or among
/// new tokens of the sequences of a cache. The kernel is the same, and so are its bits.
/// </summary>
internal readonly struct AttentionPlaces
{
    private const long Null = 0;

    private AttentionPlaces(KernelArgument bounds, KernelArgument slots, KernelArgument positions, int count, int length)
    {
        Bounds = bounds;
        Slots = slots;
        Positions = positions;
        Count = count;
        Length = length;
    }

    /// <summary>Bounds of the documents, or null.</summary>
    public KernelArgument Bounds { get; }

    /// <summary>Each token's slot of the cache, or null.</summary>
    public KernelArgument Slots { get; }

    /// <summary>Each token's position in its slot, or null.</summary>
    public KernelArgument Positions { get; }

    /// <summary>Documents, or slots of the cache.</summary>
    public int Count { get; }

    /// <summary>Positions of a slot; 0 where there is no cache.</summary>
    public int Length { get; }

    /// <summary>The documents of a batch.</summary>
    public static AttentionPlaces OfDocuments(Tensor documentBounds) => new(documentBounds, Null, Null, documentBounds.Shape[0] - 1, length: 0);

    /// <summary>Tokens of the sequences in a cache.</summary>
    public static AttentionPlaces OfCache(Tensor slots, Tensor positions, int slotCount, int length) => new(Null, slots, positions, slotCount, length);

    /// <summary>Blocks (x) and sets of blocks (z) for one key head, of <paramref name="rows"/> rows each.</summary>
    public (long X, int Z) Blocks(AttentionShape shape, int rows) => Length == 0
        ? (AttentionCuda.MostParts(shape, Count, shape.HeadsPerKeyHead, rows), 1)
        : (shape.Tokens, (shape.HeadsPerKeyHead + rows - 1) / rows);
}
