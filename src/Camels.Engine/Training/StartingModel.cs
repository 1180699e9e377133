using Camels.Engine.Checkpoints;
using Camels.Engine.Models;
using Camels.Engine.Tokenizers;
using Camels.Kernels;

namespace Camels.Engine.Training;

/// <summary>What a run starts from: a model folder, or a named size with random weights; with the tokenizer that goes with it.</summary>
public sealed class StartingModel : IDisposable
{
    private readonly HuggingFaceFolder? _files;
    private readonly ulong _seed;

    private StartingModel(HuggingFaceFolder? files, ModelConfig config, ITokenizer tokenizer, string companionFolder, ulong seed)
    {
        _files = files;
        Config = config;
        Tokenizer = tokenizer;
        CompanionFolder = companionFolder;
        _seed = seed;
    }

    /// <summary>Sizes and settings.</summary>
    public ModelConfig Config { get; }

    /// <summary>Turns text into the model's tokens.</summary>
    public ITokenizer Tokenizer { get; }

    /// <summary>The folder whose tokenizer files belong to the trained model.</summary>
    public string CompanionFolder { get; }

    /// <summary>Opens what a recipe starts from.</summary>
    /// <param name="recipe">Model, adapter, what is trained, and the seed of random numbers.</param>
    /// <exception cref="CamelsException">The size is unknown (2), or a folder is malformed (3).</exception>
    public static StartingModel Open(Recipe recipe)
    {
        ulong seed = (ulong)recipe.Training.Seed;
        if (recipe.Model.Path is not string path)
        {
            ITokenizer named = TokenizerFiles.Load(recipe.Model.Tokenizer!);
            return new StartingModel(files: null, Adapted(Preset(recipe.Model, named), recipe), named, recipe.Model.Tokenizer!, seed);
        }

        HuggingFaceFolder files = HuggingFaceFolder.Open(path);
        try
        {
            string tokenizer = recipe.Model.Tokenizer ?? path;
            return new StartingModel(files, Adapted(files.Config, recipe), TokenizerFiles.Load(tokenizer), tokenizer, seed);
        }
        catch
        {
            files.Dispose();
            throw;
        }
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

        AdapterFolder.Initialize(model, _seed);
    }

    /// <inheritdoc/>
    public void Dispose() => _files?.Dispose();

    private static ModelConfig Adapted(ModelConfig config, Recipe recipe) => config with
    {
        Adapter = recipe.Adapter is null
            ? null
            : AdapterTargets.Resolve(recipe.Adapter, config.Family) with { BaseModel = recipe.Model.Path is string path ? Path.GetFullPath(path) : null },
        Trained = recipe.Train,
        Dropout = config.Dropout.ForTraining(
            config.Family, recipe.Model.Dropout, Path.Combine(recipe.Model.Path ?? recipe.Model.Size!, ModelConfigFile.Name)),
    };

    private static ModelConfig Preset(ModelRecipe recipe, ITokenizer tokenizer)
    {
        string name = $"{recipe.Family}-{recipe.Size}";
        ModelConfig config = ModelPresets.Find(name)
            ?? throw CamelsException.Usage($"model: there is no {name}{Suggestion.For(name, ModelPresets.Names)}; there are {string.Join(", ", ModelPresets.Names)}");
        return config with
        {
            BosId = tokenizer.BosId,
            EosIds = tokenizer.EosId is int eos ? [eos] : [],
            PadId = null,
        };
    }
}
