using System.Text.Json.Nodes;
using Camels.Engine.Tokenizers;
using Xunit;

namespace Camels.Engine.Tests.Tokenizers;

[Trait("Category", "Paths")]
public sealed class ByteBpeTests
{
    [Fact]
    public void TheQuickstartTokenizerHasOneTokenForEachMarker()
    {
        using TokenizerFolder folder = TokenizerFolder.Bytes();
        ITokenizer tokenizer = folder.Load();

        Assert.Equal((260, 256, 257, true), (tokenizer.VocabularySize, tokenizer.BosId, tokenizer.EosId, tokenizer.AddsBos));
        Assert.Equal([258, 'h', 'i', 10, 259, 0xC3, 0xA9], TokenizerFolder.Encode(tokenizer, "<|user|>\nhi\n<|assistant|>\né"));
        Assert.Equal("<|user|>\nhi", tokenizer.Decode([256, 258, 'h', 'i', 257], skipSpecial: true));
        Assert.Equal("<s>hi</s>", tokenizer.Decode([256, 'h', 'i', 257], skipSpecial: false));
    }

    [Fact]
    public void SpecialTokensAreParsedOnlyWhenAskedFor()
    {
        using TokenizerFolder folder = TokenizerFolder.Bytes();
        ITokenizer tokenizer = folder.Load();

        Assert.Equal([257, 'a'], TokenizerFolder.Encode(tokenizer, "</s>a", parseSpecial: true));
        Assert.Equal(['<', '/', 's', '>', 'a'], TokenizerFolder.Encode(tokenizer, "</s>a", parseSpecial: false));
    }

    [Fact]
    public void MergesGoByRankThenFromTheLeft()
    {
        using TokenizerFolder folder = Json(json => WithMerges(json, "b c", "a b", "ab c", "c c", "cc c"));

        Assert.Equal(["a", "bc"], TokenizerFolder.Pieces(folder.Load(), "abc"));
        Assert.Equal(["ab", "bc"], TokenizerFolder.Pieces(folder.Load(), "abbc"));
        Assert.Equal(["cc", "ccc"], TokenizerFolder.Pieces(folder.Load(), "ccccc"));
    }

    [Fact]
    public void VocabularyAndMergesGiveTheSameAsTokenizerJson()
    {
        using TokenizerFolder one = Json(json => WithMerges(json, "b c", "a b"));
        JsonNode json = JsonNode.Parse(File.ReadAllText(Path.Combine(one.Path, "tokenizer.json")))!;
        using TokenizerFolder two = new TokenizerFolder()
            .With("vocab.json", json["model"]!["vocab"]!.ToJsonString())
            .With("merges.txt", "#version: 0.2\nb c\r\na b\n");

        Assert.Equal(TokenizerFolder.Encode(one.Load(), "abc ab bc"), TokenizerFolder.Encode(two.Load(), "abc ab bc"));
    }

    [Theory]
    [InlineData("I'll they're 's  x\n\n y", "I|'ll| they|'re| '|s| | x|\n\n| y")]
    [InlineData("a1b22 3.5!? (x)", "a|1|b|22| 3|.|5|!?| (|x|)")]
    [InlineData("\u00a0a \u3000b  ", "\u00a0|a| |\u3000|b|  ")]
    [InlineData("中文12½\U0001F600é\U00010400", "中文|12½|\U0001F600|é\U00010400")]
    [InlineData("'S 'v 've", "'|S| '|v| '|ve")]
    public void SplitsAsGpt2Does(string text, string words)
    {
        List<string> found = [];
        for (int from = 0; from < text.Length; from += found[^1].Length)
        {
            found.Add(text[from..WordSplitter.WordEnd(text, from)]);
        }

        Assert.Equal(words, string.Join('|', found));
    }

    [Fact]
    public void AddedTokensAreFoundBeforeAndAfterNormalisationByTheirFlag()
    {
        using TokenizerFolder folder = Json(json =>
        {
            json["normalizer"] = new JsonObject { ["type"] = "NFC" };
            AddToken(json, 260, "e\u0301", normalized: true);
            AddToken(json, 261, "o\u0301", normalized: false);
        });
        ITokenizer tokenizer = folder.Load();

        Assert.Equal([260], TokenizerFolder.Encode(tokenizer, "\u00e9"));
        Assert.Equal([260], TokenizerFolder.Encode(tokenizer, "e\u0301"));
        Assert.Equal([0xC3, 0xB3], TokenizerFolder.Encode(tokenizer, "\u00f3"));
        Assert.Equal([261], TokenizerFolder.Encode(tokenizer, "o\u0301"));
    }

