using Camels.Engine.Tokenizers;
using Xunit;

namespace Camels.Engine.Tests.Tokenizers;

[Trait("Category", "Paths")]
public sealed class SettingsTests
{
    private const string Config = "tokenizer_config.json";
    private const string Map = "special_tokens_map.json";

    [Fact]
    public void WithoutSettingsTheFamilyDecides()
    {
        using TokenizerFolder folder = Llama();
        SentencePieceTokenizer tokenizer = Assert.IsType<SentencePieceTokenizer>(folder.Load());

        Assert.Equal((1, 2, true, true), (tokenizer.BosId, tokenizer.EosId, tokenizer.AddsBos, tokenizer.IsLegacy));
    }

    [Fact]
    public void SettingsAreStringsOrObjectsAndTheMapGoesFirst()
    {
        using TokenizerFolder folder = Llama()
            .With(Config, """{"bos_token": "", "eos_token": "<s>", "pad_token": null, "add_bos_token": false, "legacy": false}""")
            .With(Map, """{"eos_token": {"content": "a", "lstrip": false}, "additional_special_tokens": ["b"]}""");
        SentencePieceTokenizer tokenizer = Assert.IsType<SentencePieceTokenizer>(folder.Load());

        Assert.Equal((1, 259, false, false), (tokenizer.BosId, tokenizer.EosId, tokenizer.AddsBos, tokenizer.IsLegacy));
        Assert.Equal("", tokenizer.Decode([259, 260], skipSpecial: true));
    }

    [Fact]
    public void TheListOfAddedTokensOverrulesTheOtherFiles()
    {
        using TokenizerFolder folder = Llama()
            .With(Config, """
                {"eos_token": "<end>", "added_tokens_decoder": {"263": {"content": "<end>", "special": true}, "270": {"content": "<x>"}}}
                """)
            .With(Map, """{"eos_token": "a"}""")
            .With("added_tokens.json", """{"<y>": 264}""");
        ITokenizer tokenizer = folder.Load();

        Assert.Equal((263, 271), (tokenizer.EosId, tokenizer.VocabularySize));
        Assert.Equal([263, 270], TokenizerFolder.Encode(tokenizer, "<end><x>", isStart: false, parseSpecial: true));
        Assert.Equal("<x>", tokenizer.Decode([263, 264, 270], skipSpecial: true));
        Assert.DoesNotContain(264, TokenizerFolder.Encode(tokenizer, "<y>", isStart: false, parseSpecial: true));
    }

    [Fact]
    public void APadTokenWithoutAnIdIsOrdinaryTextAndAnEosTokenWithoutOneIsRefused()
    {
        using TokenizerFolder folder = Llama().With(Map, """{"pad_token": "[PAD]"}""");
        Assert.Equal(5, TokenizerFolder.Encode(folder.Load(), "[PAD]", isStart: false, parseSpecial: true).Count);

        CamelsException refusal = Assert.Throws<CamelsException>(folder.With(Map, """{"eos_token": "[END]"}""").Load);
        Assert.Equal(ExitCode.BadInput, refusal.Code);
        Assert.Contains("[END]", refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void TokenizerModelWinsOverTokenizerJsonWhichWinsOverVocabularyAndMerges()
    {
        using TokenizerFolder folder = TokenizerFolder.Bytes();
        _ = folder.With("vocab.json", "{}").With("merges.txt", "");
        Assert.Equal(260, folder.Load().VocabularySize);

        _ = folder.With("tokenizer.model", SentencePieceFile.Small("a").Trainer().Normalizer().ToArray());
        _ = Assert.IsType<SentencePieceTokenizer>(folder.Load());

        string[] names = ["tokenizer.model", "tokenizer.json", "vocab.json", "merges.txt", Config];
        Assert.Equal(names, TokenizerFiles.Paths(folder.Path).Select(Path.GetFileName));
    }

    [Fact]
    public void AFolderWithoutATokenizerIsBadInput()
    {
        using TokenizerFolder folder = new();

        Assert.Equal(ExitCode.BadInput, Assert.Throws<CamelsException>(folder.With("vocab.json", "{}").Load).Code);
    }

    [Fact]
    public void ThePostProcessorDecidesAboutBosWhereTheSettingsAreSilent()
    {
        using TokenizerFolder folder = TokenizerFolder.Bytes();
        Assert.True(folder.With(Config, """{"bos_token": "<s>"}""").Load().AddsBos);
        Assert.False(folder.With(Config, """{"bos_token": "<s>", "add_bos_token": false}""").Load().AddsBos);
        Assert.False(folder.With(Config, """{"bos_token": "</s>"}""").Load().AddsBos);
        Assert.Null(folder.With(Config, "{}").Load().BosId);
    }

    [Fact]
    public void TheHashCoversFilesAndSettings()
    {
        using TokenizerFolder folder = Llama();
        string bare = folder.Load().Sha256;
        string configured = folder.With(Config, "{}").Load().Sha256;
        SentencePieceTokenizer tokenizer = Assert.IsType<SentencePieceTokenizer>(folder.Load());

        Assert.Equal(64, bare.Length);
        Assert.NotEqual(bare, configured);
        Assert.Equal(configured, tokenizer.Sha256);
        Assert.Equal(configured, tokenizer.WithLegacy(true).Sha256);
        Assert.NotEqual(configured, tokenizer.WithLegacy(false).Sha256);
    }

    [Theory]
    [InlineData("[]")]
    [InlineData("{")]
    [InlineData("""{"bos_token": 3}""")]
    [InlineData("""{"bos_token": {"text": "<s>"}}""")]
    [InlineData("""{"pad_token": {"content": "a", "lstrip": true}}""")]
    [InlineData("""{"add_bos_token": "yes"}""")]
    [InlineData("""{"added_tokens_decoder": []}""")]
    [InlineData("""{"added_tokens_decoder": {"x": {"content": "a"}}}""")]
    [InlineData("""{"added_tokens_decoder": {"99999999999": {"content": "a"}}}""")]
    [InlineData("""{"added_tokens_decoder": {"1": {"content": "a", "rstrip": true}}}""")]
    [InlineData("""{"additional_special_tokens": [1]}""")]
    public void BadSettingsAreBadInputAndNameTheFile(string config)
    {
        using TokenizerFolder folder = Llama().With(Config, config);

        CamelsException refusal = Assert.Throws<CamelsException>(folder.Load);

        Assert.Equal(ExitCode.BadInput, refusal.Code);
        Assert.Contains(Config, refusal.Message, StringComparison.Ordinal);
    }

    private static TokenizerFolder Llama() =>
        new TokenizerFolder().With("tokenizer.model", SentencePieceFile.Small("a", "b", "▁").Trainer().Normalizer().ToArray());
}
