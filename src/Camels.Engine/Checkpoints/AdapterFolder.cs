using System.Text.Json;
using Camels.Engine.Models;
using Camels.Engine.Parameters;

namespace Camels.Engine.Checkpoints;

/// <summary>An adapter as PEFT has it: adapter_config.json, and the matrices A and B in adapter_model.safetensors or adapter_model.bin.</summary>
public sealed class AdapterFolder : IDisposable
{
    /// <summary>The name of the config in the folder.</summary>
    public const string ConfigName = "adapter_config.json";

    /// <summary>The name of the file that is written.</summary>
    public const string WeightsName = "adapter_model.safetensors";

    private const string PickledName = "adapter_model.bin";
    private const string Prefix = "base_model.model.";
    private const int LargestRank = 1 << 14;
    private const long MaximumConfigBytes = 16 << 20;

    private readonly TensorFiles _files;

    private AdapterFolder(string path, AdapterSettings settings, TensorFiles files)
    {
        Path = path;
        Settings = settings;
        _files = files;
    }

    /// <summary>The folder.</summary>
    public string Path { get; }

    /// <summary>Rank, factor, dropout and targets.</summary>
    public AdapterSettings Settings { get; }

    /// <summary>The matrices as they are stored.</summary>
    public IEnumerable<StoredTensor> Tensors => _files.Tensors;

    /// <summary>True where the folder holds an adapter and not a model.</summary>
    public static bool IsAdapter(string path) =>
        File.Exists(System.IO.Path.Combine(path, ConfigName)) && !File.Exists(System.IO.Path.Combine(path, ModelConfigFile.Name));

    /// <summary>Opens a folder.</summary>
    /// <exception cref="CamelsException">It is malformed, or says what this engine cannot represent: exit code 3.</exception>
    public static AdapterFolder Open(string path)
    {
        string config = System.IO.Path.Combine(path, ConfigName);
        using JsonDocument document = StrictJson.ReadObject(config, MaximumConfigBytes);
        JsonFields fields = new(document.RootElement, config);
        AdapterSettings settings = ReadSettings(fields);
        string weights = System.IO.Path.Combine(path, WeightsName);
        string file = File.Exists(weights) ? weights : System.IO.Path.Combine(path, PickledName);
        return new AdapterFolder(path, settings, TensorFiles.Open(path, [file]));
    }

    /// <summary>The folder of the base model, where the adapter names one that is there, beside the adapter or from here.</summary>
    /// <exception cref="CamelsException">There is none: exit code 3.</exception>
    public string RequireBase()
    {
        string? named = Settings.BaseModel;
        string[] candidates = named is null ? [] : [System.IO.Path.Combine(Path, named), named];
        return candidates.FirstOrDefault(folder => File.Exists(System.IO.Path.Combine(folder, ModelConfigFile.Name)))
            ?? throw CamelsException.BadInput(
                $"{Path} is an adapter of '{named ?? "no model"}', which is no folder here; give the base with --model and this folder with --adapter");
    }

    /// <summary>A stored matrix by its whole name.</summary>
    /// <exception cref="CamelsException">There is none: exit code 3.</exception>
    public StoredTensor Get(string name) => _files.Get(name);

    /// <summary>Fills the adapters of a model that was made with <see cref="Settings"/>.</summary>
    /// <exception cref="CamelsException">A matrix is missing, of another shape, or belongs to no layer of the model: exit code 3.</exception>
    public void Load(ILanguageModel model)
    {
        HashSet<string> known = new(StringComparer.Ordinal);
        foreach (ParameterUnit unit in model.Units)
        {
            foreach (Parameter parameter in unit.Parameters.Where(p => p.IsAdapter))
            {
                StoredTensor stored = _files.Get(Prefix + parameter.Name);
                stored.RequireShape([.. parameter.Extents]);
                _ = known.Add(stored.Name);
                stored.Read(unit.Stream, parameter.Weight);
                if (parameter.Master.DType != parameter.Weight.DType)
                {
                    stored.Read(unit.Stream, parameter.Master);
                }
            }
        }

        if (known.Count == 0)
        {
            throw CamelsException.BadInput($"{Path}: its targets ({string.Join(", ", Settings.Targets)}) are no linear layers of this model");
        }

        if (_files.Tensors.FirstOrDefault(tensor => !known.Contains(tensor.Name)) is StoredTensor unknown)
        {
            throw CamelsException.BadInput($"{unknown.Path}: the tensor '{unknown.Name}' belongs to no linear layer that the adapter targets in this model");
        }
    }

