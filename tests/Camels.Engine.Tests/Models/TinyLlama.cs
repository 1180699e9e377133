using Camels.Engine.Data;
using Camels.Engine.Models;
using Camels.Engine.Parameters;
using Camels.Engine.Training;
using Camels.Kernels;

namespace Camels.Engine.Tests.Models;

/// <summary>A small random LLaMA with awkward sizes, and rows of random documents for it.</summary>
internal static class TinyLlama
{
    public static ModelConfig Config(bool tied = false) => new()
    {
        HiddenSize = 20,
        IntermediateSize = 36,
        BlockCount = 2,
        HeadCount = 6,
        KeyValueHeadCount = 2,
        HeadSize = 6,
        VocabularySize = 53,
        MaximumPositions = 96,
        NormEpsilon = 1e-5,
        TiedEmbeddings = tied,
        BosId = 1,
        EosIds = [2],
    };

    public static ILanguageModel Create(Device device, Precision precision, bool tied = false, ulong seed = 7)
    {
        ILanguageModel model = ModelCatalog.Create(Config(tied), precision, device);
        ModelCatalog.Randomize(model, device.Stream, seed);
        return model;
    }

    /// <summary>Documents of random tokens, of random lengths up to <paramref name="longest"/>; the later part of each is trained.</summary>
    public static List<TestDocument> Documents(int count, int longest, int seed = 3)
    {
        Random random = new(seed);
        List<TestDocument> documents = [];
        for (int d = 0; d < count; d++)
        {
            int[] ids = [.. Enumerable.Range(0, random.Next(2, longest + 1)).Select(_ => random.Next(3, 53))];
            byte[] trained = [.. ids.Select((_, t) => (byte)(t > ids.Length / 3 ? 1 : 0))];
            trained[^1] = 1;
            documents.Add(new TestDocument(ids, trained));
        }

        return documents;
    }

    public static TrainingRecipe Recipe(int batchSize) => new()
    {
        BatchSize = batchSize,
        LearningRate = 3e-3,
        WarmupSteps = 2,
        WeightDecay = 0.1,
        Schedule = ScheduleKind.Cosine,
    };
}

internal sealed record TestDocument(int[] Ids, byte[] Trained);

/// <summary>Rows made of documents, the same for every step but for the order.</summary>
internal sealed class TestRows : IStepRows
{
    private readonly List<(int[] Ids, byte[] Trained, int[] Bounds, int[] Sources)> _rows = [];
    private readonly int _batchSize;

    public TestRows(IEnumerable<TestDocument> documents, int documentsPerRow, int batchSize)
    {
        _batchSize = batchSize;
        foreach (TestDocument[] row in documents.Chunk(documentsPerRow))
        {
            List<int> bounds = [0];
            foreach (TestDocument document in row)
            {
                bounds.Add(bounds[^1] + document.Ids.Length);
            }

            _rows.Add(([.. row.SelectMany(d => d.Ids)], [.. row.SelectMany(d => d.Trained)], [.. bounds], [.. row.Select((_, i) => i % 2)]));
        }
    }

    public int LongestRow => _rows.Max(r => r.Ids.Length);

    public int MostTrainedInARow => _rows.Max(r => r.Trained.Count(t => t != 0));

    public int RowsInStep(long step) => step % 3 == 2 ? Math.Max(1, _batchSize - 3) : _batchSize;

    public PackedRow Row(long step, int rowInStep)
    {
        (int[] ids, byte[] trained, int[] bounds, int[] sources) = _rows[(int)(((step * _batchSize) + rowInStep) % _rows.Count)];
        return new PackedRow
        {
            Ids = ids,
            Trained = trained,
            DocumentBounds = bounds,
            DocumentSources = sources,
            DocumentRecords = [],
            Turns = [],
        };
    }
}
