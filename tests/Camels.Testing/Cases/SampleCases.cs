using Camels.Kernels;
using Camels.Kernels.Ops;

namespace Camels.Testing.Cases;

/// <summary>The log-probabilities compared here are those of the tokens chosen; the tokens themselves are compared beside this.</summary>
internal static class SampleCases
{
    public static IEnumerable<OpCase> All() =>
    [
        Case(rows: 0, vocabulary: 5, temperature: 1, topK: 0, topP: 1),
        Case(rows: 1, vocabulary: 1, temperature: 1, topK: 0, topP: 1),
        Case(rows: 5, vocabulary: 7, temperature: 0, topK: 0, topP: 1),
        Case(rows: 8, vocabulary: 64, temperature: 1, topK: 0, topP: 1),
        Case(rows: 9, vocabulary: 443, temperature: 0.7, topK: 20, topP: 1),
        Case(rows: 9, vocabulary: 443, temperature: 1.3, topK: 0, topP: 0.9),
        Case(rows: 9, vocabulary: 443, temperature: 1, topK: 50, topP: 0.5),
        Case(rows: 2, vocabulary: 5003, temperature: 0.8, topK: 700, topP: 0.95),
    ];

    private static OpCase Case(int rows, int vocabulary, double temperature, int topK, double topP)
    {
        SampleSettings settings = new() { Temperature = temperature, TopK = topK, TopP = topP };
        return OpCase.Of("Sample", $"{rows}x{vocabulary}, temperature {temperature}, top-k {topK}, top-p {topP}")
            .WideInput("logits", [rows, vocabulary], random => 3 * Numbers.Normal(random))
            .WideInput("uniforms", [rows], random => 0.999 * random.NextDouble())
            .Workspace("tokens", DType.I32, rows)
            .Statistic("logProbabilities", rows)
            .OnForward(t => Sample.Forward(
                t.Stream, tokens: t["tokens"], logProbabilities: t["logProbabilities"], logits: t["logits"], uniforms: t["uniforms"],
                settings));
    }
}