    /// <summary>New adapters: A uniform in ±1 / sqrt(C), as PEFT draws it, and B zero, so that the model is still its base.</summary>
    public static void Initialize(ILanguageModel model, ulong seed)
    {
        foreach (ParameterUnit unit in model.Units)
        {
            foreach (Parameter parameter in unit.Parameters.Where(p => p.IsAdapter && p.Name.EndsWith(".lora_A.weight", StringComparison.Ordinal)))
            {
                ulong name = RandomBits.StreamOf(parameter.Name);
                double bound = 1 / Math.Sqrt(parameter.Extents[1]);
                float[] values = new float[parameter.Elements];
                for (int i = 0; i < values.Length; i++)
                {
                    values[i] = (float)(bound * ((2 * RandomBits.Uniform(seed, name, (ulong)i)) - 1));
                }

                Initializer.Load(unit.Stream, parameter.Weight, values);
                if (parameter.Master.DType != parameter.Weight.DType)
                {
                    Initializer.Load(unit.Stream, parameter.Master, values);
                }
            }
        }
    }

    /// <summary>The adapters of a model as they are written, in their compute type.</summary>
    public static ModelToWrite ToWrite(ILanguageModel model, string? companionFolder) => new()
    {
        Config = model.Config with { StoredAs = model.Precision.Compute },
        AdapterConfig = ToJson(model.Config.Adapter!),
        Tensors =
        [
            .. model.Units.SelectMany(u => u.Parameters.Where(p => p.IsAdapter)
                .Select(p => TensorToWrite.FromTensor(u.Stream, Prefix + p.Name, p.Weight, model.Precision.Compute))),
        ],
        CompanionFolder = companionFolder,
    };

    private static byte[] ToJson(AdapterSettings settings) => JsonText.Of(new Dictionary<string, object?>
    {
        ["base_model_name_or_path"] = settings.BaseModel,
        ["bias"] = "none",
        ["fan_in_fan_out"] = false,
        ["inference_mode"] = true,
        ["lora_alpha"] = settings.Alpha,
        ["lora_dropout"] = settings.Dropout,
        ["modules_to_save"] = null,
        ["peft_type"] = "LORA",
        ["r"] = settings.Rank,
        ["target_modules"] = settings.Targets,
        ["task_type"] = "CAUSAL_LM",
    });

    /// <summary>A stored matrix of the adapter, by the name of the linear layer's weight; null where the layer has none.</summary>
    internal StoredTensor? Find(string weight, char matrix) =>
        weight.EndsWith(".weight", StringComparison.Ordinal) ? _files.Find($"{Prefix}{weight[..^"weight".Length]}lora_{matrix}.weight") : null;

    /// <inheritdoc/>
    public void Dispose() => _files.Dispose();

    private static AdapterSettings ReadSettings(JsonFields fields)
    {
        fields.Require("peft_type", fields.Text("peft_type") == "LORA", "\"LORA\"");
        fields.Require("bias", fields.Text("bias") is null or "none", "\"none\": biases are not part of the adapter");
        foreach (string flag in (ReadOnlySpan<string>)["fan_in_fan_out", "use_rslora", "use_dora", "lora_bias"])
        {
            fields.Require(flag, !fields.Flag(flag, missing: false), "false");
        }

        foreach (string extra in (ReadOnlySpan<string>)
            [
                "modules_to_save", "layers_to_transform", "rank_pattern", "alpha_pattern", "megatron_config", "layer_replication", "exclude_modules",
                "alora_invocation_tokens",
            ])
        {
            fields.Require(extra, fields.IsEmpty(extra), "null or empty: every target has the same adapter, for every token");
        }

        // PiSSA, OLoRA, CorDA and LoftQ subtract what A and B start as from the base: over the base as published the adapter would be another one.
        fields.Require(
            "init_lora_weights", fields.IsMissingOrNull("init_lora_weights")
                || fields.Shown("init_lora_weights") is "true" or "false" or "\"gaussian\"" or "\"orthogonal\"" or "\"eva\"",
            "true, false, null, \"gaussian\", \"orthogonal\" or \"eva\", which leave the base as it is; PEFT converts others when saving");

        double dropout = fields.Number("lora_dropout", missing: 0);
        fields.Require("lora_dropout", dropout is >= 0 and < 1, "a number from 0, below 1");
        IReadOnlyList<string> targets = fields.Texts("target_modules");
        fields.Require("target_modules", targets.Count > 0, "a list of names of linear layers");
        return new AdapterSettings
        {
            Rank = fields.Integer("r", 1, LargestRank),
            Alpha = fields.Positive("lora_alpha", largest: 1e6, missing: 8),
            Dropout = dropout,
            Targets = targets,
            BaseModel = fields.Text("base_model_name_or_path"),
        };
    }
}
