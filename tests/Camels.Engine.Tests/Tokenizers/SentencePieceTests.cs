using Camels.Engine.Tokenizers;
using Xunit;

namespace Camels.Engine.Tests.Tokenizers;

[Trait("Category", "Paths")]
public sealed class SentencePieceTests
{
    private static readonly string[] _pieces = ["▁a", "ab", "▁ab", "▁", "a", "b", "c", "▁▁"];

    [Theory]
    [InlineData("ab", true, "▁ab")]
    [InlineData("ab", false, "ab")]
    [InlineData(" ab  ", true, "▁ ▁ab ▁▁")]
    [InlineData("aab", true, "▁a ab")]      // the better pair first, although it stands behind
    [InlineData("", true, "")]
    [InlineData("é", false, "<0xC3> <0xA9>")]
    public void JoinsTheBestPairs(string text, bool isStart, string pieces)
    {
        using TokenizerFolder folder = Folder(SentencePieceFile.Small(_pieces).Trainer().Normalizer());

        Assert.Equal(pieces, string.Join(' ', TokenizerFolder.Pieces(folder.Load(), text, isStart)));
    }

    [Fact]
    public void EqualScoresJoinFromTheLeft()
    {
        SentencePieceFile file = SentencePieceFile.Small("a", "b").Piece("ba", PieceKind.Normal, -9).Piece("ab", PieceKind.Normal, -9);
        using TokenizerFolder folder = Folder(file.Trainer().Normalizer(dummyPrefix: false));

        Assert.Equal(["ab", "ab", "a"], TokenizerFolder.Pieces(folder.Load(), "ababa"));
    }

    [Fact]
    public void ALoneSurrogateIsReplaced()
    {
        using TokenizerFolder folder = Folder(SentencePieceFile.Small("a").Trainer().Normalizer(dummyPrefix: false));

        Assert.Equal(["<0xEF>", "<0xBF>", "<0xBD>"], TokenizerFolder.Pieces(folder.Load(), "\ud800"));
    }

    [Theory]
    [InlineData("  a   b ", true, "▁a ▁ b")]
    [InlineData("   ", true, "")]
    [InlineData("  b ", false, "▁ b")]
    public void ExtraSpacesAreRemovedWhereTheModelSaysSo(string text, bool isStart, string pieces)
    {
        using TokenizerFolder folder = Folder(SentencePieceFile.Small(_pieces).Trainer().Normalizer(removesExtra: true));

        Assert.Equal(pieces, string.Join(' ', TokenizerFolder.Pieces(folder.Load(), text, isStart)));
    }

    [Fact]
    public void UserDefinedPiecesStayWholeAndTheLongestWins()
    {
        SentencePieceFile file = SentencePieceFile.Small("ab", "bc", "abc", "▁", "a", "b", "c")
            .Piece("b!", PieceKind.UserDefined).Piece("b!!", PieceKind.UserDefined);
        using TokenizerFolder folder = Folder(file.Trainer().Normalizer(dummyPrefix: false));

        Assert.Equal(["a", "b!!", "bc"], TokenizerFolder.Pieces(folder.Load(), "ab!!bc"));
    }

    [Fact]
    public void APieceThatSpansWordsIsFoundAcrossThem()
    {
        using TokenizerFolder folder = Folder(SentencePieceFile.Small("▁a", "a▁", "▁b", "a▁b", "b", "a", "▁").Trainer().Normalizer());

        Assert.Equal(["▁a", "▁b"], TokenizerFolder.Pieces(folder.Load(), "a b"));
        Assert.Equal(["b", "a▁b"], TokenizerFolder.Pieces(folder.Load(), "ba b", isStart: false));
    }

    [Fact]
    public void WithoutByteFallbackARunOfUnknownCharactersIsOneUnknown()
    {
        using TokenizerFolder folder = Folder(
            new SentencePieceFile().Start().Normal("a").Trainer(byteFallback: false).Normalizer(dummyPrefix: false));
        ITokenizer tokenizer = folder.Load();

        Assert.Equal(["a", "<unk>", "a"], TokenizerFolder.Pieces(tokenizer, "axyz é 中a"));
        Assert.Equal("aa", tokenizer.Decode([3, 0, 3], skipSpecial: true));
    }

