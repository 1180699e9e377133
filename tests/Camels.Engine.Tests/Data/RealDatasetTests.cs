using Camels.Engine.Data;
using Camels.Engine.Tests.Checkpoints;
using Camels.Engine.Tokenizers;
using Camels.Testing;
using Xunit;
using static Camels.Engine.Tests.Data.DataTestHelp;

namespace Camels.Engine.Tests.Data;

/// <summary>The publishers' own files, beside the checkout: counts are those of their README.</summary>
public sealed class RealDatasetTests
{
    [SharedTheory("data/train")]
    [InlineData("alpaca", "stanford_alpaca/alpaca_data.json", 4000, 1576, 2)]
    [InlineData("stanford_alpaca", "stanford_alpaca", 4000, 1576, 2)]
    [InlineData("code_alpaca", "code_alpaca/code_alpaca_2k.json", 1600, 801, 1)]
    [InlineData("gpt4_alpaca", "gpt4_alpaca/alpaca_gpt4_data.json", 1000, 409, 0)]
    [InlineData("dolly", "dolly/databricks-dolly-15k.jsonl", 4000, 1100, 0)]
    public void InstructionFilesConvert(string dataset, string path, int records, int withInput, int empty)
    {
        Conversation[] read = Read(dataset, SharedFiles.Path($"data/train/{path}"));
        Assert.Equal(records, read.Length);
        Assert.Equal(Enumerable.Range(0, records).Select(i => (long)i), read.Select(conversation => conversation.Index));
        Assert.Equal(empty, read.Count(conversation => conversation.HasEmptyAnswer));
        Assert.All(read, conversation => conversation.CheckOrder());

        DatasetFormat format = DatasetCatalog.Find(dataset);
        DatasetInput input = new() { Dataset = format.Name, Files = format.FilesAt(SharedFiles.Path($"data/train/{path}")), Seed = 0 };
        string column = dataset == "dolly" ? "context" : "input";
        Assert.Equal(withInput, JsonRecords.Read(input).Count(record => !string.IsNullOrWhiteSpace(record.OptionalText(column))));
    }

    // Conversations, messages, unusable records, and conversations that SourceReader would drop or cut (an answer without text, no last answer).
    [SharedTheory("data/train")]
    [InlineData("super_ni", "super_ni", 640, 1280, 1, 0, 0)]
    [InlineData("super_ni", "super_ni/tasks/task511_reddit_tifu_long_text_summarization.json", 80, 160, 0, 0, 0)]
    [InlineData("cot", "cot", 33023, 66046, 0, 0, 0)]
    [InlineData("cot", "cot/cot_data/gsm8k_train.tsv", 7413, 14826, 0, 0, 0)]
    [InlineData("self_instruct", "self_instruct", 170, 340, 0, 0, 0)]
    [InlineData("baize", "baize", 3, 16, 0, 0, 0)]
    [InlineData("baize", "baize/quora_chat_data.ko.json", 900, 4194, 0, 1, 0)]
    [InlineData("oasst1", "oasst1/en_100_tree.jsonl", 276, 988, 3, 0, 0)]
    [InlineData("oasst1", "oasst1/oasst2_filtered.trees.jsonl", 239, 842, 12, 0, 0)]
    [InlineData("oasst1", "oasst1", 515, 1830, 15, 0, 0)]
    [InlineData("sharegpt", "sharegpt/sharegpt_split_with_ids.json", 6, 48, 0, 0, 0)]
    [InlineData("sharegpt", "sharegpt/sharegpt_no_ids.json", 173, 1202, 175, 0, 0)]
    [InlineData("sharegpt", "sharegpt/sg_90k_part1_first_turn.json", 0, 0, 410, 0, 0)]
    [InlineData("sharegpt", "sharegpt/dummy_conversation.json", 500, 2000, 0, 0, 0)]
    public void FilesConvert(string dataset, string path, int conversations, int messages, int leftOut, int empty, int unanswered)
    {
        (Conversation[] read, (RecordPlace, string)[] unusable) = Read(new DataSource(dataset, SharedFiles.Path($"data/train/{path}")));
        Assert.Equal(
            (conversations, messages, leftOut, empty, unanswered),
            (read.Length, read.Sum(conversation => conversation.Messages.Length), unusable.Length,
                read.Count(conversation => conversation.HasEmptyAnswer), read.Count(conversation => conversation.Messages[^1].Role == Role.User)));
        Assert.Equal(Enumerable.Range(0, conversations).Select(i => (long)i), read.Select(conversation => conversation.Index));
        Assert.All(read, conversation => conversation.CheckOrder());
    }

