using System.CommandLine;
using System.Globalization;
using Camels.Cli.Output;
using Camels.Engine;
using Camels.Kernels;
using Camels.Kernels.Interop;

namespace Camels.Cli;

/// <summary><c>--device</c> and <c>--threads</c>, for verbs that compute.</summary>
internal sealed class DeviceOption
{
    private readonly Option<string> _device = new("--device")
    {
        Description = "cpu, cuda or cuda:N, emulated (the GPU's kernels on the CPU; small shapes), reference (plain double-precision loops; small shapes) or auto",
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

        try
        {
            return name switch
            {
                "auto" => OpenBest(threads, screen),
                "cpu" => Device.OpenCpu(threads),
                "reference" => Device.OpenReference(),
                "emulated" => Device.OpenEmulated(),
                "cuda" => Device.OpenCuda(),
                _ => Device.OpenCuda(OrdinalOf(name)),
            };
        }
        catch (NativeException missing) when (missing.Failure == NativeFailure.Missing)
        {
            throw new CamelsException(ExitCode.MissingOnMachine, $"--device {name}: {missing.Message}", missing);
        }
    }

    private static Device OpenBest(int threads, Screen screen)
    {
        CudaMachine machine = CudaMachine.Read();
        if (machine.Problem is string problem)
        {
            screen.Line($"device: cpu ({problem})");
            return Device.OpenCpu(threads);
        }

        Device device = Device.OpenCuda();
        screen.Line($"device: {device.Name} ({machine.Gpus[0].Name})");
        return device;
    }

    private static int OrdinalOf(string name) =>
        name.StartsWith("cuda:", StringComparison.Ordinal)
        && int.TryParse(name.AsSpan("cuda:".Length), NumberStyles.None, CultureInfo.InvariantCulture, out int ordinal)
            ? ordinal
            : throw CamelsException.Usage($"--device {name} is unknown; there are cpu, cuda, cuda:N, emulated, reference and auto");
}
