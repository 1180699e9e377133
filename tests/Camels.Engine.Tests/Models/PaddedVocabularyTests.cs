using Camels.Engine.Generation;
using Camels.Engine.Models;
using Camels.Engine.Parameters;
using Camels.Engine.Training;
using Camels.Kernels;
using Xunit;

namespace Camels.Engine.Tests.Models;

/// <summary>Rows beyond the tokenizer's tokens, which checkpoints have for the sake of a round number, take no part in anything.</summary>
public class PaddedVocabularyTests
{
    private const int Tokens = 45;

    [Theory]
    [InlineData("neox parallel")]
    [InlineData("opt")]
    public void Rows_that_would_always_win_never_win(string name)
    {
        using Device device = Device.OpenCpu(threads: 1);
        using ILanguageModel model = TinyModels.Create(name, device, Precision.Fp32);
        List<int> free = Continue(model, device);
        Parameter head = model.Units.SelectMany(u => u.Parameters).Last(p => p.Extents[0] == 53);
        int width = head.Extents[1];
        for (int row = Tokens; row < 53; row++)
        {
            // Ten times the row of a likely token: where that one's logit is positive, this one wins.
            head.Weight.AsSpan<float>().Slice(free[0] * width, width).CopyTo(head.Weight.AsSpan<float>().Slice(row * width, width));
            foreach (ref float weight in head.Weight.AsSpan<float>().Slice(row * width, width))
            {
                weight *= 10;
            }
        }

        Assert.Contains(Continue(model, device), id => id >= Tokens);
        model.PredictedTokens = Tokens;
        Assert.DoesNotContain(Continue(model, device), id => id >= Tokens);
    }

    [Fact]
    public void They_get_no_gradient_and_change_no_bit_of_the_loss()
    {
        double expected = Loss(noise: 0);
        Assert.Equal(expected, Loss(noise: 5));
    }

    private static double Loss(float noise)
    {
        using Device device = Device.OpenCpu(threads: 1);
        using ILanguageModel model = TinyModels.Create("neox parallel", device, Precision.Fp32);
        model.PredictedTokens = Tokens;
        Parameter head = model.Units.SelectMany(u => u.Parameters).Single(p => p.Name == "embed_out.weight");
        int start = Tokens * head.Extents[1];
        foreach (ref float weight in head.Weight.AsSpan<float>()[start..])
        {
            weight += noise;
        }

        List<TestDocument> documents =
            [.. TinyLlama.Documents(count: 4, longest: 20).Select(d => d with { Ids = [.. d.Ids.Select(id => id % Tokens)] })];
        TrainerSettings settings = new(TinyLlama.Recipe(batchSize: 2), Lanes: 2, LanesPerCall: 0, Steps: 4);
        using Trainer trainer = new(model, device, settings, new TestRows(documents, documentsPerRow: 2, batchSize: 2), sources: 2);
        double loss = trainer.Accumulate(step: 0, out _, out _);
        Assert.All(head.Gradient.AsSpan<float>()[start..].ToArray(), gradient => Assert.Equal(0, gradient));
        return loss;
    }

    private static List<int> Continue(ILanguageModel model, Device device)
    {
        List<int> ids = [];
        Prompt[] prompts = [new("a", [5, 9, 11]), new("b", [7]), new("c", [20, 21]), new("d", [33, 4, 8])];
        new Generator(model, tokenizer: null, device).Generate(prompts, new GenerationSettings { MaximumNewTokens = 10 }, c => ids.AddRange(c.TokenIds));
        return ids;
    }
}
