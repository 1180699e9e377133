using System.Text.Json;
using Camels.Engine.Checkpoints;
using Camels.Kernels;

namespace Camels.Engine.Verification;

/// <summary>One row of a golden batch without its padding.</summary>
/// <param name="Ids">Its tokens.</param>
/// <param name="Trained">1 where the token is the target of a loss.</param>
/// <param name="FirstColumn">The column of its first token in the padded batch.</param>
public sealed record GoldenRow(int[] Ids, byte[] Trained, int FirstColumn);

/// <summary>A folder of golden numbers: a manifest, inputs and outputs.</summary>
public sealed class GoldenCase : IDisposable
{
    private const int NotALabel = -100;

    private readonly List<TensorFiles> _opened = [];
    private readonly JsonDocument _manifest;

    private GoldenCase(string folder, JsonDocument manifest)
    {
        Folder = folder;
        _manifest = manifest;
        Inputs = OpenFile("inputs.safetensors");
        Outputs = OpenFile("outputs.safetensors");
    }

    /// <summary>Where it lies.</summary>
    public string Folder { get; }

    /// <summary>What manifest.json says.</summary>
    public JsonElement Manifest => _manifest.RootElement;

    /// <summary>Token ids, masks and labels.</summary>
    public TensorFiles Inputs { get; }

    /// <summary>What the reference gave.</summary>
    public TensorFiles Outputs { get; }

    /// <summary>Opens a case; a folder that is none is exit code 3.</summary>
    public static GoldenCase Open(string folder)
    {
        string path = Path.Combine(folder, "manifest.json");
        if (!File.Exists(path))
        {
            throw CamelsException.BadInput($"{folder} is no golden case: it has no manifest.json");
        }

        try
        {
            return new GoldenCase(folder, JsonDocument.Parse(File.ReadAllBytes(path)));
        }
        catch (JsonException problem)
        {
            throw CamelsException.BadInput($"{path}, line {problem.LineNumber + 1}: not JSON", problem);
        }
    }

    /// <summary>A number of the manifest by its path, or null.</summary>
    public double? Number(params ReadOnlySpan<string> path)
    {
        JsonElement element = Manifest;
        foreach (string name in path)
        {
            if (element.ValueKind != JsonValueKind.Object || !element.TryGetProperty(name, out element))
            {
                return null;
            }
        }

        return element.ValueKind == JsonValueKind.Number ? element.GetDouble() : null;
    }

    /// <summary>Opens another file of the case.</summary>
    public TensorFiles OpenFile(string name)
    {
        TensorFiles files = TensorFiles.Open(Folder, [Path.Combine(Folder, name)]);
        _opened.Add(files);
        return files;
    }

    /// <summary>The values of a tensor as doubles.</summary>
    public static double[] Values(StoredTensor tensor)
    {
        double[] values = new double[tensor.ElementCount];
        tensor.Read(DType.F64, System.Runtime.InteropServices.MemoryMarshal.AsBytes(values.AsSpan()));
        return values;
    }

    /// <summary>The values of an integer tensor.</summary>
    public static int[] Integers(StoredTensor tensor)
    {
        int[] values = new int[tensor.ElementCount];
        tensor.Read(DType.I32, System.Runtime.InteropServices.MemoryMarshal.AsBytes(values.AsSpan()));
        return values;
    }

    /// <summary>The rows of a batch; <paramref name="prefix"/> is "full." and the like, or empty.</summary>
    public GoldenRow[] Rows(string prefix)
    {
        StoredTensor stored = Inputs.Get(prefix + "input_ids");
        int[] ids = Integers(stored);
        int[] mask = Integers(Inputs.Get(prefix + "attention_mask"));
        int[]? labels = Inputs.Find(prefix + "labels") is StoredTensor found ? Integers(found) : null;
        int columns = (int)stored.Shape[1];
        GoldenRow[] rows = new GoldenRow[stored.Shape[0]];
        for (int r = 0; r < rows.Length; r++)
        {
            int first = Array.IndexOf(mask, 1, r * columns, columns) - (r * columns);
            int count = mask.AsSpan(r * columns, columns).Count(1);
            Range range = ((r * columns) + first)..((r * columns) + first + count);
            byte[] trained = labels is null ? new byte[count] : [.. labels[range].Select(label => (byte)(label == NotALabel ? 0 : 1))];
            trained[0] = 0;      // nothing comes before it
            rows[r] = new GoldenRow(ids[range], trained, first);
        }

        return rows;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (TensorFiles files in _opened)
        {
            files.Dispose();
        }

        _manifest.Dispose();
    }
}
