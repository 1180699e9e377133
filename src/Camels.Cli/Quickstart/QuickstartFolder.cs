using System.Text.Encodings.Web;
using System.Text.Json;
using Camels.Engine.Checkpoints;
using Camels.Engine.Data;
using Camels.Engine.Models;
using Camels.Engine.Parameters;
using Camels.Engine.Tokenizers;
using Camels.Engine.Training;
using Camels.Kernels;

namespace Camels.Cli.Quickstart;

/// <summary>
/// What quickstart makes before it trains, in a folder of the run: two data files, a tokenizer and a small LLaMA with random weights. A user
/// would bring these.
/// </summary>
internal sealed class QuickstartFolder(string run, QuickstartScale scale)
{
    private const int RowTokens = 64;
    private const ulong Seed = 42;
    private const string Bos = "<s>";
    private const string Eos = "</s>";

    private static readonly JsonSerializerOptions Readable = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    private readonly string _folder = Path.Combine(run, "quickstart");

    /// <summary>Conversations to train on.</summary>
    public string TrainingPath => Path.Combine(_folder, "train.jsonl");

    /// <summary>Prompts to ask before and after, with their answers.</summary>
    public string HeldOutPath => Path.Combine(_folder, "held-out.jsonl");

    /// <summary>The tokenizer.</summary>
    public string TokenizerPath => Path.Combine(_folder, "tokenizer");

    /// <summary>The model to start from.</summary>
    public string StartPath => Path.Combine(_folder, "start");

    /// <summary>Writes both data files and returns what is held out.</summary>
    public IReadOnlyList<QuickstartExample> WriteData()
    {
        Directory.CreateDirectory(_folder);
        IReadOnlyList<QuickstartExample> heldOut = QuickstartTasks.HeldOut(scale.HeldOutPerTask, Seed);
        File.WriteAllLines(HeldOutPath, heldOut.Select((example, index) => JsonSerializer.Serialize(
            new { id = $"{index}", task = example.Task, prompt = example.Prompt, answer = example.Answer }, Readable)));
        File.WriteAllLines(TrainingPath, QuickstartTasks.Training(scale.TrainingExamples, heldOut, Seed).Select(Conversation));
        return heldOut;
    }

    /// <summary>Writes a tokenizer of bytes in which each chat marker with its newline is one token.</summary>
    public ITokenizer WriteTokenizer()
    {
        Directory.CreateDirectory(TokenizerPath);
        ChatTemplate template = ChatTemplate.Find("tulu");
        ByteTokenizerWriter.Write(
            TokenizerPath,
            [new(Bos, IsSpecial: true), new(Eos, IsSpecial: true), new(template.FrameOf(Role.User).Before, IsSpecial: false), new(template.FrameOf(Role.Assistant).Before, IsSpecial: false)],
            Bos,
            Eos);
        return TokenizerFiles.Load(TokenizerPath);
    }

    /// <summary>Writes a LLaMA with random weights and returns its number of parameters.</summary>
    public long WriteModel(ITokenizer tokenizer, Device device)
    {
        ModelConfig config = new()
        {
            HiddenSize = 96,
            IntermediateSize = 256,
            BlockCount = 4,
            HeadCount = 6,
            KeyValueHeadCount = 6,
            HeadSize = 16,
            VocabularySize = tokenizer.VocabularySize,
            MaximumPositions = 2 * RowTokens,
            NormEpsilon = 1e-5,
            TiedEmbeddings = true,
            BosId = tokenizer.BosId,
            EosIds = [tokenizer.EosId!.Value],
        };
        using ILanguageModel model = ModelCatalog.Create(config, Precision.Fp32, device);
        ModelCatalog.Randomize(model, device.Stream, Seed);
        HuggingFaceFolder.Export(StartPath, ModelWeights.ToWrite(model, TokenizerPath), replace: false);
        return config.ParameterCount();
    }

    /// <summary>The run: in full 1,800 steps of 16 rows of 64 tokens, 1.8 M tokens.</summary>
    public Recipe Recipe => new()
    {
        Model = new ModelRecipe { Path = StartPath },
        Data = new DataRecipe { Sources = [new DataSource("messages", TrainingPath)], SequenceLength = RowTokens },
        Training = new TrainingRecipe
        {
            Steps = scale.Steps,
            BatchSize = scale.BatchSize,
            LearningRate = 3e-3,
            WarmupSteps = Math.Min(50, scale.Steps / 2),
            MinLearningRateRatio = 0.02,
            WeightDecay = 0.1,
            Adam = new AdamRecipe { Beta2 = 0.98 },
        },
        Precision = Precision.Fp32,
        Sharding = new ShardingRecipe { Lanes = 16 },
        Checkpoint = new CheckpointRecipe { EverySteps = 600 },
        Output = run,
    };

    private static string Conversation(QuickstartExample example, int index) => JsonSerializer.Serialize(
        new
        {
            id = $"{index}",
            messages = new[] { new { role = "user", content = example.Prompt }, new { role = "assistant", content = example.Answer } },
        },
        Readable);
}
