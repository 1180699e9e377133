using System.Diagnostics;
using System.Text;
using Camels.Engine.Tokenizers;
using Camels.Testing;
using Xunit;

namespace Camels.Engine.Tests.Tokenizers;

[Trait("Category", "Paths")]
public sealed class RobustnessTests
{
    private const int Mutations = 500;
    private const string Text = "The cat's naïve </s> 中文\U0001F600  <|user|>\n e\u0301\n\n";

    [Fact]
    public void DamagedModelFilesAreRefusedOrRead()
    {
        byte[] model = SentencePieceFile.Small("▁a", "ab", "▁", "a", "b", "é", "▁▁")
            .Piece("<sep>", PieceKind.UserDefined).Trainer().Normalizer().ToArray();
        using TokenizerFolder folder = new();

        Assert.InRange(CountRefusals(folder, "tokenizer.model", model), 1, Mutations - 1);
    }

    [Theory]
    [InlineData("tokenizer.json")]
    [InlineData("tokenizer_config.json")]
    [InlineData("special_tokens_map.json")]
    [InlineData("added_tokens.json")]
    [InlineData("vocab.json")]
    [InlineData("merges.txt")]
    public void DamagedJsonAndMergesAreRefusedOrRead(string name)
    {
        using TokenizerFolder folder = ByteBpeTests.Json(json => json["model"]!["vocab"]!["ab"] = 260);
        string path = Path.Combine(folder.Path, "tokenizer.json");
        _ = folder.With("vocab.json", System.Text.Json.Nodes.JsonNode.Parse(File.ReadAllText(path))!["model"]!["vocab"]!.ToJsonString());
        _ = folder.With("merges.txt", "#version: 0.2\na b\n").With("added_tokens.json", """{"<x>": 261, "<y>": 262}""");
        _ = folder.With("special_tokens_map.json", """{"eos_token": {"content": "</s>"}, "additional_special_tokens": ["<|user|>\n"]}""");
        byte[] content = File.ReadAllBytes(Path.Combine(folder.Path, name));
        if (name is "vocab.json" or "merges.txt")
        {
            File.Delete(path);
        }

        Assert.InRange(CountRefusals(folder, name, content), 1, Mutations);
    }

    [Theory]
    [InlineData("tokenizer.json")]
    [InlineData("vocab.json")]
    [InlineData("tokenizer_config.json")]
    public void DeepNestingIsRefused(string name)
    {
        using TokenizerFolder folder = TokenizerFolder.Bytes();
        _ = folder.With("merges.txt", "").With(name, string.Concat(Enumerable.Repeat("{\"model\":[", 100_000)));
        if (name == "vocab.json")
        {
            File.Delete(Path.Combine(folder.Path, "tokenizer.json"));
        }

        Assert.Equal(ExitCode.BadInput, Assert.Throws<CamelsException>(folder.Load).Code);
    }

    [Fact]
    public void AFileOfAnUnbelievableSizeIsRefusedUnread()
    {
        using TokenizerFolder folder = new();
        using (FileStream file = File.Create(Path.Combine(folder.Path, "tokenizer.model")))
        {
            file.SetLength(1L << 40);   // sparse
        }

        Assert.Equal(ExitCode.BadInput, Assert.Throws<CamelsException>(folder.Load).Code);
    }

    [SharedTheory("models/tokenizers")]
    [InlineData("llama")]
    [InlineData("opt")]
    [InlineData("gpt-neox")]
    public void WorstCasesTakeSecondsAtMost(string family)
    {
        ITokenizer tokenizer = TokenizerFiles.Load(SharedFiles.Path($"models/tokenizers/{family}"));
        Random random = new(7);
        char[] marks = [.. Enumerable.Range(0, 1 << 20).Select(_ => (char)random.Next(0x0300, 0x0370))];
        string[] texts =
        [
            new('a', 1 << 20), new(' ', 1 << 20), new('\n', 1 << 20), new('<', 1 << 20), new(marks), RandomUnicode(random, 1 << 20),
            string.Concat(Enumerable.Repeat("</s>", 1 << 18)),
        ];
        Stopwatch watch = Stopwatch.StartNew();

        foreach (string text in texts)
        {
            List<int> ids = TokenizerFolder.Encode(tokenizer, text, parseSpecial: true);
            Assert.NotEmpty(ids);
        }

        // Anything quadratic would need hours; the bound leaves room for a busy machine.
        Assert.InRange(watch.Elapsed.TotalSeconds, 0, 120);
    }

