using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;

namespace Camels.Engine.Tokenizers;

/// <summary>The tokenizer files of a model folder: which of them decide, and how they travel with an exported model.</summary>
public static class TokenizerFiles
{
    /// <summary>The chat template of a folder whose tokenizer_config.json has none, or that has both.</summary>
    public const string TemplateFile = "chat_template.jinja";

    /// <summary>Prompts with their ids under the chat template, for whoever wants to check another program's.</summary>
    public const string ConformanceFile = "chat_template_conformance.json";

    private const string SentencePieceFile = "tokenizer.model";
    internal const string JsonFile = "tokenizer.json";
    private const string VocabularyFile = "vocab.json";
    private const string MergesFile = "merges.txt";

    /// <summary>A longer file is no tokenizer's.</summary>
    internal const long MostBytes = 64L << 20;

    private static readonly string[] _names =
    [
        SentencePieceFile, JsonFile, VocabularyFile, MergesFile,
        TokenizerSettings.ConfigFile, TokenizerSettings.SpecialTokensFile, TokenizerSettings.AddedTokensFile,
    ];

    /// <summary>
    /// The tokenizer of a model folder. <c>tokenizer.model</c> wins over <c>tokenizer.json</c>, which wins over <c>vocab.json</c> with
    /// <c>merges.txt</c>.
    /// </summary>
    /// <exception cref="CamelsException">Exit code 3: there is none, or none that can be represented exactly.</exception>
    public static ITokenizer Load(string folder)
    {
        TokenizerSettings settings = TokenizerSettings.Read(folder);
        string sha256 = Hash(Paths(folder).Select(path => (Path.GetFileName(path), StrictJson.ReadBytes(path, MostBytes))));
        string model = Path.Combine(folder, SentencePieceFile);
        string json = Path.Combine(folder, JsonFile);
        string vocabulary = Path.Combine(folder, VocabularyFile);
        string merges = Path.Combine(folder, MergesFile);
        if (File.Exists(model))
        {
            return SentencePieceTokenizer.Load(model, settings, sha256);
        }

        if (File.Exists(json))
        {
            return ByteBpeTokenizer.Load(json, ByteBpeModel.ReadTokenizerJson(json, settings), settings, sha256);
        }

        return File.Exists(vocabulary) && File.Exists(merges)
            ? ByteBpeTokenizer.Load(vocabulary, ByteBpeModel.ReadVocabularyAndMerges(vocabulary, merges), settings, sha256)
            : throw CamelsException.BadInput(
                $"{folder} has no tokenizer: neither {SentencePieceFile} nor {JsonFile} nor {VocabularyFile} with {MergesFile} is there");
    }

    /// <summary>The tokenizer files of a folder, settings included, in a fixed order: what an exported model carries byte for byte.</summary>
    public static IReadOnlyList<string> Paths(string folder) =>
        [.. _names.Select(name => Path.Combine(folder, name)).Where(File.Exists)];

    /// <summary>True where the folder has a tokenizer, not only settings of one.</summary>
    internal static bool AreIn(string folder) =>
        ((string[])[SentencePieceFile, JsonFile, VocabularyFile]).Any(name => File.Exists(Path.Combine(folder, name)));

    /// <summary>True where the folder says how its tokenizer is used; false for bare vocabulary files.</summary>
    internal static bool HasSettings(string folder) => File.Exists(Path.Combine(folder, TokenizerSettings.ConfigFile))
        || File.Exists(Path.Combine(folder, TokenizerSettings.SpecialTokensFile));

    /// <summary>SHA-256 (lower-case hex) of named contents; names and lengths are part of it.</summary>
    internal static string Hash(IEnumerable<(string Name, byte[] Content)> parts)
    {
        using IncrementalHash hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        byte[] length = new byte[8];
        foreach ((string name, byte[] content) in parts)
        {
            BinaryPrimitives.WriteInt64LittleEndian(length, content.LongLength);
            hash.AppendData(Encoding.UTF8.GetBytes(name + "\0"));
            hash.AppendData(length);
            hash.AppendData(content);
        }

        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }
}
