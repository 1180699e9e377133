using Camels.Engine.Data;
using Camels.Engine.Tests.Checkpoints;
using Xunit;

namespace Camels.Engine.Tests.Data;

public sealed class BatchLoaderTests
{
    [Fact]
    public void ThePermutationIsABijectionForEverySize()
    {
        foreach (int count in Enumerable.Range(1, 300).Append(1023).Append(1024).Append(1025).Append(70_001))
        {
            int[] permuted = Permute(seed: 3, epoch: 1, count);
            Assert.Equal(Enumerable.Range(0, count), permuted.Order());
        }
    }

    [Fact]
    public void TheLargestSizesStayInside()
    {
        HashSet<int> seen = [];
        for (int index = int.MaxValue - 1000; index < int.MaxValue; index++)
        {
            int permuted = RowPermutation.Apply(seed: 1, epoch: 0, index, int.MaxValue);
            Assert.InRange(permuted, 0, int.MaxValue - 1);
            Assert.True(seen.Add(permuted));
        }
    }

    [Fact]
    public void EpochsAndSeedsDiffer()
    {
        int[] first = Permute(seed: 1, epoch: 0, count: 100);
        Assert.Equal(first, Permute(seed: 1, epoch: 0, count: 100));
        Assert.NotEqual(first, Permute(seed: 1, epoch: 1, count: 100));
        Assert.NotEqual(first, Permute(seed: 2, epoch: 0, count: 100));
        Assert.NotEqual(Enumerable.Range(0, 100), first);
    }

    [Theory]
    [InlineData(2)]
    [InlineData(5)]
    [InlineData(16)]
    [InlineData(37)]
    public void EveryRowComesEverywhereEquallyOften(int count)
    {
        const int Epochs = 8000;
        double[] counts = new double[count * count];
        for (int epoch = 0; epoch < Epochs; epoch++)
        {
            for (int index = 0; index < count; index++)
            {
                counts[(index * count) + RowPermutation.Apply(seed: 5, epoch, index, count)]++;
            }
        }

        double expected = (double)Epochs / count;
        double chiSquare = counts.Sum(n => (n - expected) * (n - expected) / expected);
        double freedom = (count - 1.0) * (count - 1.0);
        Assert.True(chiSquare < freedom + (4 * Math.Sqrt(2 * freedom)) + 4, $"chi-square {chiSquare} of {freedom} degrees of freedom");
    }

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    [InlineData(7)]
    [InlineData(100)]
    public void AnEpochVisitsEveryRowOnceAndStepsGoOnThroughEpochs(int batchSize)
    {
        using TemporaryFolder folder = new();
        using PreparedData data = Prepared.Rows(folder, rows: 7);
        BatchLoader loader = new(data, seed: 42, batchSize);
        Assert.Equal((7 + batchSize - 1) / batchSize, loader.StepsPerEpoch);
        for (int epoch = 0; epoch < 3; epoch++)
        {
            List<int> rows = [];
            for (long step = epoch * loader.StepsPerEpoch; step < (epoch + 1) * loader.StepsPerEpoch; step++)
            {
                Assert.Equal(epoch, loader.Epoch(step));
                rows.AddRange(Enumerable.Range(0, loader.RowsInStep(step)).Select(row => loader.RowIndex(step, row)));
            }

            Assert.Equal(Permute(42, epoch, 7), rows);
        }

        Assert.Throws<ArgumentOutOfRangeException>(() => loader.RowIndex(0, Math.Min(batchSize, 7)));
    }

    [Fact]
    public void ReadingRowsAllocatesNothing()
    {
        using TemporaryFolder folder = new();
        using PreparedData data = Prepared.Rows(folder, rows: 7);
        BatchLoader loader = new(data, seed: 42, batchSize: 2);
        long sum = Visit(loader, data);
        long before = GC.GetAllocatedBytesForCurrentThread();
        sum -= Visit(loader, data);
        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
        Assert.Equal(0, sum);
    }

    private static long Visit(BatchLoader loader, PreparedData data)
    {
        long sum = 0;
        for (long step = 0; step < 20; step++)
        {
            for (int row = 0; row < loader.RowsInStep(step); row++)
            {
                PackedRow packed = data.Row(loader.RowIndex(step, row));
                sum += packed.Ids[^1] + packed.Trained[^1] + packed.DocumentBounds[^1] + packed.DocumentSources[0];
            }
        }

        return sum;
    }

    private static int[] Permute(ulong seed, long epoch, int count) =>
        [.. Enumerable.Range(0, count).Select(index => RowPermutation.Apply(seed, epoch, index, count))];
}
