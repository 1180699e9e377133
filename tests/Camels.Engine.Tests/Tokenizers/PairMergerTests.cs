using Camels.Engine.Tokenizers;
using Xunit;

namespace Camels.Engine.Tests.Tokenizers;

[Trait("Category", "Paths")]
public sealed class PairMergerTests
{
    // Random tables over a few symbols, ranks with many ties, against the definition: again and again the best pair, the leftmost among equals.
    [Fact]
    public void AgreesWithTheDefinition()
    {
        Random random = new(3);
        for (int round = 0; round < 400; round++)
        {
            Dictionary<(int Left, int Right), (int Rank, int Joined)> pairs = [];
            MergeTable table = new();
            for (int joined = 4; joined < 40; joined++)
            {
                (int left, int right, int rank) = (random.Next(joined), random.Next(joined), random.Next(10));
                pairs[(left, right)] = (rank, joined);
                table.Set(left, right, rank, joined);
            }

            PairMerger merger = new(table);
            int[] word = [.. Enumerable.Range(0, random.Next(60)).Select(_ => random.Next(4))];
            word.CopyTo(merger.Symbols(word.Length), 0);

            Assert.Equal(MergeByDefinition(word, pairs), merger.Merge(word.Length).ToArray());
        }
    }

    [Fact]
    public void TheTableKeepsEveryPairWhileItGrows()
    {
        MergeTable table = new();
        for (int i = 0; i < 5000; i++)
        {
            table.Set(i % 70, i, rank: i, joined: i + 1);
        }

        for (int i = 0; i < 5000; i++)
        {
            Assert.True(table.TryFind(i % 70, i, out int rank, out int joined) && rank == i && joined == i + 1);
            Assert.False(table.TryFind(70, i, out _, out _));
        }
    }

    private static int[] MergeByDefinition(int[] word, Dictionary<(int Left, int Right), (int Rank, int Joined)> pairs)
    {
        List<int> symbols = [.. word];
        while (true)
        {
            int[] joinable = [.. Enumerable.Range(0, Math.Max(0, symbols.Count - 1)).Where(i => pairs.ContainsKey((symbols[i], symbols[i + 1])))];
            if (joinable.Length == 0)
            {
                return [.. symbols];
            }

            int best = joinable.MinBy(i => pairs[(symbols[i], symbols[i + 1])].Rank);
            symbols[best] = pairs[(symbols[best], symbols[best + 1])].Joined;
            symbols.RemoveAt(best + 1);
        }
    }
}