    public static TheoryData<string, Action<JsonObject>> Refused() => new()
    {
        { "WordPiece", json => json["model"]!["type"] = "WordPiece" },
        { "tokenizer.model", json => json["model"]!["byte_fallback"] = true },
        { "ignore_merges", json => json["model"]!["ignore_merges"] = true },
        { "dropout", json => json["model"]!["dropout"] = 0.1 },
        { "end_of_word_suffix", json => json["model"]!["end_of_word_suffix"] = "</w>" },
        { "decoder Metaspace", json => json["decoder"] = new JsonObject { ["type"] = "Metaspace" } },
        { "decoder Strip", json => json["decoder"] = Sequence("decoders", "ByteLevel", "Strip") },
        { "Lowercase", json => json["normalizer"] = new JsonObject { ["type"] = "Lowercase" } },
        { "split", json => json["pre_tokenizer"] = null },
        { "split", json => json["pre_tokenizer"]!["add_prefix_space"] = true },
        { "split", json => json["pre_tokenizer"]!["use_regex"] = false },
        { "merge", json => json["model"]!["merges"] = new JsonArray("a nothing") },
        { "merge", json => json["model"]!["merges"] = new JsonArray("a b c") },
        { "0x61", json => json["model"]!["vocab"]!.AsObject().Remove("a") },
        { "id", json => json["model"]!["vocab"]!["a"] = 1 << 22 },
        { "id", json => json["model"]!["vocab"]!["a"] = -1 },
        { "damaged", json => json["model"]!["vocab"]!["a"] = 1.5 },
        { "to another", json => json["model"]!["vocab"]!["a"] = (int)'b' },
        { "gives the id 98", json => AddToken(json, 'b', "zz", normalized: false) },
        { "gives 260", json => AddToken(json, 261, "zz", normalized: false) },
        { "gives 97", json => AddToken(json, 260, "a", normalized: false) },
        { "listed twice", json => Array.ForEach([260, 261], id => AddToken(json, id, "zz", normalized: false)) },
        { "lstrip", json => json["added_tokens"]![0]!["lstrip"] = true },
        { "256", json => AddToken(json, 260, new string('x', 257), normalized: false) },
        { "empty", json => AddToken(json, 260, "", normalized: false) },
        { "damaged", json => json.Remove("model") },
    };

    [Theory]
    [MemberData(nameof(Refused))]
    public void WhatCannotBeRepresentedIsRefused(string reason, Action<JsonObject> change)
    {
        using TokenizerFolder folder = Json(change);

        CamelsException refusal = Assert.Throws<CamelsException>(folder.Load);

        Assert.Equal(ExitCode.BadInput, refusal.Code);
        Assert.Contains(reason, refusal.Message, StringComparison.Ordinal);
    }

    // transformers adds what the settings list and tokenizer.json lacks, and gives it the next id, whatever id it is listed with.
    [Theory]
    [InlineData(260, true)]
    [InlineData(261, false)]
    [InlineData(258, false)]
    public void TheSettingsMayAddATokenOnlyWithTheIdThatTheLibraryGivesIt(int id, bool isFine)
    {
        JsonObject config = new() { ["added_tokens_decoder"] = new JsonObject { [$"{id}"] = new JsonObject { ["content"] = "zz" } } };
        using TokenizerFolder folder = Json(_ => { }).With("tokenizer_config.json", config.ToJsonString());
        if (isFine)
        {
            Assert.Equal([id], TokenizerFolder.Encode(folder.Load(), "zz"));
            return;
        }

        CamelsException refusal = Assert.Throws<CamelsException>(folder.Load);
        Assert.Equal(ExitCode.BadInput, refusal.Code);
        Assert.Contains("tokenizer_config.json", refusal.Message, StringComparison.Ordinal);
    }

    internal static TokenizerFolder Json(Action<JsonObject> change)
    {
        TokenizerFolder folder = TokenizerFolder.Bytes();
        JsonObject json = JsonNode.Parse(File.ReadAllText(Path.Combine(folder.Path, "tokenizer.json")))!.AsObject();
        change(json);
        return folder.With("tokenizer.json", json.ToJsonString());
    }

    private static void WithMerges(JsonObject json, params string[] merges)
    {
        JsonObject vocabulary = json["model"]!["vocab"]!.AsObject();
        foreach (string merge in merges)
        {
            vocabulary[merge.Replace(" ", "", StringComparison.Ordinal)] = vocabulary.Count;
            json["model"]!["merges"]!.AsArray().Add(merge);
        }
    }

    private static JsonObject Sequence(string key, params string[] types) => new()
    {
        ["type"] = "Sequence",
        [key] = new JsonArray([.. types.Select(type => new JsonObject { ["type"] = type })]),
    };

    private static void AddToken(JsonObject json, int id, string text, bool normalized) => json["added_tokens"]!.AsArray().Add(
        new JsonObject { ["id"] = id, ["content"] = text, ["special"] = false, ["normalized"] = normalized });
}
