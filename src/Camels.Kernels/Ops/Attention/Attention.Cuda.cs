namespace Camels.Kernels.Ops;

public static partial class Attention
{
    private const int DeltaThreads = 128;
    private const int MostColumnsPerKeyBlock = 128;

    private static readonly AttentionCuda _forward = new("attention_forward");
    private static readonly AttentionCuda _backwardKeys = new("attention_backward_keys");
    private static readonly AttentionCuda _backwardRows = new("attention_backward_rows");
    private static readonly KernelSet _delta = new("attention", "attention_delta");

    private static void ForwardCuda(
        DeviceStream stream, Tensor y, Tensor logSumExp, Tensor q, Tensor k, Tensor v, Tensor documentBounds, AttentionShape shape) =>
        ForwardCuda(stream, y, logSumExp, q, k, v, AttentionPlaces.OfDocuments(documentBounds), shape);

    /// <summary>The forward of documents and of a cache, whose keys and values are (S*T, K*D). logSumExp is (N, H) or null.</summary>
    internal static void ForwardCuda(
        DeviceStream stream, Tensor y, KernelArgument logSumExp, Tensor q, Tensor k, Tensor v, in AttentionPlaces places, AttentionShape shape)
    {
        if (AttentionGroups.Takes(stream, shape, q.DType))
        {
            AttentionGroups.Forward(stream, y, logSumExp, q, k, v, places, shape);
            return;
        }

        (long parts, int sets) = places.Blocks(shape, AttentionCuda.ForwardRows);
        LaunchSize size = new(
            parts, AttentionCuda.ForwardThreads, Y: shape.KeyHeads, Z: sets, SharedBytes: AttentionCuda.ForwardSharedBytes(shape, q.DType));
        stream.Launch(
            _forward[shape, q.DType], size, y, logSumExp, q, k, v, places.Bounds, places.Slots, places.Positions, places.Count, places.Length,
            shape.Tokens, shape.Heads, shape.KeyHeads, AttentionCuda.GroupInverse(shape), shape.HeadWidth, shape.Scale,
            AttentionCuda.Aligned(shape, y, q, k, v));
    }

    private static void BackwardCuda(
        DeviceStream stream, Tensor dq, Tensor dk, Tensor dv, Tensor dy, Tensor q, Tensor k, Tensor v, Tensor y, Tensor logSumExp,
        Tensor delta, Tensor documentBounds, AttentionShape shape)
    {
        long rows = (long)shape.Tokens * shape.Heads;
        stream.Launch(_delta[q.DType], LaunchSize.Covering(rows * 32, DeltaThreads), delta, dy, y, rows, shape.HeadWidth);
        if (AttentionGroups.Takes(stream, shape, q.DType))
        {
            AttentionGroupsBackward.Backward(stream, dq, dk, dv, dy, q, k, v, logSumExp, delta, documentBounds, shape);
            return;
        }

        BackwardTiles tiles = new(AttentionCuda.PaddedWidth(shape, q.DType), q.DType);
        int documents = documentBounds.Shape[0] - 1;
        int aligned = AttentionCuda.Aligned(shape, dq, dk, dv, dy, q, k, v);
        LaunchSize forKeys = new(
            AttentionCuda.MostParts(shape, documents, rowsPerToken: 1, tiles.Held), tiles.Threads, Y: shape.KeyHeads,
            Z: (tiles.Width + MostColumnsPerKeyBlock - 1) / MostColumnsPerKeyBlock, tiles.SharedBytes);
        stream.Launch(
            _backwardKeys[shape, q.DType], forKeys, dk, dv, dy, q, k, v, logSumExp, delta, documentBounds, documents, shape.Tokens, shape.Heads,
            shape.KeyHeads, AttentionCuda.GroupInverse(shape), shape.HeadWidth, shape.Scale, aligned);

        LaunchSize forRows = new(
            AttentionCuda.MostParts(shape, documents, shape.HeadsPerKeyHead, tiles.Held), tiles.Threads, Y: shape.KeyHeads, SharedBytes: tiles.SharedBytes);
        stream.Launch(
            _backwardRows[shape, q.DType], forRows, dq, dy, q, k, v, logSumExp, delta, documentBounds, documents, shape.Tokens, shape.Heads,
            shape.KeyHeads, AttentionCuda.GroupInverse(shape), shape.HeadWidth, shape.Scale, aligned);
    }

    // BackwardShape of attention.cu.
    private readonly record struct BackwardTiles(int Width, DType DType)
    {
        /// <summary>Keys, or rows, of a block.</summary>
        public int Held => DType == DType.F32 ? 32 : 64;

        public int Threads => 2 * Held;

        public int SharedBytes
        {
            get
            {
                int rowBytes = Width * DType.Bytes();
                int step = DType == DType.F32 ? 16 : 32;
                int stages = 2 * ((2 * step * rowBytes) + (2 * step * sizeof(float)));
                return (2 * Held * rowBytes) + stages + (DType == DType.F32 ? Held * step * sizeof(float) : 0);
            }
        }
    }
}
