using Camels.Kernels.Ops;
using Camels.Testing;
using FsCheck;
using FsCheck.Fluent;
using Xunit;

namespace Camels.Kernels.Tests.Ops;

[Trait("Category", "Paths")]
public class EmbeddingTests
{
    [Fact]
    public void Positions_are_sorted_by_id_and_then_by_position() => Prop.ForAll<int[]>(ids =>
    {
        int[] order = new int[ids.Length];
        Embedding.SortPositions(ids, order);
        return order.SequenceEqual(Enumerable.Range(0, ids.Length).OrderBy(n => ids[n]));
    }).QuickCheckThrowOnFailure();

    [Fact]
    public void Many_equal_ids_are_sorted_without_allocating()
    {
        int[] ids = [.. Enumerable.Range(0, 20_000).Select(n => n * 7919 % 3)];
        int[] order = new int[ids.Length];
        Embedding.SortPositions(ids, order);
        long before = GC.GetAllocatedBytesForCurrentThread();
        Embedding.SortPositions(ids, order);
        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
        Assert.Equal(Enumerable.Range(0, ids.Length).OrderBy(n => ids[n]), order);
    }

    [Theory]
    [InlineData(-1)]
    [InlineData(5)]
    [InlineData(int.MaxValue)]
    public void An_id_outside_the_vocabulary_is_named(int id)
    {
        using Device cpu = Device.OpenCpu(threads: 1);
        using TestTensors tensors = new(cpu);
        Tensor ids = tensors.Of(0, id, 1);
        ArgumentException forward = Assert.Throws<ArgumentException>(() => Embedding.Forward(
            cpu.Stream, y: tensors.New(DType.F32, 3, 2), ids: ids, weight: tensors.New(DType.F32, 5, 2)));
        ArgumentException backward = Assert.Throws<ArgumentException>(() => Embedding.Backward(
            cpu.Stream, dWeightSum: tensors.New(DType.F32, 5, 2), dy: tensors.New(DType.F32, 3, 2), ids: ids, order: tensors.Of(0, 1, 2),
            laneBounds: tensors.Of(0, 3)));
        Assert.Equal($"ids[1] is {id}, outside the vocabulary of 5", forward.Message);
        Assert.Equal(forward.Message, backward.Message);
    }

    [Theory]
    [InlineData("cpu")]
    [InlineData("emulated")]
    public void Rows_of_ids_that_do_not_occur_are_not_touched(string deviceName)
    {
        using Device device = TestTensors.Open(deviceName);
        using TestTensors tensors = new(device);
        Tensor sums = tensors.New(DType.F32, 4, 3);
        tensors.Fill(sums, 0xFF);                       // NaN
        tensors.Fill(sums.Rows(2, 1), 0);
        Embedding.Backward(
            device.Stream, dWeightSum: sums, dy: tensors.Normal(new Random(1), DType.F32, 2, 3), ids: tensors.Of(2, 2), order: tensors.Of(0, 1),
            laneBounds: tensors.Of(0, 1, 2));
        Assert.All(tensors.Read<float>(sums.Rows(2, 1)), sum => Assert.True(float.IsFinite(sum)));
        foreach (int row in (int[])[0, 1, 3])
        {
            Assert.All(tensors.Read<int>(sums.Rows(row, 1)), bits => Assert.Equal(-1, bits));
        }
    }
}
