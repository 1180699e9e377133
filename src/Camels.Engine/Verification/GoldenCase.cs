using System.Runtime.InteropServices;
using System.Text.Json;
using Camels.Engine.Checkpoints;
using Camels.Engine.Models;
using Camels.Kernels;

namespace Camels.Engine.Verification;

/// <summary>One row of a golden batch without its padding.</summary>
/// <param name="Ids">Its tokens.</param>
/// <param name="Trained">1 where the token is the target of a loss.</param>
/// <param name="FirstColumn">The column of its first token in the padded batch.</param>
/// <param name="Columns">The columns of the padded batch.</param>
public sealed record GoldenRow(int[] Ids, byte[] Trained, int FirstColumn, int Columns);

/// <summary>
/// A folder of golden numbers: a manifest, inputs and outputs. It may come from a stranger: whatever in it does not fit is refused by file
/// and key or tensor.
/// </summary>
public sealed class GoldenCase : IDisposable
{
    private const string ManifestName = "manifest.json";
    private const long MaximumManifestBytes = 16 << 20;
    private const int NotALabel = -100;

    private readonly List<TensorFiles> _opened = [];
    private readonly JsonDocument _document;

    private GoldenCase(string folder, string manifest)
    {
        Folder = folder;
        _document = StrictJson.ReadObject(manifest, MaximumManifestBytes);
        Manifest = new JsonFields(_document.RootElement, manifest);
        try
        {
            Inputs = OpenFile("inputs.safetensors");
            Outputs = OpenFile("outputs.safetensors");
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>Where it lies.</summary>
    public string Folder { get; }

    /// <summary>Token ids, masks and labels.</summary>
    public TensorFiles Inputs { get; }

    /// <summary>What the reference gave.</summary>
    public TensorFiles Outputs { get; }

    /// <summary>What manifest.json says.</summary>
    internal JsonFields Manifest { get; }

    /// <summary>Opens a case.</summary>
    /// <exception cref="CamelsException">The folder is none: exit code 3.</exception>
    public static GoldenCase Open(string folder)
    {
        string manifest = Path.Combine(folder, ManifestName);
        return File.Exists(manifest)
            ? new GoldenCase(folder, manifest)
            : throw CamelsException.BadInput($"{folder} is no golden case: it has no {ManifestName}");
    }

    /// <summary>A tolerance that the manifest must name.</summary>
    internal double Tolerance(string entry, string measure) => Manifest.RequiredObject("tolerance").RequiredObject(entry).RequiredNumber(measure);

    /// <summary>A tolerance, or null where the manifest names none.</summary>
    internal double? FindTolerance(string entry, string measure) => Manifest.RequiredObject("tolerance").Object(entry)?.Number(measure);

    /// <summary>Opens another file of the case.</summary>
    public TensorFiles OpenFile(string name)
    {
        TensorFiles files = TensorFiles.Open(Folder, [Path.Combine(Folder, name)]);
        _opened.Add(files);
        return files;
    }

    /// <summary>Opens the file that a field of the manifest names.</summary>
    internal TensorFiles OpenNamed(JsonFields fields, string field)
    {
        string? name = fields.Text(field);
        return TensorFiles.IsPlainName(name) ? OpenFile(name) : throw fields.Refused(field, "the name of a .safetensors or .bin file in the case");
    }

    /// <summary>The batch that a field of the manifest names.</summary>
    internal string BatchName(JsonFields fields, string field)
    {
        string name = fields.RequiredText(field);
        fields.Require(field, Inputs.Find($"{name}.input_ids") is not null, "a batch of inputs.safetensors");
        return name;
    }

    /// <summary>The values of a tensor as doubles.</summary>
    public static double[] Values(StoredTensor tensor)
    {
        double[] values = new double[tensor.ElementCount];
        tensor.Read(DType.F64, MemoryMarshal.AsBytes(values.AsSpan()));
        return values;
    }

    /// <summary>The same; another shape is refused.</summary>
    internal static double[] Values(StoredTensor tensor, ReadOnlySpan<int> shape)
    {
        tensor.RequireShape(shape);
        return Values(tensor);
    }

    /// <summary>The value of a tensor without dimensions.</summary>
    internal static double Scalar(StoredTensor tensor) => Values(tensor, [])[0];

    /// <summary>The values of an integer tensor (rows, columns).</summary>
    internal static int[] Integers(StoredTensor tensor, int rows, int columns)
    {
        tensor.RequireShape(rows, columns);
        int[] values = new int[tensor.ElementCount];
        tensor.Read(DType.I32, MemoryMarshal.AsBytes(values.AsSpan()));
        return values;
    }

    /// <summary>The rows of a batch with their labels; <paramref name="prefix"/> is "full." and the like, or empty.</summary>
    internal GoldenRow[] Rows(string prefix, ModelConfig model)
    {
        StoredTensor labels = Inputs.Get(prefix + "labels");
        GoldenRow[] rows = Rows(prefix, model, labels);
        return rows.Any(row => row.Trained.Contains((byte)1)) ? rows : throw Refused(labels, $"is {NotALabel} after the first token of every row: no loss");
    }

    /// <summary>The prompts of the generations.</summary>
    internal GoldenRow[] Prompts(ModelConfig model) => Rows("generate.", model, labels: null);

    /// <summary>Refuses tokens that the model lacks, and more than it has positions.</summary>
    internal static void RequireTokens(StoredTensor tensor, ReadOnlySpan<int> ids, ModelConfig model)
    {
        int outside = ids.IndexOfAnyExceptInRange(0, model.VocabularySize - 1);
        if (outside >= 0)
        {
            throw Refused(tensor, $"holds the id {ids[outside]}, outside the model's vocabulary of {model.VocabularySize}");
        }

        if (ids.Length > model.MaximumPositions)
        {
            throw Refused(tensor, $"has a row of {ids.Length} tokens, the model's context is {model.MaximumPositions}");
        }
    }

    /// <summary>The exception for a tensor that cannot be meant.</summary>
    internal static CamelsException Refused(StoredTensor tensor, string problem) =>
        CamelsException.BadInput($"{tensor.Path}: tensor '{tensor.Name}' {problem}");

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (TensorFiles files in _opened)
        {
            files.Dispose();
        }

        _document.Dispose();
    }

    private GoldenRow[] Rows(string prefix, ModelConfig model, StoredTensor? labels)
    {
        StoredTensor stored = Inputs.Get(prefix + "input_ids");
        (int rows, int columns) = SizesOf(stored);
        RequireListed(prefix, rows, columns);
        StoredTensor storedMask = Inputs.Get(prefix + "attention_mask");
        int[] ids = Integers(stored, rows, columns);
        int[] mask = Integers(storedMask, rows, columns);
        int[]? labelOf = labels is null ? null : Integers(labels, rows, columns);
        GoldenRow[] result = new GoldenRow[rows];
        for (int r = 0; r < rows; r++)
        {
            ReadOnlySpan<int> present = mask.AsSpan(r * columns, columns);
            int first = present.IndexOfAnyExcept(0);
            int end = present.LastIndexOfAnyExcept(0) + 1;
            if (first < 0 || present[first..end].ContainsAnyExcept(1))
            {
                throw Refused(storedMask, $"has in row {r} other than one run of 1 among 0");
            }

            Range range = ((r * columns) + first)..((r * columns) + end);
            RequireTokens(stored, ids.AsSpan(range), model);
            byte[] trained = labels is null ? new byte[end - first] : Trained(labels, labelOf.AsSpan(range), ids.AsSpan(range));
            result[r] = new GoldenRow(ids[range], trained, first, columns);
        }

        return result;
    }

    private static byte[] Trained(StoredTensor stored, ReadOnlySpan<int> labels, ReadOnlySpan<int> ids)
    {
        byte[] trained = new byte[ids.Length];
        for (int t = 0; t < ids.Length; t++)
        {
            trained[t] = labels[t] == NotALabel ? (byte)0
                : labels[t] == ids[t] ? (byte)1
                : throw Refused(stored, $"holds {labels[t]} where the token is {ids[t]}; a label is that token, or {NotALabel} for none");
        }

        trained[0] = 0;      // nothing comes before it
        return trained;
    }

    private static (int Rows, int Columns) SizesOf(StoredTensor stored) =>
        stored.Shape is [>= 1, >= 1] && stored.ElementCount <= Array.MaxLength
            ? ((int)stored.Shape[0], (int)stored.Shape[1])
            : throw Refused(stored, $"has the shape ({string.Join(", ", stored.Shape)}), expected (rows, columns)");

    // Where the manifest lists a batch, its tensors have the sizes that stand there.
    private void RequireListed(string prefix, int rows, int columns)
    {
        string name = prefix.TrimEnd('.');
        if (Manifest.Object("batches") is JsonFields batches && !batches.IsMissing(name))
        {
            bool isEqual = batches.IntegerList(name, 1, int.MaxValue) is [int listedRows, int listedColumns] && (listedRows, listedColumns) == (rows, columns);
            batches.Require(name, isEqual, $"[{rows}, {columns}], as '{prefix}input_ids' is in inputs.safetensors");
        }
    }
}
