using System.Diagnostics.CodeAnalysis;
using System.Text.Json;

namespace Camels.Engine.Checkpoints;

/// <summary>The tensors of one or many files under their names.</summary>
public sealed class TensorFiles : IDisposable
{
    /// <summary>The name of the file where a model is in one.</summary>
    public const string SingleFileName = ModelStem + Extension;

    /// <summary>The name of the index where a model is in many files.</summary>
    public const string IndexName = ModelStem + IndexExtension;

    /// <summary>With what the names of a model's files begin.</summary>
    internal const string ModelStem = "model";

    /// <summary>The end of a file's name.</summary>
    internal const string Extension = ".safetensors";

    /// <summary>The end of an index's name.</summary>
    internal const string IndexExtension = ".safetensors.index.json";

    private const long MaximumIndexBytes = 100_000_000;
    private readonly List<ITensorFile> _files = [];
    private readonly Dictionary<string, StoredTensor> _tensors = new(StringComparer.Ordinal);
    private readonly string _origin;

    private TensorFiles(string origin, IEnumerable<string> paths)
    {
        _origin = origin;
        try
        {
            foreach (string path in paths)
            {
                Add(ITensorFile.Open(path));
            }
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>Every tensor, in the order of files and data.</summary>
    public IEnumerable<StoredTensor> Tensors => _files.SelectMany(file => file.Tensors);

    /// <summary>The tensors of these files.</summary>
    /// <param name="folder">The folder they are in, for messages.</param>
    /// <param name="paths">The files.</param>
    /// <exception cref="CamelsException">A file is malformed, or two have a tensor of the same name: exit code 3.</exception>
    public static TensorFiles Open(string folder, IEnumerable<string> paths) => new(folder, paths);

    /// <summary>
    /// The weights of a model folder: the first there is of model.safetensors, model.safetensors.index.json, pytorch_model.bin and
    /// pytorch_model.bin.index.json, an index with the files that it names.
    /// </summary>
    /// <exception cref="CamelsException">There is none, a file is missing or malformed, or the index names what is not there: exit code 3.</exception>
    public static TensorFiles OpenModel(string folder)
    {
        foreach (string name in (ReadOnlySpan<string>)[SingleFileName, IndexName, TorchFile.SingleFileName, TorchFile.IndexName])
        {
            string path = Path.Combine(folder, name);
            if (File.Exists(path))
            {
                return name is IndexName or TorchFile.IndexName ? OpenIndexed(folder, path) : Open(folder, [path]);
            }
        }

        if (File.Exists(Path.Combine(folder, WeightDifference.ManifestName)))
        {
            throw CamelsException.BadInput($"{folder} is a weight difference; convert --model {folder} --recover-with BASE makes the model from it");
        }

        throw CamelsException.BadInput(
            $"{folder} has neither {SingleFileName} nor {IndexName} nor {TorchFile.SingleFileName}; copy the model again");
    }

    /// <summary>The tensors of STEM.safetensors, or of the files that STEM.safetensors.index.json names.</summary>
    /// <exception cref="CamelsException">There is neither, or a file is missing or malformed: exit code 3.</exception>
    public static TensorFiles OpenSplit(string folder, string stem)
    {
        string single = Path.Combine(folder, $"{stem}{Extension}");
        string index = Path.Combine(folder, $"{stem}{IndexExtension}");
        return File.Exists(index) && !File.Exists(single) ? OpenIndexed(folder, index) : Open(folder, [single]);
    }

    /// <summary>The tensor of this name, or null.</summary>
    public StoredTensor? Find(string name) => _tensors.GetValueOrDefault(name);

    /// <summary>The tensor of this name.</summary>
    /// <exception cref="CamelsException">There is none: exit code 3.</exception>
    public StoredTensor Get(string name) =>
        Find(name) ?? throw CamelsException.BadInput($"{_origin}: the tensor '{name}' is missing from its {_files.Count} file(s)");

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (ITensorFile file in _files)
        {
            file.Dispose();
        }
    }

    private static TensorFiles OpenIndexed(string folder, string index)
    {
        Dictionary<string, string> fileOfTensor = ReadIndex(index);
        List<string> paths = [.. fileOfTensor.Values.Distinct().Order(StringComparer.Ordinal).Select(file => Path.Combine(folder, file))];
        if (paths.Find(path => !File.Exists(path)) is string missing)
        {
            throw CamelsException.BadInput($"{index} names {Path.GetFileName(missing)}, which is not in the folder; copy it there");
        }

        TensorFiles files = Open(folder, paths);
        foreach ((string tensor, string file) in fileOfTensor)
        {
            if (files.Find(tensor) is not StoredTensor found || Path.GetFileName(found.Path) != file)
            {
                files.Dispose();
                throw CamelsException.BadInput($"{index} says that the tensor '{tensor}' is in {file}, but it is not");
            }
        }

        return files;
    }

    private static Dictionary<string, string> ReadIndex(string index)
    {
        using JsonDocument document = StrictJson.ReadObject(index, MaximumIndexBytes);
        if (!document.RootElement.TryGetProperty("weight_map", out JsonElement map) || map.ValueKind != JsonValueKind.Object)
        {
            throw CamelsException.BadInput($"{index} has no weight_map, an object that names the file of every tensor");
        }

        Dictionary<string, string> fileOfTensor = new(StringComparer.Ordinal);
        foreach (JsonProperty entry in map.EnumerateObject())
        {
            string? file = entry.Value.ValueKind == JsonValueKind.String ? entry.Value.GetString() : null;
            fileOfTensor[entry.Name] = IsPlainName(file)
                ? file
                : throw CamelsException.BadInput($"{index}: the file of '{entry.Name}' is not the name of a .safetensors or .bin file beside the index");
        }

        return fileOfTensor;
    }

    /// <summary>False for a name that could lead out of the folder, on every system by the separators of all.</summary>
    internal static bool IsPlainName([NotNullWhen(true)] string? file) =>
        Path.GetExtension(file) is Extension or ".bin" && file.AsSpan().IndexOfAny("/\\:\0") < 0;

    private void Add(ITensorFile file)
    {
        _files.Add(file);
        foreach (StoredTensor tensor in file.Tensors)
        {
            if (!_tensors.TryAdd(tensor.Name, tensor))
            {
                throw CamelsException.BadInput(
                    $"the tensor '{tensor.Name}' is in two files, {_tensors[tensor.Name].Path} and {Path.GetFileName(tensor.Path)}");
            }
        }
    }
}
