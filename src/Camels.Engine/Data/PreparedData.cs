using System.Runtime.CompilerServices;

namespace Camels.Engine.Data;

/// <summary>A row of prepared data: documents one after another, of which none sees another. All spans point into the mapped files.</summary>
public readonly ref struct PackedRow
{
    /// <summary>The tokens of the row.</summary>
    public required ReadOnlySpan<int> Ids { get; init; }

    /// <summary>1 where the token is trained as a target: an assistant's content and its EOS. Never at the first token of a document.</summary>
    public required ReadOnlySpan<byte> Trained { get; init; }

    /// <summary>0, end of document 0, …, Ids.Length.</summary>
    public required ReadOnlySpan<int> DocumentBounds { get; init; }

    /// <summary>One per document: index into <see cref="PreparedData.SourceNames"/>.</summary>
    public required ReadOnlySpan<int> DocumentSources { get; init; }

    /// <summary>One per document: number of its record in the source, from 0. Parts of a split conversation share it.</summary>
    public required ReadOnlySpan<long> DocumentRecords { get; init; }

    /// <summary>The turns of all documents, in tokens from the row's start.</summary>
    public required ReadOnlySpan<Turn> Turns { get; init; }
}

/// <summary>
/// One split of a folder of prepared data, memory-mapped. Sizes, checksums and structure are checked at opening (see
/// <see cref="SplitCheck"/>), so that reading needs no checks. Safe to share between threads; reading a row allocates nothing.
/// </summary>
public sealed class PreparedData : IDisposable
{
    /// <summary>The split that is trained on.</summary>
    public const string TrainSplit = "train";

    /// <summary>The split that is held out.</summary>
    public const string ValidationSplit = "validation";

    private readonly List<IDisposable> _opened = [];
    private readonly TokenFile<int> _ids;
    private readonly TokenFile<byte> _trained;
    private readonly TokenFile<RowStart> _rows;
    private readonly TokenFile<int> _bounds;
    private readonly TokenFile<int> _sources;
    private readonly TokenFile<long> _records;
    private readonly TokenFile<Turn> _turns;