    [SharedTheory("data/train/oasst1")]
    [InlineData("en_100_tree.jsonl", TreePaths.EveryAnswer, false, 475)]
    [InlineData("en_100_tree.jsonl", TreePaths.Leaves, true, 274)]
    [InlineData("oasst2_filtered.trees.jsonl", TreePaths.EveryAnswer, false, 413)]
    [InlineData("oasst2_filtered.trees.jsonl", TreePaths.Leaves, true, 239)]
    public void TreesGiveThePathsOfTheirRule(string file, TreePaths paths, bool withoutCreator, int conversations)
    {
        DataSource source = new("oasst1", SharedFiles.Path($"data/train/oasst1/{file}"));
        TreeRule rule = new() { Paths = paths, WithoutCreator = withoutCreator };
        Assert.Equal(conversations, Read(source with { Trees = rule }).Read.Length);
    }

    [SharedFact("data/train/extras/p3_t0_train")]
    public void PromptCompletionFilesConvert()
    {
        Conversation[] read = Read("prompt_completion", SharedFiles.Path("data/train/extras/p3_t0_train"));
        Assert.Equal(6 * 40, read.Length);
        Assert.All(read, conversation => Assert.EndsWith("<|endoftext|>", conversation.Messages[1].Content, StringComparison.Ordinal));
    }

    [SharedFact("data/train/stanford_alpaca", "data/train/dolly")]
    public void AMixturePassesItsAudit()
    {
        using TemporaryFolder folder = new();
        PreparationSettings settings = new()
        {
            Sources =
            [
                new("alpaca", SharedFiles.Path("data/train/stanford_alpaca")),
                new("dolly", SharedFiles.Path("data/train/dolly"), Examples: 1000),
            ],
            ValidationFraction = 0.01,
        };
        using PreparationResult result = DataPreparation.Prepare(settings, new ByteTokenizer(), folder["prepared"]);
        Assert.Equal([4000L, 1000L], result.Audit.Sources.Select(source => source.Records));
        Assert.Equal([2L, 0L], result.Audit.Sources.Select(source => source.Empty));
        Assert.Equal(1, result.Audit.Train.EosCoverage);
        Assert.Equal(0, result.Audit.Train.TrainedUserTokens);
        Assert.Equal(0, result.Audit.Train.RowsWithoutTrainedToken);
        Assert.InRange(result.Audit.Train.Fill, 0.98, 1);
        long documents = result.Train.Documents + result.Validation!.Documents;
        Assert.Equal(4998 - result.Audit.Sources.Sum(source => source.OverLongDropped), documents);
    }

    [SharedTheory("models/tokenizers")]
    [InlineData("llama")]
    [InlineData("opt")]
    [InlineData("gpt-neox")]
    public void SegmentsGiveTheIdsOfTheWholeText(string name)
    {
        // What a reader of the exported model's chat_template gets: the template as one text, special tokens parsed.
        ITokenizer tokenizer = TokenizerFiles.Load(SharedFiles.Path($"models/tokenizers/{name}"));
        TemplateEncoder encoder = new(ChatTemplate.Find("tulu"), tokenizer);
        string eos = tokenizer.PieceText(tokenizer.EosId!.Value);
        foreach (Conversation conversation in Read("dolly", SharedFiles.Path("data/train/dolly")).Take(300))
        {
            string user = conversation.Messages[0].Content.Trim();
            string assistant = conversation.Messages[1].Content.Trim();
            List<int> whole = tokenizer.AddsBos ? [tokenizer.BosId!.Value] : [];
            tokenizer.Encode(
                $"<|user|>\n{user}\n<|assistant|>\n{assistant}{eos}\n<|user|>\n{user}\n<|assistant|>\n", whole, isStart: true, parseSpecial: true);

            List<int> prompt = [];
            encoder.EncodePrompt([.. conversation.Messages, conversation.Messages[0]], prompt);
            Assert.Equal(whole, prompt);
        }
    }

    [SharedFact("models/stories260K", "data/train/dolly")]
    public void ARealTokenizerPassesTheAuditInShortRows()
    {
        using TemporaryFolder folder = new();
        ITokenizer tokenizer = TokenizerFiles.Load(SharedFiles.Path("models/stories260K"));
        PreparationSettings settings = new() { Sources = [new("dolly", SharedFiles.Path("data/train/dolly"), Examples: 1000)], SequenceLength = 512 };
        using PreparationResult result = DataPreparation.Prepare(settings, tokenizer, folder["prepared"]);
        SourceAudit source = result.Audit.Sources[0];
        Assert.Equal(1000 - source.Empty - source.OverLongDropped, result.Train.Documents);
        Assert.True(source.OverLongDropped > 0);
        Assert.Equal(result.Train.Documents, result.Audit.Train.AssistantTurnsWithTrainedEos);
    }
}
