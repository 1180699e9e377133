using Camels.Engine.Models;
using Camels.Engine.Tokenizers;

namespace Camels.Engine.Checkpoints;

/// <summary>What a model folder is written from.</summary>
public sealed record ModelToWrite
{
    /// <summary>Data in one file where nothing else is asked for.</summary>
    public const long DefaultMaximumFileBytes = 5_000_000_000;

    /// <summary>The sizes; <see cref="ModelConfig.StoredAs"/> is the type of <see cref="Tensors"/>.</summary>
    public required ModelConfig Config { get; init; }

    /// <summary>The weights, with the names and shapes of <see cref="ModelConfig.Tensors"/>.</summary>
    public required IReadOnlyList<TensorToWrite> Tensors { get; init; }

    /// <summary>adapter_config.json where the tensors are those of an adapter: the folder is then PEFT's and has no config.json.</summary>
    public byte[]? AdapterConfig { get; init; }

    /// <summary>A folder whose tokenizer files, chat template and generation_config.json are copied byte for byte, or null.</summary>
    public string? CompanionFolder { get; init; }

    /// <summary>Small files by name, which take the place of the companion folder's.</summary>
    public IReadOnlyDictionary<string, byte[]> OwnFiles { get; init; } = new Dictionary<string, byte[]>();

    /// <summary>The bytes of weights in one file; more gives several files and an index.</summary>
    public long MaximumFileBytes { get; init; } = DefaultMaximumFileBytes;
}

/// <summary>
/// A model folder as transformers has it: config.json, model.safetensors or several files with an index, tokenizer files and
/// generation_config.json.
/// </summary>
public sealed class HuggingFaceFolder : IDisposable
{
    /// <summary>Where transformers looks for what ends a generation.</summary>
    public const string GenerationConfigName = "generation_config.json";

    private const long MaximumCompanionBytes = 1L << 30;
    private const int ComparedBytes = 1 << 20;

    private HuggingFaceFolder(string path, ModelConfig config, TensorFiles weights)
    {
        Path = path;
        Config = config;
        Weights = weights;
    }

    /// <summary>The folder.</summary>
    public string Path { get; }

    /// <summary>What config.json says.</summary>
    public ModelConfig Config { get; }

    /// <summary>The tensors as they are stored, among them those that <see cref="ModelCatalog.IgnoresTensor"/> names.</summary>
    public TensorFiles Weights { get; }

    /// <summary>The weight that the config calls <paramref name="name"/>, under whichever of its names the files have it.</summary>
    /// <exception cref="CamelsException">There is none: exit code 3.</exception>
    public StoredTensor Weight(string name) => Find(Weights, name, Config.Family) ?? Weights.Get(name);

    /// <summary>The weight of a model of <paramref name="family"/> under whichever of its names the files have it, or null.</summary>
    internal static StoredTensor? Find(TensorFiles weights, string name, ModelFamily family) =>
        weights.Find(name) ?? weights.Find(ModelCatalog.PublishedName(name, family));

    /// <summary>Opens a folder and checks that it has every tensor of its config in the right shape, and none that is unknown.</summary>
    /// <exception cref="CamelsException">Something is missing, malformed or unknown: exit code 3.</exception>
    public static HuggingFaceFolder Open(string path)
    {
        if (!Directory.Exists(path))
        {
            throw CamelsException.BadInput($"{path} is not a folder; expected a model with {ModelConfigFile.Name} and {TensorFiles.SingleFileName}");
        }

        ModelConfig config = ModelConfigFile.Read(System.IO.Path.Combine(path, ModelConfigFile.Name));
        TensorFiles weights = TensorFiles.OpenModel(path);
        try
        {
            HuggingFaceFolder folder = new(path, config, weights);
            folder.RequireTensors();
            return folder;
        }
        catch
        {
            weights.Dispose();
            throw;
        }
    }

    /// <summary>Writes a folder that appears complete or not at all; what was written is read back and compared before.</summary>
    /// <param name="destination">The folder.</param>
    /// <param name="model">What it holds.</param>
    /// <param name="replace">False: a folder that is there and not empty is refused with exit code 2.</param>
    /// <exception cref="CamelsException">The disk is full or not writable: exit code 5.</exception>
    public static void Export(string destination, ModelToWrite model, bool replace) =>
        AtomicFolder.Write(destination, NeededBytes(model), replace, folder =>
        {
            Write(folder, model);
            using HuggingFaceFolder? whole = model.AdapterConfig is null ? Open(folder.Path) : null;
            using AdapterFolder? adapter = model.AdapterConfig is null ? null : AdapterFolder.Open(folder.Path);
            foreach (TensorToWrite expected in model.Tensors)
            {
                RequireEqual(expected, whole?.Weight(expected.Name) ?? adapter!.Get(expected.Name));
            }
        });

