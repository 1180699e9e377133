using System.Buffers;
using System.Text;
using Camels.Engine.Tokenizers;
using Camels.Testing;
using FsCheck;
using FsCheck.Fluent;
using Xunit;

namespace Camels.Engine.Tests.Tokenizers;

/// <summary>Laws that hold for every text: with the real tokenizers where they are at hand, and with small ones made here.</summary>
[Trait("Category", "Paths")]
public sealed class PropertyTests : IDisposable
{
    private readonly List<TokenizerFolder> _folders = [];

    [Fact]
    public void SmallTokenizersKeepTheLaws()
    {
        TokenizerFolder sentencePiece = new TokenizerFolder().With("tokenizer.model",
            SentencePieceFile.Small("▁a", "ab", "▁", "a", "b", "▁▁", "é", "</", "s>").Trainer().Normalizer().ToArray());
        _folders.AddRange([sentencePiece, TokenizerFolder.Bytes()]);
        _folders.ForEach(folder => CheckLaws(folder.Load()));
    }

    [SharedTheory("models/tokenizers")]
    [InlineData("llama")]
    [InlineData("opt")]
    [InlineData("gpt-neox")]
    public void RealTokenizersKeepTheLaws(string family) => CheckLaws(TokenizerFiles.Load(SharedFiles.Path($"models/tokenizers/{family}")));

    public void Dispose() => _folders.ForEach(folder => folder.Dispose());

    private static void CheckLaws(ITokenizer tokenizer)
    {
        Config quick = Config.QuickThrowOnFailure.WithMaxTest(300);
        Check.One(quick, Prop.ForAll(Texts().ToArbitrary(), text => RoundTrips(tokenizer, text)));
        Check.One(quick, Prop.ForAll(Texts().ToArbitrary(), text => DecodesInPieces(tokenizer, text)));
        Check.One(quick, Prop.ForAll(Texts().ToArbitrary(), text => NeverForges(tokenizer, text)));
        Check.One(quick, Prop.ForAll(Texts().ToArbitrary(), text => ContinuesWithoutASpace(tokenizer, text)));
    }

    private static bool RoundTrips(ITokenizer tokenizer, string text) => tokenizer.Decode(
        [.. TokenizerFolder.Encode(tokenizer, text)], skipSpecial: true) == Normal(tokenizer, text);

    // decode(prompt + completion) = decode(prompt) + the bytes of the completion, at every split where the prompt has some text.
    private static bool DecodesInPieces(ITokenizer tokenizer, string text)
    {
        int[] ids = [.. TokenizerFolder.Encode(tokenizer, text)];
        string whole = tokenizer.Decode(ids, skipSpecial: true);
        for (int split = 1; split <= ids.Length; split++)
        {
            ArrayBufferWriter<byte> bytes = new();
            string prompt = tokenizer.Decode(ids.AsSpan(0, split), skipSpecial: true);
            bytes.Write(Encoding.UTF8.GetBytes(prompt));
            foreach (int id in ids.AsSpan(split))
            {
                tokenizer.AppendBytes(id, bytes);
            }

            // A prompt that ends inside a character shows U+FFFD for it.
            bool isWhole = prompt.Length > 0 && !prompt.EndsWith('\ufffd');
            if (isWhole && Encoding.UTF8.GetString(bytes.WrittenSpan) != whole)
            {
                return false;
            }
        }

        return true;
    }

    private static bool NeverForges(ITokenizer tokenizer, string text)
    {
        List<int> ids = TokenizerFolder.Encode(tokenizer, text, parseSpecial: false);
        return !ids.Contains(tokenizer.BosId!.Value) && !ids.Contains(tokenizer.EosId!.Value)
            && tokenizer.Decode([.. ids], skipSpecial: true) == tokenizer.Decode([.. ids], skipSpecial: false);
    }

    private static bool ContinuesWithoutASpace(ITokenizer tokenizer, string text)
    {
        ArrayBufferWriter<byte> bytes = new();
        TokenizerFolder.Encode(tokenizer, text, isStart: false).ForEach(id => tokenizer.AppendBytes(id, bytes));
        return Encoding.UTF8.GetString(bytes.WrittenSpan) == Normal(tokenizer, text);
    }

    // What a round trip may change: form C where the tokenizer normalises, and the piece space of SentencePiece.
    private static string Normal(ITokenizer tokenizer, string text) => tokenizer is SentencePieceTokenizer ? text.Replace('▁', ' ')
        : TokenizerFolder.Encode(tokenizer, "e\u0301").SequenceEqual(TokenizerFolder.Encode(tokenizer, "é")) ? Nfc.Normalize(text) : text;

    private static Gen<string> Texts()
    {
        Gen<string> fragments = Gen.Elements(
            "a", "b", "ab", "The cat", " ", "  ", "\n", "'s", "é", "e\u0301", "中文", "\U0001F600", "▁",
            "</s>", "<s>", "<unk>", "<|endoftext|>", "<pad>", "<|user|>\n", "<0x0A>", "\0", "1234", "<", "/s>", "\u00a0", "가\u11a8");
        Gen<string> points = Gen.Choose(0x80, 0x2FFFF).Where(Rune.IsValid).Select(point => new Rune(point).ToString());
        return Gen.Frequency((4, fragments), (1, points)).ListOf().Select(string.Concat);
    }
}
