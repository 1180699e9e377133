using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json.Nodes;
using Camels.Engine.Checkpoints;
using Camels.Engine.Models;
using Camels.Engine.Parameters;
using Camels.Engine.Tests.Checkpoints;
using Camels.Engine.Tests.Models;
using Camels.Kernels;

namespace Camels.Engine.Tests.Verification;

/// <summary>A tensor as a safetensors file has it.</summary>
internal sealed record RawTensor(string DType, long[] Shape, byte[] Bytes)
{
    public static RawTensor Zeros(string dtype, params long[] shape)
    {
        int elementBytes = dtype switch { "I64" => 8, "F32" => 4, "BF16" => 2, _ => 1 };
        return new RawTensor(dtype, shape, new byte[shape.Aggregate(1L, (product, size) => product * size) * elementBytes]);
    }

    public static RawTensor Integers(long[] shape, params long[] values) => new("I64", shape, MemoryMarshal.AsBytes<long>(values).ToArray());
}

/// <summary>
/// The smallest cases of every layout, in memory, to be changed and written. Their shapes are right and their expected numbers are not:
/// checks are made and fail.
/// </summary>
internal sealed class SmallGoldenCase
{
    private const string Weights = "model.layers.0.self_attn.q_proj";
    private const string Step = """{ "batch": "full", "loss": 2.4, "grad_norm": 1.0, "lr": 0.0 }""";
    private const string Adam = """ "lr": 0.001, "betas": [0.9, 0.999], "eps": 1e-8, "num_warmup_steps": 1, "num_training_steps": 2, "weight_decay": 0.0 """;

    private const string Tolerances = """ "logits": { "rel_to_max": 1e-5 }, "loss": { "rel": 1e-5 } """;
    private const string TrainingTolerances = """
        "grads": { "rel_to_max_per_tensor": 5e-5 }, "train_weights": { "atol": 2e-6, "rtol": 1e-5, "fraction_within": 0.99, "max_abs": 0.008 }
        """;

    private SmallGoldenCase(string manifest) => Manifest = JsonNode.Parse(manifest)!;

    public static ModelConfig Config { get; } = TinyLlama.Config() with
    {
        HiddenSize = 8,
        IntermediateSize = 12,
        BlockCount = 1,
        HeadCount = 2,
        KeyValueHeadCount = 1,
        HeadSize = 4,
        VocabularySize = 11,
        MaximumPositions = 16,
    };

    public JsonNode Manifest { get; }

    /// <summary>The tensors of every file.</summary>
    public SortedDictionary<string, SortedDictionary<string, RawTensor>> Files { get; } = new() { ["inputs"] = [], ["outputs"] = [] };

    /// <summary>A new case of a layout.</summary>
    public static SmallGoldenCase Create(string layout) => layout switch
    {
        "model" => Model(),
        "texts" => Texts(),
        "adapter" => Adapter(),
        "adamw" => AdamW(),
        _ => Nf4(),
    };

    /// <summary>Writes the model of all cases into "model", and an adapter of it into "adapter".</summary>
    public static void WriteModels(TemporaryFolder folder)
    {
        AdapterSettings settings = new() { Rank = 2, Alpha = 4, Targets = ["q_proj"] };
        using Device device = Device.OpenReference();
        foreach ((string name, AdapterSettings? adapter) in ((string, AdapterSettings?)[])[("model", null), ("adapter", settings)])
        {
            using ILanguageModel model = ModelCatalog.Create(Config with { Adapter = adapter }, Precision.Fp32, device);
            ModelCatalog.Randomize(model, device.Stream, seed: 7);
            HuggingFaceFolder.Export(folder[name], ModelWeights.ToWrite(model, companionFolder: null), replace: false);
        }
    }

    public void Write(string folder)
    {
        File.WriteAllText(Path.Combine(folder, "manifest.json"), Manifest.ToJsonString());
        foreach ((string name, SortedDictionary<string, RawTensor> tensors) in Files)
        {
            File.WriteAllBytes(Path.Combine(folder, $"{name}.safetensors"), Safetensors(tensors));
        }
    }

