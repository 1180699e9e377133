using System.Text.Json;

namespace Camels.Engine.Data;

/// <summary>A turn of a document.</summary>
/// <param name="Start">First token of its content.</param>
/// <param name="End">One past its last token; an assistant's turn ends with its EOS.</param>
/// <param name="Role">Who speaks.</param>
public readonly record struct Turn(int Start, int End, Role Role);

/// <summary>Where a row begins in the files of its split; the entry after the last row holds the totals.</summary>
/// <param name="FirstToken">In ids and trained.</param>
/// <param name="FirstDocument">In sources and records; bounds hold one entry more per row.</param>
/// <param name="FirstTurn">In turns.</param>
internal readonly record struct RowStart(long FirstToken, long FirstDocument, long FirstTurn);

/// <summary>A source of prepared data.</summary>
/// <param name="Name">Its name in the run.</param>
/// <param name="Dataset">The dataset.</param>
/// <param name="Records">Records read.</param>
/// <param name="Conversations">Conversations taken.</param>
/// <param name="Files">The files, with sizes and checksums.</param>
public sealed record PreparedSource(string Name, string Dataset, long Records, long Conversations, IReadOnlyList<SourceFile> Files);

/// <summary>
/// manifest.json of a folder of prepared data, written last. Beside it, per split ("train", "validation"), flat little-endian arrays:
/// SPLIT.ids (int32) and SPLIT.trained (bytes), one entry a token; SPLIT.rows (<see cref="RowStart"/>), one more than rows; SPLIT.bounds
/// (int32), documents + 1 a row; SPLIT.sources (int32) and SPLIT.records (int64), one a document; SPLIT.turns (<see cref="Turn"/>, tokens
/// counted from the row's start). audit.json is for people.
/// </summary>
public sealed record PreparedManifest
{
    /// <summary>The version this program writes and reads, of the layout and of how conversations are chosen; part of the key.</summary>
    public const int CurrentVersion = 4;

    internal const string FileName = "manifest.json";
    private const long MostBytes = 1 << 30;      // it lists every source file

    private static readonly JsonSerializerOptions _json = new(JsonSerializerDefaults.Strict)
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
    };

    /// <summary>The layout's version.</summary>
    public required int Version { get; init; }

    /// <summary>SHA-256 of data bytes, tokenizer, template, settings and version, lower-case hex.</summary>
    public required string Key { get; init; }

    /// <summary><see cref="Tokenizers.ITokenizer.Sha256"/> of the tokenizer.</summary>
    public required string TokenizerSha256 { get; init; }

    /// <summary>Every id is below it.</summary>
    public required int VocabularySize { get; init; }

    /// <summary>True where every document starts with BOS.</summary>
    public required bool AddsBos { get; init; }

    /// <summary>The tokenizer's BOS, or null.</summary>
    public required int? BosId { get; init; }

    /// <summary>The id that ends every assistant turn.</summary>
    public required int EosId { get; init; }

    /// <summary>Name of the chat template.</summary>
    public required string Template { get; init; }

    /// <summary>How many BOS ids the template's own markers hold.</summary>
    public required TemplateBos TemplateBos { get; init; }

    /// <summary>Most tokens of a row.</summary>
    public required int SequenceLength { get; init; }

    /// <summary>Names of the sources that documents refer to.</summary>
    public required string[] SourceNames { get; init; }

    /// <summary>What was read from where, in the order of <see cref="SourceNames"/>.</summary>
    public IReadOnlyList<PreparedSource> Sources { get; init; } = [];

    /// <summary>Size and checksum per file name.</summary>
    public required Dictionary<string, FileSeal> Files { get; init; }

    /// <summary>False where another version of this program wrote the folder: it may hold anything else, and is no fault of the file.</summary>
    internal static bool IsCurrent(string folder) => Look(
        folder,
        root => !root.TryGetProperty("version", out JsonElement version) || !version.TryGetInt32(out int number) || number == CurrentVersion,
        whenBroken: true);      // reading it says what is wrong

    /// <summary>True for a manifest of any version of this program, false for another program's manifest.json.</summary>
    internal static bool HasOwnKeys(string folder) =>
        Look(folder, root => root.TryGetProperty("key", out _) && root.TryGetProperty("tokenizer_sha256", out _), whenBroken: false);

    /// <summary>True for the name of a file of prepared data.</summary>
    internal static bool IsName(string name) =>
        name is FileName or Audit.FileName or LeftOutList.FileName or ContaminationLedger.FileName
        || PreparedDataWriter.NamesOf(PreparedData.TrainSplit).Contains(name)
        || PreparedDataWriter.NamesOf(PreparedData.ValidationSplit).Contains(name);

    internal static PreparedManifest Read(string folder)
    {
        string path = Path.Combine(folder, FileName);
        try
        {
            PreparedManifest? manifest = JsonSerializer.Deserialize<PreparedManifest>(StrictJson.ReadBytes(path, MostBytes), _json);
            return manifest?.Version == CurrentVersion
                ? manifest
                : throw CamelsException.BadInput($"{path}: not of version {CurrentVersion}. Prepare the data again.");
        }
        catch (JsonException broken)
        {
            throw CamelsException.BadInput(
                $"{path}: not a manifest of prepared data ({StrictJson.WithoutPosition(broken.Message)}). Prepare the data again.", broken);
        }
    }

    private static bool Look(string folder, Func<JsonElement, bool> look, bool whenBroken)
    {
        try
        {
            using JsonDocument document = JsonDocument.Parse(StrictJson.ReadBytes(Path.Combine(folder, FileName), MostBytes));
            return look(document.RootElement);
        }
        catch (Exception broken) when (broken is JsonException or InvalidOperationException)
        {
            return whenBroken;
        }
    }

    internal void Write(string folder) => DataFiles.Write(Path.Combine(folder, FileName), JsonText.Of(this));
}