    [Fact]
    public void EncodingKnownWordsAllocatesNothing()
    {
        using TokenizerFolder folder = TokenizerFolder.Bytes();
        ITokenizer tokenizer = folder.Load();
        string text = string.Concat(Enumerable.Repeat("The cat sat on it. Awordofmorethantwentyfourcharacters and <|user|>\n", 200));
        List<int> ids = new(100_000);
        tokenizer.Encode(text, ids, isStart: true, parseSpecial: true);
        ids.Clear();

        long before = GC.GetAllocatedBytesForCurrentThread();
        tokenizer.Encode(text, ids, isStart: true, parseSpecial: true);

        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
    }

    [Fact]
    public void ManyThreadsGetTheSameIds()
    {
        using TokenizerFolder bytes = TokenizerFolder.Bytes();
        using TokenizerFolder pieces = new TokenizerFolder().With("tokenizer.model",
            SentencePieceFile.Small("▁a", "ab", "▁", "a", "b", "▁▁").Trainer().Normalizer().ToArray());
        foreach (ITokenizer tokenizer in (ITokenizer[])[bytes.Load(), pieces.Load()])
        {
            string[] texts = [.. Enumerable.Range(0, 500).Select(i => $"{Text} a{i} ab {new string('b', i % 40)}")];
            List<int>[] alone = [.. texts.Select(text => TokenizerFolder.Encode(tokenizer, text))];

            List<int>[] together = [.. texts.AsParallel().AsOrdered().WithDegreeOfParallelism(8)
                .Select(text => TokenizerFolder.Encode(tokenizer, text))];

            Assert.Equal(alone, together);
        }
    }

    // Every damaged file must either be refused as bad input or give a tokenizer that works.
    private static int CountRefusals(TokenizerFolder folder, string name, byte[] content)
    {
        Random random = new(11);
        int refusals = 0;
        for (int i = 0; i < Mutations; i++)
        {
            _ = folder.With(name, Damage(content, random));
            try
            {
                ITokenizer tokenizer = folder.Load();
                int[] ids = [.. TokenizerFolder.Encode(tokenizer, Text, parseSpecial: true)];
                _ = tokenizer.Decode(ids, skipSpecial: false);
                Assert.All(ids, id => Assert.InRange(id, 0, tokenizer.VocabularySize - 1));
            }
            catch (CamelsException refusal)
            {
                Assert.Equal(ExitCode.BadInput, refusal.Code);
                refusals++;
            }
        }

        return refusals;
    }

    private static byte[] Damage(byte[] content, Random random)
    {
        List<byte> damaged = [.. content];
        for (int change = random.Next(1, 4); change > 0 && damaged.Count > 0; change--)
        {
            int at = random.Next(damaged.Count);
            int count = Math.Min(random.Next(1, 20), damaged.Count - at);
            switch (random.Next(6))
            {
                case 0: damaged[at] = (byte)random.Next(256); break;
                case 1: damaged[at] ^= (byte)(1 << random.Next(8)); break;
                case 2: damaged.RemoveRange(at, count); break;
                case 3: damaged.InsertRange(at, damaged.GetRange(random.Next(at + 1), Math.Min(count, damaged.Count - at))); break;
                case 4: damaged.InsertRange(at, Encoding.ASCII.GetBytes(random.Next(2) == 0 ? "99999999999" : "\\ud800")); break;
                default: damaged.RemoveRange(at, damaged.Count - at); break;
            }
        }

        return [.. damaged];
    }

    private static string RandomUnicode(Random random, int units)
    {
        StringBuilder text = new();
        while (text.Length < units)
        {
            int point = random.Next(0x110000);
            _ = text.Append(Rune.IsValid(point) ? new Rune(point) : Rune.ReplacementChar);
        }

        return text.ToString();
    }
}
