using System.CommandLine;
using Camels.Cli.Output;
using Camels.Engine;
using Camels.Kernels;

namespace Camels.Cli;

/// <summary><c>--device</c> and <c>--threads</c>, for verbs that compute.</summary>
internal sealed class DeviceOption
{
    private readonly Option<string> _device = new("--device")
    {
        Description = "cpu, reference (plain double-precision loops; small shapes) or auto",
        DefaultValueFactory = _ => "cpu",
    };

    private readonly Option<int> _threads = new("--threads") { Description = "threads of the cpu device; 0 takes every core, no number changes a result" };

    public DeviceOption(Command command)
    {
        command.Add(_device);
        command.Add(_threads);
    }

    /// <summary>Opens the device that was asked for.</summary>
    /// <exception cref="CamelsException">Unknown: exit code 2. Not on this machine or not in this version: exit code 4.</exception>
    public Device Open(ParseResult arguments, Screen screen)
    {
        string name = arguments.GetRequiredValue(_device);
        int threads = arguments.GetValue(_threads);
        if (threads is < 0 or > 1024)
        {
            throw CamelsException.Usage($"--threads {threads} is no number of threads; give 1 to 1024, or 0 for every core");
        }

        if (name == "auto")
        {
            screen.Line("device: cpu (no GPU kernels in this version)");
        }

        return name switch
        {
            "cpu" or "auto" => Device.OpenCpu(threads),
            "reference" => Device.OpenReference(),
            _ when IsOfLaterVersion(name) => throw new CamelsException(
                ExitCode.MissingOnMachine, $"--device {name} is not available yet: this version computes on the CPU; use --device cpu"),
            _ => throw CamelsException.Usage($"--device {name} is unknown; there are cpu, reference and auto"),
        };
    }

    private static bool IsOfLaterVersion(string name) =>
        name is "cuda" or "emulated" || name.StartsWith("cuda:", StringComparison.Ordinal);
}
