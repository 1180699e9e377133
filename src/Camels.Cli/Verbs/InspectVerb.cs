using System.CommandLine;
using Camels.Cli.Inspection;
using Camels.Cli.Output;
using Camels.Engine;
using Camels.Engine.Checkpoints;
using Camels.Engine.Data;
using Camels.Engine.Models;

namespace Camels.Cli.Verbs;

/// <summary>Shows what is in a model or adapter folder, a file of tensors, a checkpoint or prepared data.</summary>
internal sealed class InspectVerb : Verb
{
    private readonly Argument<string> _path;
    private readonly Option<int?> _row;
    private readonly Option<long?> _example;
    private readonly Option<string?> _source;
    private readonly Option<string> _split;
    private readonly Option<string?> _tokenizer;

    public InspectVerb()
        : base(
            "inspect",
            "Show what is in a model or adapter folder, safetensors file, checkpoint, or prepared data",
            "camels inspect models/llama-7b")
    {
        _path = Argument<string>("PATH", "model or adapter folder, .safetensors or .bin file, checkpoint, or folder of prepared data");
        _row = Option<int?>("--row", "prepared data: the row whose tokens are shown; the first where neither it nor --example is given");
        _example = Option<long?>("--example", "prepared data: the record whose tokens are shown, counted from 0 in its source");
        _source = Option<string?>("--source", "prepared data: the example's source; the first where none is given");
        _split = Option("--split", "prepared data: train or validation", PreparedData.TrainSplit);
        _tokenizer = Option<string?>("--tokenizer", "prepared data: folder of the tokenizer, to show text instead of ids");
    }

    private Option[] Flags => [_row, _example, _source, _split, _tokenizer];

    protected override ExitCode Run(ParseResult arguments, Screen screen)
    {
        string path = arguments.GetRequiredValue(_path);
        bool Has(string name) => File.Exists(Path.Combine(path, name));
        bool isPrepared = PreparedInspection.IsPrepared(path) && !Has(ModelConfigFile.Name);
        if (!isPrepared && Path.Exists(path) && Flags.FirstOrDefault(flag => IsGiven(arguments, flag.Name)) is Option other)
        {
            throw CamelsException.Usage($"{other.Name} is for prepared data, which {path} is not");
        }

        if (File.Exists(path))
        {
            TensorInspection.ShowFile(screen, path);
        }
        else if (Has(ModelConfigFile.Name))
        {
            TensorInspection.ShowModel(screen, path);
        }
        else if (AdapterFolder.IsAdapter(path))
        {
            TensorInspection.ShowAdapter(screen, path);
        }
        else if (isPrepared)
        {
            PreparedInspection.Show(screen, path, new(
                arguments.GetRequiredValue(_split), arguments.GetValue(_row), arguments.GetValue(_example), arguments.GetValue(_source),
                arguments.GetValue(_tokenizer)));
        }
        else if (Has(CheckpointManifest.Name))
        {
            TensorInspection.ShowCheckpoint(screen, path);
        }
        else
        {
            throw CamelsException.BadInput(Path.Exists(path)
                ? $"{path} is no model folder (config.json), adapter (adapter_config.json), checkpoint or prepared data (manifest.json)"
                : $"{path} does not exist");
        }

        return ExitCode.Done;
    }
}
