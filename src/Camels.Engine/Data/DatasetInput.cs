namespace Camels.Engine.Data;

/// <summary>What a dataset's reader gets.</summary>
public sealed class DatasetInput
{
    private long _bytesRead;

    /// <summary>The dataset's name, not an alias.</summary>
    public required string Dataset { get; init; }

    /// <summary>The files to read, in this order; archives among them are read without being unpacked.</summary>
    public required IReadOnlyList<string> Files { get; init; }

    /// <summary>
    /// Where a folder was given, the paths of the files inside it; where a file was, its name if the dataset's reader asks it. Part of the prepared
    /// data's key.
    /// </summary>
    public IReadOnlyList<string> Names { get; init; } = [];

    /// <summary>What the data files in a .zip end in.</summary>
    public IReadOnlyList<string> Extensions { get; init; } = DatasetFormat.JsonExtensions;

    /// <summary>What the data files in a .zip are called, where it has such; as <see cref="DatasetFormat.FileNames"/>.</summary>
    public string FileNames { get; init; } = "*";

    /// <summary>The run's seed, for datasets that draw.</summary>
    public required ulong Seed { get; init; }

    /// <summary>Whose behaviour.</summary>
    public Compatibility Compatibility { get; init; } = Compatibility.None;

    /// <summary>How conversations are taken out of trees of messages.</summary>
    public TreeRule Trees { get; init; } = new();

    /// <summary>Where a mapped dataset has its fields; null for the datasets of the catalog.</summary>
    public DatasetMap? Map { get; init; }

    /// <summary>Most tokens of a row, for datasets that split by it.</summary>
    public int SequenceLength { get; init; } = 2048;

    /// <summary>Tokens of a text that stands alone, BOS included, for datasets that split by it.</summary>
    public Func<string, int>? CountTokens { get; init; }

    /// <summary>Told of every record, or branch of a tree, that cannot be used: where it stands, and why.</summary>
    public Action<RecordPlace, string>? Unusable { get; init; }

    /// <summary>Bytes of <see cref="Files"/> read so far, for progress.</summary>
    public long BytesRead => Interlocked.Read(ref _bytesRead);

    /// <summary>Readers report what they took from a file.</summary>
    public void CountBytes(long bytes) => Interlocked.Add(ref _bytesRead, bytes);

    /// <summary>A record, or a branch of a tree, gives no conversation.</summary>
    internal void LeaveOut(RecordPlace place, string reason) => Unusable?.Invoke(place, reason);
}
