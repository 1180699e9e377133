using Camels.Engine.Data;
using Xunit;

namespace Camels.Engine.Tests.Data;

public sealed class InstructionTemplatesTests
{
    private static readonly RecordPlace _place = new("alpaca_data.json", 1, 1);

    // Weight in hundredths and prompt for instruction {I} and input {X}, written down from the published list.
    private static readonly Dictionary<string, int> _withInput = new()
    {
        ["{I}\n\n{X}\n\n"] = 20,
        ["{I}\n{X}\n\n"] = 10,
        ["{I}\n{X}\n"] = 10,
        ["{I}\n\nInput: {X}\n\nOutput:"] = 5,
        ["{I}\nInput: {X}\nOutput:"] = 5,
        ["{I}\n{X}\n\nResponse:"] = 5,
        ["{I}\n\nAdditional Context:\n{X}\n\nAnswer:"] = 5,
        ["Task: {I}\nInput: {X}\nOutput:"] = 5,
        ["Task: {I}\n\n{X}\n\n"] = 5,
        ["Task: {I}\n\n{X}\n\nAnswer:"] = 5,
        ["You need to complete the following task:\n\n{I}\n\n{X}\n\nAnswer:"] = 5,
        ["{I}\n\nNow complete the following instance -\nInput: {X}\nOutput:"] = 5,
        ["Instruction:{I}\n\nInput: {X}\n\n"] = 5,
        ["Below is an instruction that describes a task, paired with an input that provides further context. Write a response that "
            + "appropriately completes the request.\n\n### Instruction:\n{I}\n\n### Input:\n{X}\n\n### Response:"] = 10,
    };

    private static readonly Dictionary<string, int> _withoutInput = new()
    {
        ["{I}\n\n"] = 20,
        ["{I}\n"] = 10,
        ["{I}"] = 10,
        ["{I} Output:"] = 5,
        ["{I}\nResponse:"] = 5,
        ["{I}\n\nAnswer:"] = 5,
        ["Task: {I}\n\n"] = 5,
        ["Instruction: {I}\n"] = 5,
        ["Instruction: {I}\nOutput:"] = 5,
        ["You need to complete the following task:\n\n{I}\n\n"] = 5,
        ["Can you help with this?\n\n{I}\n"] = 5,
        ["Plase answer the following request: {I}\nAnswer:"] = 5,
        ["Tell me how would you respond to the following request.\n{I}\n"] = 5,
        ["Write a response that appropriately completes the request.\n\n### Instruction:\n{I}\n\n### Response:"] = 10,
    };

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void EveryTemplateComesAtItsWeight(bool hasInput)
    {
        const int Draws = 40_000;
        Dictionary<string, int> counts = Enumerable.Range(0, Draws)
            .Select(index => Fill(index, "{I}", hasInput ? "{X}" : null).Messages[0].Content)
            .CountBy(prompt => prompt)
            .ToDictionary();

        Dictionary<string, int> expected = hasInput ? _withInput : _withoutInput;
        Assert.Equal(expected.Keys.Order(StringComparer.Ordinal), counts.Keys.Order(StringComparer.Ordinal));
        double chiSquare = expected.Sum(entry =>
            Math.Pow(counts[entry.Key] - (Draws * entry.Value / 100.0), 2) / (Draws * entry.Value / 100.0));
        Assert.True(chiSquare < 34.5, $"chi-square {chiSquare} of 13 degrees of freedom has a probability below 0.001");
    }

    [Fact]
    public void FieldsAreStrippedAndValuesNotScannedAgain()
    {
        Conversation filled = Fill(index: 0, " do {input} \n", "\n{instruction} ", " out ");
        Assert.Contains("do {input}", filled.Messages[0].Content, StringComparison.Ordinal);
        Assert.Contains("{instruction}", filled.Messages[0].Content, StringComparison.Ordinal);
        Assert.Equal("out", filled.Messages[1].Content);
    }

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData(" \n ")]
    public void BlankInputIsNoInput(string? input)
    {
        IEnumerable<string> prompts = Enumerable.Range(0, 200).Select(index => Fill(index, "{I}", input).Messages[0].Content);
        Assert.All(prompts, prompt => Assert.Contains(prompt, _withoutInput.Keys));
    }

    [Fact]
    public void OnlyTheBareInstructionHasALineFeedBeforeTheOutput()
    {
        foreach (Conversation filled in Enumerable.Range(0, 300).Select(index => Fill(index, "{I}", null, "out")))
        {
            Assert.Equal(filled.Messages[0].Content == "{I}" ? "\nout" : "out", filled.Messages[1].Content);
        }
    }

    [Fact]
    public void DrawDependsOnSeedDatasetAndIndexOnly()
    {
        static string[] Prompts(ulong seed, string dataset) => [.. Enumerable.Range(0, 100).Select(index =>
            InstructionTemplates.Fill(_place, index, dataset, seed, "{I}", "{X}", "out").Messages[0].Content)];

        Assert.Equal(Prompts(1, "dolly"), Prompts(1, "dolly"));
        Assert.NotEqual(Prompts(1, "dolly"), Prompts(2, "dolly"));
        Assert.NotEqual(Prompts(1, "dolly"), Prompts(1, "code_alpaca"));
    }

    [Fact]
    public void ContentHashDoesNotSeeTheTemplate()
    {
        IEnumerable<UInt128> hashes = Enumerable.Range(0, 50).Select(index => Fill(index, "{I}", "{X}").ContentHash);
        Assert.Single(hashes.Distinct());
    }

    private static Conversation Fill(int index, string instruction, string? input, string output = "out") =>
        InstructionTemplates.Fill(_place, index, "stanford_alpaca", seed: 42, instruction, input, output);
}
