using Camels.Cli.Output;
using Camels.Engine.Checkpoints;
using Camels.Engine.Models;
using Camels.Engine.Parameters;

namespace Camels.Cli.Inspection;

/// <summary>Shows configurations and tensors of files and folders.</summary>
internal static class TensorInspection
{
    /// <summary>One safetensors file, or one of torch.save.</summary>
    public static void ShowFile(Screen screen, string path)
    {
        using ITensorFile file = ITensorFile.Open(path);
        ShowTensors(screen, file.Tensors);
        screen.Json(new { Path = path, (file as SafetensorsFile)?.Metadata, Tensors = file.Tensors.Select(Description) });
    }

    /// <summary>A model folder: sizes, then tensors.</summary>
    public static void ShowModel(Screen screen, string path)
    {
        using HuggingFaceFolder model = HuggingFaceFolder.Open(path);
        ModelConfig config = model.Config;
        screen.Table(
            ["config", "value>"],
            [
                ["family", $"{config.Family}"],
                ["parameters", Screen.Count(config.ParameterCount())],
                ["hidden size (C)", $"{config.HiddenSize}"],
                ["blocks (L)", $"{config.BlockCount}"],
                ["heads (H), key/value heads (K)", $"{config.HeadCount}, {config.KeyValueHeadCount}"],
                ["head width (D)", $"{config.HeadSize}"],
                ["feed-forward width (F)", $"{config.IntermediateSize}"],
                ["vocabulary (V)", $"{config.VocabularySize}"],
                ["context", $"{config.MaximumPositions}"],
                ["RoPE base", Screen.Count(config.RopeBase)],
                ["tied embeddings", config.TiedEmbeddings ? "yes" : "no"],
                ["stored as", $"{config.StoredAs}"],
            ]);
        ShowTensors(screen, [.. model.Weights.Tensors]);
        screen.Json(new
        {
            Path = path,
            Config = config,
            Parameters = config.ParameterCount(),
            Tensors = model.Weights.Tensors.Select(Description),
        });
    }

    /// <summary>An adapter's folder: its settings, then its matrices.</summary>
    public static void ShowAdapter(Screen screen, string path)
    {
        using AdapterFolder adapter = AdapterFolder.Open(path);
        AdapterSettings settings = adapter.Settings;
        screen.Table(
            ["adapter", "value>"],
            [
                ["rank (R)", $"{settings.Rank}"],
                ["factor, alpha / R", $"{Screen.Fixed(settings.Alpha, 1)} / {settings.Rank}"],
                ["dropout", Screen.Fixed(settings.Dropout, 3)],
                ["targets", string.Join(", ", settings.Targets)],
                ["base model", settings.BaseModel ?? "not named"],
            ]);
        ShowTensors(screen, [.. adapter.Tensors]);
        screen.Json(new { Path = path, Adapter = settings, Tensors = adapter.Tensors.Select(Description) });
    }

    /// <summary>A checkpoint: step, origin, files, then tensors of its training state.</summary>
    public static void ShowCheckpoint(Screen screen, string path)
    {
        using TrainingState state = TrainingState.Open(path);
        CheckpointManifest manifest = state.Manifest;
        CheckpointOrigin origin = manifest.Origin;
        screen.Line($"checkpoint of step {manifest.Step}, computed on {origin.Device}, {origin.KernelPath}, {origin.InstructionSet}; every file whole");
        screen.Table(["file", "bytes>", "SHA-256"], manifest.Files.Select(file => new[] { file.Path, Screen.Count(file.Bytes), file.Sha256[..12] }));
        ShowTensors(screen, [.. state.Tensors.Tensors]);
        screen.Json(new { Path = path, manifest.Step, manifest.Origin, manifest.Files, Tensors = state.Tensors.Tensors.Select(Description) });
    }

    private static void ShowTensors(Screen screen, IReadOnlyList<StoredTensor> tensors)
    {
        screen.Table(
            ["tensor", "type", "shape>", "elements>"],
            tensors.Select(tensor => new[] { tensor.Name, $"{tensor.Type}", Shape(tensor), Screen.Count(tensor.ElementCount) }));
        screen.Line($"{tensors.Count} tensors, {Screen.Count(tensors.Sum(tensor => tensor.ElementCount))} elements, "
            + $"{Screen.Count(tensors.Sum(tensor => tensor.ByteCount))} bytes");
    }

    private static string Shape(StoredTensor tensor) => $"({string.Join(", ", tensor.Shape)})";

    private static object Description(StoredTensor tensor) => new { tensor.Name, Type = $"{tensor.Type}", tensor.Shape, Bytes = tensor.ByteCount };
}
