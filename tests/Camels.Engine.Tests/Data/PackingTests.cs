using Camels.Engine.Data;
using FsCheck;
using FsCheck.Fluent;
using Xunit;

namespace Camels.Engine.Tests.Data;

public sealed class PackingTests
{
    [Fact]
    public void EveryDocumentOnceInRowsThatAreNotTooLong()
    {
        Gen<(int Capacity, int[] Lengths)> cases =
            from capacity in Gen.Choose(1, 200)
            from lengths in Gen.Choose(1, capacity).ArrayOf()
            select (capacity, lengths);

        Prop.ForAll(cases.ToArbitrary(), given =>
        {
            PackedRows rows = Packing.Pack(given.Lengths, given.Capacity);
            Assert.Equal(Enumerable.Range(0, given.Lengths.Length), rows.Order.Order());
            Assert.Equal(0, rows.RowStarts[0]);
            Assert.Equal(given.Lengths.Length, rows.RowStarts[^1]);
            int previousFirst = -1;
            for (int row = 0; row < rows.Count; row++)
            {
                int[] documents = rows.Row(row).ToArray();
                Assert.InRange(documents.Sum(document => given.Lengths[document]), 1, given.Capacity);
                Assert.Equal(documents.Order(), documents);
                Assert.True(documents[0] > previousFirst);
                previousFirst = documents[0];
            }

            // Best fit decreasing: no two rows would fit into one.
            int[] sums = [.. Enumerable.Range(0, rows.Count).Select(row => rows.Row(row).ToArray().Sum(document => given.Lengths[document])).Order()];
            Assert.True(sums.Length < 2 || sums[0] + sums[1] > given.Capacity);
            PackedRows again = Packing.Pack(given.Lengths, given.Capacity);
            Assert.Equal(rows.Order, again.Order);
            Assert.Equal(rows.RowStarts, again.RowStarts);
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(500));
    }

    [Fact]
    public void EachDocumentGoesToTheFullestRowThatTakesIt()
    {
        PackedRows rows = Packing.Pack([3, 6, 1, 7, 2, 1], capacity: 10);
        Assert.Equal(2, rows.Count);
        Assert.Equal([0, 3], rows.Row(0).ToArray());
        Assert.Equal([1, 2, 4, 5], rows.Row(1).ToArray());
    }

    [Fact]
    public void TheFillIsThatOfBestFitDecreasing()
    {
        // An independent quadratic best fit decreasing over lengths of a single-turn file's shape.
        Random random = new(7);
        int[] lengths = [.. Enumerable.Range(0, 3000).Select(_ => Math.Clamp((int)Math.Exp(4.6 + (0.8 * Normal(random))), 8, 2048))];
        List<int> space = [];
        foreach (int length in lengths.OrderDescending())
        {
            int best = -1;
            for (int row = 0; row < space.Count; row++)
            {
                best = space[row] >= length && (best < 0 || space[row] < space[best]) ? row : best;
            }

            if (best < 0)
            {
                best = space.Count;
                space.Add(2048);
            }

            space[best] -= length;
        }

        PackedRows rows = Packing.Pack(lengths, capacity: 2048);
        Assert.Equal(space.Count, rows.Count);
        Assert.True(lengths.Sum() / (2048.0 * (rows.Count - 1)) > 0.98);
    }

    // Fourteen of these fill a row to 98 % at best by chance; best fit does not look for those that add up.
    [Fact]
    public void WhereLengthsAreAlikeThoseThatAddUpAreSought()
    {
        Random random = new(3);
        int[] lengths = [.. Enumerable.Range(0, 1024).Select(_ => random.Next(100, 187))];
        PackedRows rows = Packing.Pack(lengths, capacity: 2048);
        Assert.Equal((lengths.Sum() + 2047) / 2048, rows.Count);
        Assert.Equal(Enumerable.Range(0, lengths.Length), rows.Order.Order());
        for (int row = 0; row < rows.Count; row++)
        {
            Assert.InRange(rows.Row(row).ToArray().Sum(document => lengths[document]), 1, 2048);
        }
    }

    [Theory]
    [InlineData(0)]
    [InlineData(11)]
    public void LengthsThatDoNotFitAreRefused(int length) =>
        Assert.Throws<ArgumentOutOfRangeException>(() => Packing.Pack([5, length], capacity: 10));

    private static double Normal(Random random) =>
        Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble());
}
