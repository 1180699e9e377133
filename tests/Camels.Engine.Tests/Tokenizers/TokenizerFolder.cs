using System.Text;
using Camels.Engine.Tokenizers;

namespace Camels.Engine.Tests.Tokenizers;

/// <summary>A temporary folder with tokenizer files that a test makes.</summary>
internal sealed class TokenizerFolder : IDisposable
{
    public string Path { get; } = Directory.CreateTempSubdirectory("camels-tokenizer-").FullName;

    public TokenizerFolder With(string name, byte[] content)
    {
        File.WriteAllBytes(System.IO.Path.Combine(Path, name), content);
        return this;
    }

    public TokenizerFolder With(string name, string content) => With(name, Encoding.UTF8.GetBytes(content));

    public ITokenizer Load() => TokenizerFiles.Load(Path);

    public void Dispose() => Directory.Delete(Path, recursive: true);

    public static List<int> Encode(ITokenizer tokenizer, string text, bool isStart = true, bool parseSpecial = false)
    {
        List<int> ids = [];
        tokenizer.Encode(text, ids, isStart, parseSpecial);
        return ids;
    }

    public static string[] Pieces(ITokenizer tokenizer, string text, bool isStart = true, bool parseSpecial = false) =>
        [.. Encode(tokenizer, text, isStart, parseSpecial).Select(tokenizer.PieceText)];

    /// <summary>The 260 entries of the quickstart: bytes, BOS, EOS, two chat markers.</summary>
    public static TokenizerFolder Bytes()
    {
        TokenizerFolder folder = new();
        ByteTokenizerWriter.Write(folder.Path,
            [
                new("<s>", IsSpecial: true), new("</s>", IsSpecial: true),
                new("<|user|>\n", IsSpecial: false), new("<|assistant|>\n", IsSpecial: false),
            ],
            bos: "<s>", eos: "</s>");
        return folder;
    }
}