    [Theory]
    [InlineData("a</s>b", true, true, "▁a </s> ▁ b")]
    [InlineData("a</s>b", true, false, "▁a </s> b")]
    [InlineData("</s>b", false, false, "</s> b")]
    [InlineData("</s> b", false, true, "</s> ▁ ▁ b")]
    [InlineData("a<x>b", true, false, "▁a <x> b")]
    [InlineData("<x>b", true, false, "▁ <x> b")]
    [InlineData("<x>b", true, true, "<x> ▁ b")]
    public void TextAfterAnAddedTokenFollowsTheLegacySetting(string text, bool isStart, bool legacy, string pieces)
    {
        using TokenizerFolder folder = Folder(SentencePieceFile.Small("▁a", "▁", "a", "b").Trainer().Normalizer())
            .With("added_tokens.json", """{"<x>": 263}""")
            .With("tokenizer_config.json", legacy ? "{}" : """{"legacy": false}""");

        Assert.Equal(pieces, string.Join(' ', TokenizerFolder.Pieces(folder.Load(), text, isStart, parseSpecial: true)));
    }

    [Fact]
    public void DecodingDropsTheDummyPrefixOnce()
    {
        using TokenizerFolder folder = Folder(SentencePieceFile.Small("▁a", "▁", "a", "b").Trainer().Normalizer());
        ITokenizer tokenizer = folder.Load();

        Assert.Equal(" a", tokenizer.Decode([1, 260, 259, 2], skipSpecial: true));
        Assert.Equal("<s>  a</s>", tokenizer.Decode([1, 260, 259, 2], skipSpecial: false));
        Assert.Equal("\u00e9", tokenizer.Decode([3 + 0xC3, 3 + 0xA9], skipSpecial: true));
        _ = Assert.Throws<ArgumentOutOfRangeException>(() => tokenizer.Decode([263], skipSpecial: true));
    }

    public static TheoryData<string, byte[]> Refused() => new()
    {
        { "unigram", SentencePieceFile.Small("a").Trainer(modelType: 1).Normalizer().ToArray() },
        { "BPE", SentencePieceFile.Small("a").Normalizer().ToArray() },     // no trainer spec means unigram
        { "suffix", SentencePieceFile.Small("a").Trainer(suffix: true).Normalizer().ToArray() },
        { "character map", SentencePieceFile.Small("a").Trainer().Normalizer(charsmap: "x").ToArray() },
        { "character map", SentencePieceFile.Small("a").Trainer().Normalizer().Normalizer(charsmap: "x", field: 5).ToArray() },
        { "escape", SentencePieceFile.Small("a").Trainer().Normalizer(escapes: false).ToArray() },
        { "unused", SentencePieceFile.Small("a").Piece("b", PieceKind.Unused).Trainer().Normalizer().ToArray() },
        { "unknown type", SentencePieceFile.Small("a").Piece("b", (PieceKind)7).Trainer().Normalizer().ToArray() },
        { "no text", SentencePieceFile.Small("a").Piece("", PieceKind.Normal).Trainer().Normalizer().ToArray() },
        { "score", SentencePieceFile.Small("a").Piece("b", PieceKind.Normal, float.NaN).Trainer().Normalizer().ToArray() },
        { "twice", SentencePieceFile.Small("a", "a").Trainer().Normalizer().ToArray() },
        { "plain space", SentencePieceFile.Small("a").Piece("a b", PieceKind.UserDefined).Trainer().Normalizer().ToArray() },
        { "<0x00>", new SentencePieceFile().Start().Normal("a").Trainer().Normalizer().ToArray() },
        { "byte pieces", SentencePieceFile.Small("a").Trainer(byteFallback: false).Normalizer().ToArray() },
        { "unknown", new SentencePieceFile().Normal("a").Trainer(byteFallback: false).Normalizer().ToArray() },
        { "more than 128", SentencePieceFile.Small(new string('a', 129)).Trainer().Normalizer().ToArray() },
        { "no pieces", [] },
        { "damaged", [0x0A, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x7F] },
        { "damaged", [0x0A, 0x03, 0x0A, 0x01, 0xFF] },
    };

    [Theory]
    [MemberData(nameof(Refused))]
    public void WhatCannotBeRepresentedIsRefused(string reason, byte[] content)
    {
        using TokenizerFolder folder = new TokenizerFolder().With("tokenizer.model", content);

        CamelsException refusal = Assert.Throws<CamelsException>(folder.Load);

        Assert.Equal(ExitCode.BadInput, refusal.Code);
        Assert.Contains(reason, refusal.Message, StringComparison.Ordinal);
        Assert.Contains("tokenizer.model", refusal.Message, StringComparison.Ordinal);
    }

    private static TokenizerFolder Folder(SentencePieceFile file) => new TokenizerFolder().With("tokenizer.model", file.ToArray());
}