    private static byte[] Safetensors(SortedDictionary<string, RawTensor> tensors)
    {
        JsonObject header = [];
        int end = 0;
        foreach ((string name, RawTensor tensor) in tensors)
        {
            header[name] = new JsonObject
            {
                ["dtype"] = tensor.DType,
                ["shape"] = new JsonArray([.. tensor.Shape.Select(size => JsonValue.Create(size))]),
                ["data_offsets"] = new JsonArray(end, end + tensor.Bytes.Length),
            };
            end += tensor.Bytes.Length;
        }

        byte[] json = Encoding.UTF8.GetBytes(header.ToJsonString());
        byte[] length = new byte[8];
        BinaryPrimitives.WriteInt64LittleEndian(length, json.Length);
        return [.. length, .. json, .. tensors.Values.SelectMany(tensor => tensor.Bytes)];
    }

    private void Add(string file, string name, string dtype, params long[] shape) => Files[file][name] = RawTensor.Zeros(dtype, shape);

    // Two rows of five columns, the second with two of padding.
    private void AddBatch(string prefix)
    {
        Files["inputs"][$"{prefix}input_ids"] = RawTensor.Integers([2, 5], 1, 5, 6, 7, 8, 1, 9, 10, 0, 0);
        Files["inputs"][$"{prefix}attention_mask"] = RawTensor.Integers([2, 5], 1, 1, 1, 1, 1, 1, 1, 1, 0, 0);
        Files["inputs"][$"{prefix}labels"] = RawTensor.Integers([2, 5], -100, 5, 6, 7, 8, -100, 9, 10, -100, -100);
        Add("outputs", $"{prefix}logits", "F32", 2, 5, Config.VocabularySize);
        Add("outputs", $"{prefix}loss", "F32");
    }

    private void AddTrained(string file, string prefix, IEnumerable<(string Name, int[] Shape)> weights)
    {
        Files[file] = [];
        foreach ((string name, int[] shape) in weights)
        {
            Add(file, prefix + name, "F32", [.. shape.Select(size => (long)size)]);
        }
    }

    private static SmallGoldenCase Model()
    {
        SmallGoldenCase made = new($$"""
            { "case": "small", "pad_token_id": 0, "batches": { "full": [2, 5] },
              "grads": { "file": "grads.safetensors", "batch": "full", "loss": 2.4, "structurally_zero": ["lm_head.weight"],
                         "structurally_zero_elements": { "model.norm.weight": [0, 1] } },
              "generate": { "max_new_tokens": 3 }, "generate_eos": { "eos_token_id": 4, "max_new_tokens": 3 },
              "train": { {{Adam}}, "variants": { "v": { "file": "train_v.safetensors", "weight_decay": 0.1, "max_grad_norm": 1.0,
                         "decay_parameters": ["lm_head.weight"], "steps": [{{Step}}] } } },
              "tolerance": { {{Tolerances}}, {{TrainingTolerances}}, "hidden": { "rel_to_max": 1e-5 }, "row_logprob": { "rel": 1e-5 },
                             "grad_norm": { "rel": 2e-5 }, "train_loss": { "rel": 2e-5 }, "adamw_state": { "rel_to_max_per_tensor": 1e-4 },
                             "bf16": { "logits_rel_to_max_against_bf16w_fp32": 0.03, "logits_rel_to_max_against_bf16": 0.03, "loss_rel": 0.01 },
                             "bf16w_fp32": { "logits_rel_to_max": 1e-5 } } }
            """);
        made.AddBatch("full.");
        made.Files["inputs"]["generate.input_ids"] = RawTensor.Integers([2, 3], 1, 5, 6, 0, 1, 7);
        made.Files["inputs"]["generate.attention_mask"] = RawTensor.Integers([2, 3], 1, 1, 1, 0, 1, 1);
        made.Add("outputs", "full.row_logprob", "F32", 2);
        made.Add("outputs", "full.hidden.0", "F32", 2, 5, Config.HiddenSize);
        made.Add("outputs", "full.grad_norm", "F32");
        made.Add("outputs", "generate.sequences", "I64", 2, 6);
        made.Add("outputs", "generate_eos.sequences", "I64", 2, 6);
        made.Add("outputs", "generate.logits", "F32", 2, 3, Config.VocabularySize);
        made.Add("outputs", "bf16.full.logits", "BF16", 2, 5, Config.VocabularySize);
        made.Add("outputs", "bf16.full.loss", "F32");
        made.Add("outputs", "bf16w_fp32.full.logits", "F32", 2, 5, Config.VocabularySize);
        made.Add("outputs", "bf16w_fp32.full.loss", "F32");
        made.AddTrained("grads", "", [("model.norm.weight", [Config.HiddenSize])]);
        made.AddTrained("train_v", "", Config.Tensors().Select(tensor => (tensor.Name, tensor.Shape)));
        made.Add("train_v", "exp_avg/model.norm.weight", "F32", Config.HiddenSize);
        made.Add("train_v", "exp_avg_sq/model.norm.weight", "F32", Config.HiddenSize);
        return made;
    }

