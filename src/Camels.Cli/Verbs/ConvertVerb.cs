using System.CommandLine;
using System.Globalization;
using System.Text.RegularExpressions;
using Camels.Cli.Output;
using Camels.Engine;
using Camels.Engine.Checkpoints;
using Camels.Kernels;

namespace Camels.Cli.Verbs;

/// <summary>Writes a model folder again: in another element type, in files of another size, with an adapter merged, as a difference from its base.</summary>
internal sealed partial class ConvertVerb : Verb
{
    private static readonly Dictionary<string, DType> Types = new() { ["fp32"] = DType.F32, ["fp16"] = DType.F16, ["bf16"] = DType.BF16 };

    private readonly Option<string> _model;
    private readonly Option<string> _output;
    private readonly Option<string?> _dtype;
    private readonly Option<string?> _adapter;
    private readonly Option<string?> _differenceFrom;
    private readonly Option<string?> _recoverWith;
    private readonly Option<string> _maximumFileSize;

    public ConvertVerb()
        : base(
            "convert",
            "Write a model folder in another type or split, merge an adapter, or go to and from a weight difference",
            "camels convert --model runs/alpaca/model --output alpaca-bf16 --dtype bf16 --max-file-size 5GB")
    {
        _model = Option<string>("--model", "model folder to read", isRequired: true);
        _output = Option<string>("--output", "folder to write; must be absent or empty", isRequired: true);
        _dtype = Option<string?>("--dtype", "fp32, fp16 or bf16; default: as it is");
        _adapter = Option<string?>("--adapter", "folder of an adapter, whose products are added to the weights");
        _differenceFrom = Option<string?>("--difference-from", "base model: write the difference of the weights' bits, with checksums");
        _recoverWith = Option<string?>("--recover-with", "base model: --model is a difference, write the model that it was made from");
        _maximumFileSize = Option("--max-file-size", "most bytes of weights in one file, such as 500MB", standard: "5GB");
    }

    protected override ExitCode Run(ParseResult arguments, Screen screen)
    {
        string source = arguments.GetRequiredValue(_model);
        string destination = arguments.GetRequiredValue(_output);
        long fileBytes = Bytes(arguments.GetRequiredValue(_maximumFileSize));
        string?[] others = [arguments.GetValue(_adapter), arguments.GetValue(_differenceFrom), arguments.GetValue(_recoverWith)];
        if (others.Count(other => other is not null) > 1)
        {
            throw CamelsException.Usage("--adapter, --difference-from and --recover-with exclude each other; run convert once for each");
        }

        if (AdapterFolder.IsAdapter(source))
        {
            throw CamelsException.Usage($"--model {source} is an adapter; merge it with --model BASE --adapter {source}");
        }

        if ((others[1] ?? others[2]) is not null)
        {
            return ConvertDifference(arguments, screen, source, destination, fileBytes);
        }

        DType storedAs = StoredAs(source, arguments.GetValue(_dtype));
        Conversion.Convert(source, destination, storedAs, fileBytes, adapterFolder: others[0]);
        long bytes = Directory.EnumerateFiles(destination).Sum(file => new FileInfo(file).Length);
        screen.Line($"{destination}: {storedAs}, {Screen.Count(bytes)} bytes, read back and compared");
        screen.Json(new { Output = destination, Dtype = $"{storedAs}", Bytes = bytes });
        return ExitCode.Done;
    }

    private ExitCode ConvertDifference(ParseResult arguments, Screen screen, string source, string destination, long fileBytes)
    {
        if (arguments.GetValue(_dtype) is not null)
        {
            throw CamelsException.Usage("--dtype cannot go with a weight difference, which has the type of the trained model");
        }

        if (arguments.GetValue(_differenceFrom) is string baseModel)
        {
            WeightDifference.Write(source, baseModel, destination, fileBytes);
            screen.Line($"{destination}: the difference of {source} from {baseModel}");
        }
        else
        {
            WeightDifference.Recover(source, arguments.GetValue(_recoverWith)!, destination, fileBytes);
            screen.Line($"{destination}: recovered, its checksum is that of the trained model");
        }

        screen.Json(new { Output = destination });
        return ExitCode.Done;
    }

    private static DType StoredAs(string source, string? name)
    {
        if (name is null)
        {
            using HuggingFaceFolder model = HuggingFaceFolder.Open(source);
            return model.Config.StoredAs;
        }

        return Types.TryGetValue(name, out DType dtype)
            ? dtype
            : throw CamelsException.Usage($"--dtype {name} is unknown; there are {string.Join(", ", Types.Keys)}");
    }

    private static long Bytes(string text)
    {
        Match match = Size().Match(text);
        if (!match.Success || !double.TryParse(match.Groups[1].ValueSpan, CultureInfo.InvariantCulture, out double number))
        {
            throw CamelsException.Usage($"--max-file-size {text} is no size; write for example 500MB or 5GB");
        }

        double bytes = number * match.Groups[2].Value.ToUpperInvariant() switch { "KB" => 1e3, "MB" => 1e6, "GB" => 1e9, _ => 1 };
        return bytes is >= 1 and < 1e18
            ? (long)bytes
            : throw CamelsException.Usage($"--max-file-size {text} is out of range; write for example 500MB or 5GB");
    }

    [GeneratedRegex(@"\A(\d+(?:\.\d+)?)(|B|KB|MB|GB)\z", RegexOptions.IgnoreCase)]
    private static partial Regex Size();
}
