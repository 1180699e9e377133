namespace Camels.Kernels.Ops;

/// <summary>y[n] = weight[ids[n]]: each token's row of the table.</summary>
public static partial class Embedding
{
    /// <summary>Writes y (N, C) from ids (N) and weight (V, C). An id outside 0 … V − 1 is refused.</summary>
    public static void Forward(DeviceStream stream, Tensor y, Tensor ids, Tensor weight)
    {
        (int vocabulary, int channels) = weight.Rank2();
        int rows = ids.Rank1();
        y.Require(weight.DType, [rows, channels]);
        ids.Require(DType.I32, [rows]);
        RequireIds(stream, ids, vocabulary);

        switch (stream.Device.Kind)
        {
            case DeviceKind.Reference: ForwardReference<double>(y, ids, weight, rows, channels); break;
            case DeviceKind.Plain: ForwardReference<float>(y, ids, weight, rows, channels); break;
            case DeviceKind.Cpu: ForwardCpu(stream, y, ids, weight); break;
            case DeviceKind.Planning: break;
            default: ForwardCuda(stream, y, ids, weight); break;
        }
    }

    /// <summary>
    /// Adds to dWeightSum (V, C) from dy (N, C) and ids (N). order (N) is that of <see cref="SortPositions"/>; laneBounds (lanes + 1) are
    /// the first rows of the lanes and N. Only the rows of ids that occur are touched.
    /// </summary>
    public static void Backward(DeviceStream stream, Tensor dWeightSum, Tensor dy, Tensor ids, Tensor order, Tensor laneBounds)
    {
        (int rows, int channels) = dy.Rank2();
        (int vocabulary, _) = dWeightSum.Rank2();
        dWeightSum.Require(DTypes.StatisticsOf(dy.DType), [vocabulary, channels]);
        ids.Require(DType.I32, [rows]);
        order.Require(DType.I32, [rows]);
        int lanes = laneBounds.RequireLaneBounds();
        RequireIds(stream, ids, vocabulary);

        switch (stream.Device.Kind)
        {
            case DeviceKind.Reference: BackwardReference<double>(dWeightSum, dy, ids, rows, channels); break;
            case DeviceKind.Plain: BackwardReference<float>(dWeightSum, dy, ids, rows, channels); break;
            case DeviceKind.Cpu: BackwardCpu(stream, dWeightSum, dy, ids, order, laneBounds, lanes); break;
            case DeviceKind.Planning: break;
            default: BackwardCuda(stream, dWeightSum, dy, ids, order, laneBounds, lanes); break;
        }
    }

    /// <summary>Writes the positions 0 … N − 1 to <paramref name="order"/>, sorted by id and then by position. Allocates nothing.</summary>
    public static void SortPositions(ReadOnlySpan<int> ids, Span<int> order)
    {
        TensorChecks.RequireThat(ids.Length == order.Length, "order must be as long as ids");
        for (int i = 0; i < order.Length; i++)
        {
            order[i] = i;
        }

        // A heap sort: in place, and never quadratic.
        for (int root = (order.Length / 2) - 1; root >= 0; root--)
        {
            SiftDown(ids, order, root);
        }

        for (int end = order.Length - 1; end > 0; end--)
        {
            (order[0], order[end]) = (order[end], order[0]);
            SiftDown(ids, order[..end], root: 0);
        }
    }

    private static void SiftDown(ReadOnlySpan<int> ids, Span<int> heap, int root)
    {
        int position = heap[root];
        for (int child = (2 * root) + 1; child < heap.Length; child = (2 * root) + 1)
        {
            if (child + 1 < heap.Length && IsBefore(ids, heap[child], heap[child + 1]))
            {
                child++;
            }

            if (!IsBefore(ids, position, heap[child]))
            {
                break;
            }

            heap[root] = heap[child];
            root = child;
        }

        heap[root] = position;
    }

    private static bool IsBefore(ReadOnlySpan<int> ids, int left, int right) =>
        ids[left] != ids[right] ? ids[left] < ids[right] : left < right;

    private static void RequireIds(DeviceStream stream, Tensor ids, int vocabulary)
    {
        if (!stream.Device.IsHost)
        {
            return;
        }

        ReadOnlySpan<int> values = ids.AsSpan<int>();
        for (int n = 0; n < values.Length; n++)
        {
            if ((uint)values[n] >= (uint)vocabulary)
            {
                throw new ArgumentException($"ids[{n}] is {values[n]}, outside the vocabulary of {vocabulary}");
            }
        }
    }
}
