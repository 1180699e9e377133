using System.Security.Cryptography;
using System.Text;
using Camels.Engine.Checkpoints;
using Camels.Engine.Models;
using Camels.Engine.Parameters;
using Camels.Engine.Tokenizers;
using Camels.Kernels;

namespace Camels.Engine.Training;

/// <summary>
/// What a run starts from: a model folder, with an adapter over it where the recipe goes on with one, or a named size with random weights; and the
/// tokenizer that goes with it.
/// </summary>
public sealed class StartingModel : IDisposable
{
    private readonly HuggingFaceFolder? _files;
    private readonly AdapterFolder? _adapter;
    private readonly ulong _seed;

    private StartingModel(
        HuggingFaceFolder? files, AdapterFolder? adapter, ModelConfig config, ITokenizer tokenizer, string companionFolder, ulong seed)
    {
        _files = files;
        _adapter = adapter;
        Config = config;
        Tokenizer = tokenizer;
        CompanionFolder = companionFolder;
        Companions = HuggingFaceFolder.ReadCompanions(companionFolder);
        _seed = seed;
    }

    /// <summary>Sizes and settings.</summary>
    public ModelConfig Config { get; }

    /// <summary>Turns text into the model's tokens.</summary>
    public ITokenizer Tokenizer { get; }

    /// <summary>The folder whose tokenizer files belong to the trained model.</summary>
    public string CompanionFolder { get; }

    /// <summary>Those files by name, read once: whatever happens to the folder later, what is saved goes with the tokenizer that is trained with.</summary>
    public IReadOnlyDictionary<string, byte[]> Companions { get; }

    /// <summary>Opens what a recipe starts from.</summary>
    /// <param name="recipe">Model, adapter, what is trained, and the seed of random numbers.</param>
    /// <exception cref="CamelsException">The size is unknown (2), or a folder is malformed (3).</exception>
    public static StartingModel Open(Recipe recipe)
    {
        ulong seed = (ulong)recipe.Training.Seed;
        if (recipe.Model.Path is not string path)
        {
            ITokenizer named = TokenizerFiles.Load(recipe.Model.Tokenizer!);
            ModelConfig config = Preset(recipe.Model) with { BosId = named.BosId, EosIds = named.EosId is int eos ? [eos] : [], PadId = null };
            return new StartingModel(files: null, adapter: null, Adapted(config, recipe, adapter: null), named, recipe.Model.Tokenizer!, seed);
        }

        if (AdapterFolder.IsAdapter(path))
        {
            throw CamelsException.Usage($"model.path {path} is an adapter: give its base as model.path and this folder as model.adapter");
        }

        HuggingFaceFolder files = HuggingFaceFolder.Open(path);
        AdapterFolder? adapter = null;
        try
        {
            adapter = recipe.Model.Adapter is string continued ? AdapterFolder.Open(continued) : null;
            string tokenizer = recipe.Model.Tokenizer ?? path;
            return new StartingModel(files, adapter, Adapted(files.Config, recipe, adapter), TokenizerFiles.Load(tokenizer), tokenizer, seed);
        }
        catch
        {
            adapter?.Dispose();
            files.Dispose();
            throw;
        }
    }

    /// <summary>Sizes and settings of what a recipe trains, from the model's config alone: neither weights nor tokenizer need to be there.</summary>
    /// <exception cref="CamelsException">The size is unknown (2), or a config is malformed (3).</exception>
    public static ModelConfig ConfigOf(Recipe recipe)
    {
        using AdapterFolder? adapter = recipe.Model.Adapter is string continued ? AdapterFolder.Open(continued) : null;
        ModelConfig config = recipe.Model.Path is string path ? ModelConfigFile.Read(Path.Combine(path, ModelConfigFile.Name)) : Preset(recipe.Model);
        return Adapted(config, recipe, adapter);
    }

    /// <summary>
    /// SHA-256 of what a run takes from the model's folder at every start: config.json and, where some weights are frozen and so in no
    /// checkpoint, all tensors; the files that they are in do not matter. Of a named size there is nothing that the recipe does not say.
    /// </summary>
    public string KeyOf(bool withWeights)
    {
        StoredTensor[] tensors = _files is null || !withWeights ? [] : [.. _files.Weights.Tensors.OrderBy(tensor => tensor.Name, StringComparer.Ordinal)];
        byte[][] digests = new byte[tensors.Length][];
        _ = Parallel.For(0, tensors.Length, i => digests[i] = DigestOf(tensors[i]));
        byte[] config = _files is null ? [] : File.ReadAllBytes(Path.Combine(_files.Path, ModelConfigFile.Name));
        return Convert.ToHexStringLower(SHA256.HashData([.. SHA256.HashData(config), .. digests.SelectMany(digest => digest)]));
    }

    /// <summary>The weights that the run starts with, and their masters where they are kept apart.</summary>
    public void Fill(ILanguageModel model, DeviceStream stream)
    {
        if (_files is null)
        {
            ModelCatalog.Randomize(model, stream, _seed);
        }
        else
        {
            ModelWeights.Load(model, _files.Weights);
        }

        if (_adapter is null)
        {
            AdapterFolder.Initialize(model, _seed);
        }
        else
        {
            _adapter.Load(model);
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _adapter?.Dispose();
        _files?.Dispose();
    }

    private static byte[] DigestOf(StoredTensor tensor)
    {
        const int ChunkBytes = 1 << 24;
        using IncrementalHash hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData(Encoding.UTF8.GetBytes($"{tensor.Name} {tensor.Type} {string.Join('x', tensor.Shape)}\n"));
        for (long first = 0; first < tensor.ByteCount; first += ChunkBytes)
        {
            hash.AppendData(tensor.Bytes(first, (int)Math.Min(ChunkBytes, tensor.ByteCount - first)));
        }

        return hash.GetHashAndReset();
    }

    private static ModelConfig Adapted(ModelConfig config, Recipe recipe, AdapterFolder? adapter) => config with
    {
        Adapter = AdapterOf(config.Family, recipe, adapter),
        Trained = recipe.Train,
        Dropout = config.Dropout.ForTraining(
            config.Family, recipe.Model.Dropout, Path.Combine(recipe.Model.Path ?? recipe.Model.Size!, ModelConfigFile.Name)),
    };

    private static AdapterSettings? AdapterOf(ModelFamily family, Recipe recipe, AdapterFolder? adapter)
    {
        string? path = recipe.Model.Path is null ? null : Path.GetFullPath(recipe.Model.Path);
        return adapter is not null
            ? adapter.Settings with { QuantizedBase = recipe.Adapter is { QuantizedBase: true }, BaseModel = path }
            : recipe.Adapter is AdapterSettings settings ? AdapterTargets.Resolve(settings, family) with { BaseModel = path } : null;
    }

    private static ModelConfig Preset(ModelRecipe recipe)
    {
        string name = $"{recipe.Family}-{recipe.Size}";
        return ModelPresets.Find(name)
            ?? throw CamelsException.Usage($"model: there is no {name}{Suggestion.For(name, ModelPresets.Names)}; there are {string.Join(", ", ModelPresets.Names)}");
    }
}