    private PreparedData(string folder, string split, PreparedManifest manifest, IRowVisitor? visitor)
    {
        Manifest = manifest;
        try
        {
            _ids = OpenFile<int>(folder, split, "ids");
            _trained = OpenFile<byte>(folder, split, "trained");
            _rows = OpenFile<RowStart>(folder, split, "rows");
            _bounds = OpenFile<int>(folder, split, "bounds");
            _sources = OpenFile<int>(folder, split, "sources");
            _records = OpenFile<long>(folder, split, "records");
            _turns = OpenFile<Turn>(folder, split, "turns");
            Rows = (int)Math.Clamp(_rows.Count - 1, 0, int.MaxValue);
            using SplitCheck check = new(part => Path.Combine(folder, $"{split}.{part}"), manifest, new(_ids.Count, _sources.Count, _turns.Count));
            bool isSound = IsWhole() && check.Rows(Rows, visitor);
            RequireChecksums(check, folder, split);
            Require(isSound, folder, split);
            TrainedTokens = check.TrainedTokens;
            MostTrainedInARow = check.MostTrainedInARow;
            LongestRow = check.LongestRow;
            ShortestRow = check.ShortestRow;
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>What the data was made from and with.</summary>
    public PreparedManifest Manifest { get; }

    /// <summary>SHA-256 of data, tokenizer, template and settings.</summary>
    public string Key => Manifest.Key;

    /// <summary>Names that <see cref="PackedRow.DocumentSources"/> refers to.</summary>
    public IReadOnlyList<string> SourceNames => Manifest.SourceNames;

    /// <summary>Number of rows.</summary>
    public int Rows { get; }

    /// <summary>Tokens of all rows.</summary>
    public long Tokens => _ids.Count;

    /// <summary>Documents of all rows.</summary>
    public long Documents => _sources.Count;

    /// <summary>Trained tokens of all rows.</summary>
    public long TrainedTokens { get; }

    /// <summary>Tokens of the longest row.</summary>
    public int LongestRow { get; }

    /// <summary>Tokens of the shortest row.</summary>
    public int ShortestRow { get; }

    /// <summary>The largest number of trained tokens that one row has.</summary>
    public int MostTrainedInARow { get; }

    /// <summary>Opens the training split of a folder that <see cref="DataPreparation"/> wrote; anything wrong with it is exit code 3.</summary>
    public static PreparedData Open(string folder) => Open(folder, TrainSplit);

    /// <summary>Opens one split of such a folder.</summary>
    public static PreparedData Open(string folder, string split) => new(folder, split, PreparedManifest.Read(folder), visitor: null);

    /// <summary>Opens one split; <paramref name="visitor"/> sees its rows while they are checked.</summary>
    internal static PreparedData Open(string folder, string split, PreparedManifest manifest, IRowVisitor? visitor) =>
        new(folder, split, manifest, visitor);

    /// <summary>A row; valid until this is disposed.</summary>
    public PackedRow Row(int index)
    {
        RowStart start = _rows[index];
        RowStart end = _rows[index + 1L];
        int tokens = (int)(end.FirstToken - start.FirstToken);
        int documents = (int)(end.FirstDocument - start.FirstDocument);
        return new PackedRow
        {
            Ids = _ids.Slice(start.FirstToken, tokens),
            Trained = _trained.Slice(start.FirstToken, tokens),
            DocumentBounds = _bounds.Slice(start.FirstDocument + index, documents + 1),
            DocumentSources = _sources.Slice(start.FirstDocument, documents),
            DocumentRecords = _records.Slice(start.FirstDocument, documents),
            Turns = _turns.Slice(start.FirstTurn, (int)(end.FirstTurn - start.FirstTurn)),
        };
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (IDisposable file in _opened)
        {
            file.Dispose();
        }

        _opened.Clear();
    }

    private TokenFile<T> OpenFile<T>(string folder, string split, string part)
        where T : unmanaged
    {
        string name = $"{split}.{part}";
        string path = Path.Combine(folder, name);
        if (!Manifest.Files.TryGetValue(name, out FileSeal? seal))
        {
            throw CamelsException.BadInput($"{folder}: the manifest has no {name}; this prepared data has no {split} split.");
        }

        long bytes = File.Exists(path) ? new FileInfo(path).Length : throw Damaged(path, "is missing");
        if (bytes != seal.Bytes || bytes % Unsafe.SizeOf<T>() != 0)
        {
            throw Damaged(path, $"has {bytes} bytes, expected {seal.Bytes}");
        }

        TokenFile<T> file = new(path, bytes);
        _opened.Add(file);
        return file;
    }

    private bool IsWhole()
    {
        RowStart totals = new(_ids.Count, _sources.Count, _turns.Count);
        return _rows.Count == Rows + 1L
            && _rows[0] == default
            && _rows[Rows] == totals
            && _trained.Count == _ids.Count
            && _records.Count == _sources.Count
            && _bounds.Count == _sources.Count + Rows;
    }

    private void RequireChecksums(SplitCheck check, string folder, string split)
    {
        foreach ((string part, string sha256) in check.Checksums())
        {
            if (sha256 != Manifest.Files[$"{split}.{part}"].Sha256)
            {
                throw Damaged(Path.Combine(folder, $"{split}.{part}"), "does not have the checksum of its manifest");
            }
        }
    }

    private static void Require(bool holds, string folder, string split)
    {
        if (!holds)
        {
            throw Damaged(folder, $"the files of split {split} contradict each other");
        }
    }

    private static CamelsException Damaged(string path, string what) =>
        CamelsException.BadInput($"{path}: {what}. The prepared data is damaged: delete the folder and prepare again.");
}
