using Camels.Cli.Quickstart;
using Camels.Engine;
using Camels.Engine.Tokenizers;
using Camels.Kernels;

namespace Camels.Cli.Tests;

/// <summary>A folder with quickstart's tokenizer and random model and a few conversations; removed at the end.</summary>
internal sealed class SmallRun : IDisposable
{
    public SmallRun()
    {
        Root = Directory.CreateTempSubdirectory("camels-").FullName;
        QuickstartFolder folder = new(Root, QuickstartScale.Full);
        ITokenizer tokenizer = folder.WriteTokenizer();
        using Device device = Device.OpenCpu(threads: 1);
        folder.WriteModel(tokenizer, device);
        Model = folder.StartPath;
        Tokenizer = folder.TokenizerPath;
        Data = Write("data.jsonl", string.Concat(Enumerable.Range(0, 40).Select(index => Conversation($"reverse {index}", $"{index} reversed"))));
    }

    public string Root { get; }

    public string Model { get; }

    public string Tokenizer { get; }

    public string Data { get; }

    public string Output => Path.Combine(Root, "run");

    /// <summary>Arguments of a finetune that takes well under a second.</summary>
    public string[] Finetune(int steps = 4, params string[] more) =>
    [
        "finetune", "--model", Model, "--data", $"messages={Data}", "--output", Output, "--steps", $"{steps}", "--batch-size", "2",
        "--sequence-length", "64", "--precision", "fp32", "--set", "sharding.lanes=2", "--threads", "1", .. more,
    ];

    public static string Conversation(string prompt, string answer) =>
        $$"""{"messages":[{"role":"user","content":"{{prompt}}"},{"role":"assistant","content":"{{answer}}"}]}""" + "\n";

    /// <summary>Writes a file below the root and returns its path.</summary>
    public string Write(string name, string text)
    {
        string path = Path.Combine(Root, name);
        File.WriteAllText(path, text);
        return path;
    }

    public (ExitCode Code, string Output, string Error) Run(params string[] arguments) => InProcess.Run(arguments);

    public void Dispose() => Directory.Delete(Root, recursive: true);
}