    private static SmallGoldenCase Texts()
    {
        SmallGoldenCase made = new($$"""
            { "generate": [{ "prompt": "a", "prompt_ids": [1, 5], "ids": [1, 5, 6] }],
              "finetune": { {{Adam}}, "max_grad_norm": null, "steps": [{{Step}}] },
              "tolerance": { {{Tolerances}}, "finetune_loss": { "rel": 2e-5 } } }
            """);
        made.AddBatch("");
        return made;
    }

    private static SmallGoldenCase Adapter()
    {
        SmallGoldenCase made = new($$"""
            { "base_case": "model", "quantised_base": false, "grads_batch": "full", "train": { {{Adam}}, "steps": [{{Step}}] },
              "tolerance": { {{Tolerances}}, {{TrainingTolerances}}, "merged_weight": { "rel_to_max": 1e-6 } } }
            """);
        made.AddBatch("full.");
        (string, int[])[] matrices = [($"{Weights}.lora_A.weight", [2, Config.HiddenSize]), ($"{Weights}.lora_B.weight", [8, 2])];
        made.AddTrained("grads", "base_model.model.", matrices);
        made.AddTrained("train_wd0", "base_model.model.", matrices);
        made.Add("outputs", "full.grad_norm", "F32");
        made.Add("outputs", "merged.full.logits", "F32", 2, 5, Config.VocabularySize);
        made.Add("outputs", $"merged_weight/{Weights}.weight", "F32", 8, Config.HiddenSize);
        return made;
    }

    private static SmallGoldenCase AdamW()
    {
        SmallGoldenCase made = new("""
            { "case": "adamw", "eps": 1e-8, "lr_per_step": [0.0, 0.001], "variants": { "v": { "weight_decay": 0.1, "betas": [0.9, 0.999] } },
              "clip_grad_norm": { "total_norm_before": { "0/1": 1.0, "1/1e4": 1.0 }, "note": "step/limit" },
              "schedules": { "num_warmup_steps": 1, "num_training_steps": 3, "lr_factor_at_optimizer_step": { "linear": [0.0, 1.0], "cosine": [0.0] } },
              "tolerance": { "weights": { "rtol": 1e-6, "atol": 1e-9 }, "exp_avg": { "rtol": 1e-6 }, "exp_avg_sq": { "rtol": 1e-6 },
                             "clip": { "rtol": 1e-6 }, "lr_factor": { "rtol": 1e-12 } } }
            """);
        made.Add("inputs", "a", "F32", 3, 2);
        foreach (int step in (int[])[0, 1])
        {
            made.Add("inputs", $"grad.{step}/a", "F32", 3, 2);
            made.Add("outputs", $"v/{step}/a", "F32", 3, 2);
        }

        made.Add("outputs", "v/exp_avg/a", "F32", 3, 2);
        made.Add("outputs", "v/exp_avg_sq/a", "F32", 3, 2);
        made.Add("outputs", "clip1/0/a", "F32", 3, 2);
        return made;
    }

    private static SmallGoldenCase Nf4()
    {
        SmallGoldenCase made = new("""
            { "case": "nf4", "blocksize": 64,
              "tolerance": { "packed": "exact", "dq.offset": { "rel": 1e-6 }, "dequant": { "rel": 1e-6 }, "dq.dequant": { "rel": 2e-6 } } }
            """);
        made.Add("inputs", "x", "F32", 5, 13);
        made.Add("outputs", "x.packed", "U8", 33);
        made.Add("outputs", "x.absmax", "F32", 2);
        made.Add("outputs", "x.dequant", "F32", 5, 13);
        made.Add("outputs", "x.dq.absmax_q", "U8", 2);
        made.Add("outputs", "x.dq.offset", "F32", 1);
        made.Add("outputs", "x.dq.nested_absmax", "F32", 1);
        made.Add("outputs", "x.dq.absmax", "F32", 2);
        made.Add("outputs", "x.dq.dequant", "F32", 5, 13);
        return made;
    }
}
