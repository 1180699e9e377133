using Camels.Kernels.Ops;
using Camels.Testing;
using Xunit;

namespace Camels.Kernels.Tests.Ops;

/// <summary>
/// Gradients of weights over all lanes at once have the bits of the same lanes taken in two halves or one by one, whose sums are added in the
/// same tree: what lets ranks own sub-trees.
/// </summary>
[Trait("Category", "Paths")]
public class LaneTests
{
    private const int Channels = 75;
    private const int Vocabulary = 6;
    private static readonly int[] _lanes = [0, 7, 7, 12, 20, 31, 33, 40, 41];

    private delegate void Backward(TestTensors tensors, DeviceStream stream, Tensor sum, Rows rows);

    [Theory]
    [InlineData("cpu")]
    [InlineData("emulated")]
    public void RmsNorm_sums_lanes_in_a_tree(string deviceName) => AssertTree(deviceName, [Channels], (tensors, stream, sum, rows) => RmsNorm.Backward(
        stream, dx: tensors.New(DType.F32, rows.Count, Channels), dWeightSum: sum, dy: rows.Dy, x: rows.X,
        weight: tensors.New(DType.F32, Channels), rstd: rows.Statistic, laneBounds: rows.LaneBounds));

    [Theory]
    [InlineData("cpu")]
    [InlineData("emulated")]
    public void LayerNorm_sums_weights_in_a_tree(string deviceName) => AssertTree(deviceName, [Channels], (tensors, stream, sum, rows) =>
        LayerNormBackward(tensors, stream, dWeightSum: sum, dBiasSum: tensors.New(DType.F32, Channels), rows));

    [Theory]
    [InlineData("cpu")]
    [InlineData("emulated")]
    public void LayerNorm_sums_biases_in_a_tree(string deviceName) => AssertTree(deviceName, [Channels], (tensors, stream, sum, rows) =>
        LayerNormBackward(tensors, stream, dWeightSum: tensors.New(DType.F32, Channels), dBiasSum: sum, rows));

    [Theory]
    [InlineData("cpu")]
    [InlineData("emulated")]
    public void Bias_sums_lanes_in_a_tree(string deviceName) => AssertTree(deviceName, [Channels], (tensors, stream, sum, rows) =>
        Bias.Backward(stream, dBiasSum: sum, dy: rows.Dy, laneBounds: rows.LaneBounds));

    [Theory]
    [InlineData("cpu")]
    [InlineData("emulated")]
    public void Embedding_sums_lanes_in_a_tree(string deviceName) => AssertTree(deviceName, [Vocabulary, Channels], (tensors, stream, sum, rows) =>
    {
        int[] order = new int[rows.Count];
        Embedding.SortPositions(tensors.Read<int>(rows.Ids), order);
        Embedding.Backward(stream, dWeightSum: sum, dy: rows.Dy, ids: rows.Ids, order: tensors.Of(order), laneBounds: rows.LaneBounds);
    });

    private static void LayerNormBackward(TestTensors tensors, DeviceStream stream, Tensor dWeightSum, Tensor dBiasSum, Rows rows) =>
        LayerNorm.Backward(
            stream, dx: tensors.New(DType.F32, rows.Count, Channels), dWeightSum: dWeightSum, dBiasSum: dBiasSum, dy: rows.Dy, x: rows.X,
            weight: tensors.New(DType.F32, Channels), mean: rows.Statistic, rstd: rows.Statistic, laneBounds: rows.LaneBounds);

    private static void AssertTree(string deviceName, int[] extents, Backward backward)
    {
        using Device device = TestTensors.Open(deviceName);
        using TestTensors tensors = new(device);
        Rows all = new(tensors);
        float[] together = Sum(firstLane: 0, lanes: 8);
        Assert.Equal(together, Tree(firstLane: 0, lanes: 8, leaf: 4));
        Assert.Equal(together, Tree(firstLane: 0, lanes: 8, leaf: 2));
        Assert.Equal(together, Tree(firstLane: 0, lanes: 8, leaf: 1));

        float[] Sum(int firstLane, int lanes)
        {
            Tensor sum = tensors.New(DType.F32, extents);
            backward(tensors, device.Stream, sum, all.OfLanes(tensors, firstLane, lanes));
            return tensors.Read<float>(sum);
        }

        float[] Tree(int firstLane, int lanes, int leaf) => lanes == leaf
            ? Sum(firstLane, lanes)
            : [.. Tree(firstLane, lanes / 2, leaf).Zip(Tree(firstLane + (lanes / 2), lanes / 2, leaf), (left, right) => left + right)];
    }

    private sealed record Rows(Tensor Dy, Tensor X, Tensor Statistic, Tensor Ids, Tensor LaneBounds)
    {
        public Rows(TestTensors tensors)
            : this(
                tensors.Normal(new Random(1), DType.F32, _lanes[^1], Channels), tensors.Normal(new Random(2), DType.F32, _lanes[^1], Channels),
                tensors.Normal(new Random(3), DType.F32, _lanes[^1]), tensors.Of([.. Enumerable.Range(0, _lanes[^1]).Select(n => n * n % Vocabulary)]),
                tensors.Of(_lanes))
        {
        }

        public int Count => Dy.Shape[0];

        public Rows OfLanes(TestTensors tensors, int firstLane, int lanes)
        {
            int start = _lanes[firstLane];
            int count = _lanes[firstLane + lanes] - start;
            return new Rows(
                Dy.Rows(start, count), X.Rows(start, count), Statistic.Rows(start, count), Ids.Rows(start, count),
                tensors.Of([.. _lanes[firstLane..(firstLane + lanes + 1)].Select(bound => bound - start)]));
        }
    }
}