    /// <summary>Writes the files of a model into a folder that is being written.</summary>
    internal static void Write(FolderWriter folder, ModelToWrite model)
    {
        if (model.AdapterConfig is byte[] adapter)
        {
            folder.WriteFile(AdapterFolder.ConfigName, adapter);
            SafetensorsWriter.Write(folder, AdapterFolder.WeightsName, model.Tensors);
        }
        else
        {
            folder.WriteFile(ModelConfigFile.Name, ModelConfigFile.ToJson(model.Config));
            SafetensorsWriter.WriteModel(folder, model.Tensors, model.MaximumFileBytes);
        }

        List<string> companions = Companions(model);
        CopyCompanions(folder, companions);
        foreach ((string name, byte[] content) in model.OwnFiles)
        {
            folder.WriteFile(name, content);
        }

        if (!model.OwnFiles.ContainsKey(GenerationConfigName) && !companions.Any(source => System.IO.Path.GetFileName(source) == GenerationConfigName))
        {
            folder.WriteFile(GenerationConfigName, ModelConfigFile.ToGenerationJson(model.Config));
        }
    }

    /// <summary>The small files of a model folder that belong to its weights: tokenizer, chat template, what ends a generation.</summary>
    internal static List<string> Companions(string folder)
    {
        IEnumerable<string> others = ((string[])[TokenizerFiles.TemplateFile, TokenizerFiles.ConformanceFile, GenerationConfigName])
            .Select(name => System.IO.Path.Combine(folder, name)).Where(File.Exists);
        return [.. TokenizerFiles.Paths(folder).Concat(others)];
    }

    /// <summary>Such files, read.</summary>
    internal static Dictionary<string, byte[]> ReadCompanions(string folder) =>
        Companions(folder).ToDictionary(file => System.IO.Path.GetFileName(file), file => StrictJson.ReadBytes(file, MaximumCompanionBytes));

    /// <summary>Copies such files byte for byte.</summary>
    internal static void CopyCompanions(FolderWriter folder, IEnumerable<string> companions)
    {
        foreach (string source in companions)
        {
            folder.WriteFile(System.IO.Path.GetFileName(source), StrictJson.ReadBytes(source, MaximumCompanionBytes));
        }
    }

    /// <summary>What <see cref="Write"/> takes on a disk, headers and small files rounded up.</summary>
    internal static long NeededBytes(ModelToWrite model)
    {
        const long RoomForSmallFiles = 1 << 16;
        return SafetensorsWriter.FileBytes(model.Tensors) + Companions(model).Sum(file => new FileInfo(file).Length)
            + model.OwnFiles.Values.Sum(content => (long)content.Length) + RoomForSmallFiles;
    }

    /// <inheritdoc/>
    public void Dispose() => Weights.Dispose();

    private static void RequireEqual(TensorToWrite expected, StoredTensor written)
    {
        byte[] chunk = new byte[Math.Min(ComparedBytes, expected.ByteCount)];
        for (long offset = 0; offset < expected.ByteCount; offset += chunk.Length)
        {
            int count = (int)Math.Min(chunk.Length, expected.ByteCount - offset);
            expected.Source(offset, chunk.AsSpan(0, count));
            if (written.Type != expected.Type || !written.Bytes(offset, count).SequenceEqual(chunk.AsSpan(0, count)))
            {
                throw CamelsException.RunFailed($"{written.Path}: the tensor '{written.Name}' reads back differently; the disk or memory is faulty");
            }
        }
    }

    private static List<string> Companions(ModelToWrite model) => model.CompanionFolder is string folder
        ? [.. Companions(folder).Where(file => !model.OwnFiles.ContainsKey(System.IO.Path.GetFileName(file)))]
        : [];

    private void RequireTensors()
    {
        HashSet<string> known = new(StringComparer.Ordinal);
        foreach ((string name, int[] shape) in Config.Tensors())
        {
            StoredTensor tensor = Weight(name);
            tensor.RequireShape(shape);
            _ = known.Add(tensor.Name);
            if (!tensor.Type.IsFloat())
            {
                throw CamelsException.BadInput($"{tensor.Path}: tensor '{tensor.Name}' is {tensor.Type}, expected F32, F16, BF16 or F64");
            }
        }

        StoredTensor? unknown = Weights.Tensors.FirstOrDefault(t => !known.Contains(t.Name) && !ModelCatalog.IgnoresTensor(t.Name, Config));
        if (unknown is not null)
        {
            throw CamelsException.BadInput(
                $"{unknown.Path}: the tensor '{unknown.Name}' belongs to no {Config.Family} of {Path}'s {ModelConfigFile.Name}; "
                + "the model computes something this engine would leave out");
        }
    }
}
