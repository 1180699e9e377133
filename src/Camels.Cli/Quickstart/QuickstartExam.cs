using Camels.Engine.Checkpoints;
using Camels.Engine.Data;
using Camels.Engine.Generation;
using Camels.Engine.Models;
using Camels.Engine.Parameters;
using Camels.Engine.Tokenizers;
using Camels.Kernels;

namespace Camels.Cli.Quickstart;

/// <summary>What a model answered to one held-out prompt.</summary>
internal sealed record QuickstartAnswer(QuickstartExample Example, string Given, bool IsRight);

/// <summary>Asks a model all held-out prompts. Right is what matches to the letter and ends by itself.</summary>
internal static class QuickstartExam
{
    /// <summary>Loads the model of a folder and asks it.</summary>
    public static IReadOnlyList<QuickstartAnswer> Ask(
        string modelFolder, IReadOnlyList<QuickstartExample> examples, int newTokens, Device device, CancellationToken stop)
    {
        ITokenizer tokenizer = TokenizerFiles.Load(modelFolder);
        using ILanguageModel model = ModelWeights.Open(modelFolder, Precision.Fp32, device);
        TemplateEncoder encoder = new(ChatTemplate.Find("tulu"), tokenizer);
        Prompt[] prompts = [.. examples.Select((example, index) => Encode(encoder, example, index))];
        GenerationSettings settings = new() { MaximumNewTokens = newTokens, EosIds = model.Config.EosIds };
        List<QuickstartAnswer> answers = [];
        new Generator(model, tokenizer, device).Generate(prompts, settings, completion => answers.Add(Judge(examples[answers.Count], completion)), stop);
        return answers;
    }

    private static Prompt Encode(TemplateEncoder encoder, QuickstartExample example, int index)
    {
        List<int> ids = [];
        encoder.EncodePrompt([new Message(Role.User, example.Prompt)], ids);
        return new Prompt($"{index}", ids);
    }

    private static QuickstartAnswer Judge(QuickstartExample example, Completion completion) =>
        new(example, completion.Text, completion.FinishReason == FinishReason.Eos && completion.Text == example.Answer);
}
