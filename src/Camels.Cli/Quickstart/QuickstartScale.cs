using Camels.Kernels;

namespace Camels.Cli.Quickstart;

/// <summary>How much quickstart does.</summary>
/// <param name="Steps">Optimizer steps.</param>
/// <param name="BatchSize">Rows of a step.</param>
/// <param name="TrainingExamples">Conversations to train on.</param>
/// <param name="HeldOutPerTask">Prompts of each kind to ask before and after.</param>
/// <param name="NewTokens">The most tokens of an answer.</param>
/// <param name="Learns">Whether the model can be expected to answer right in the end.</param>
internal sealed record QuickstartScale(int Steps, int BatchSize, int TrainingExamples, int HeldOutPerTask, int NewTokens, bool Learns)
{
    /// <summary>All of it.</summary>
    public static QuickstartScale Full => new(Steps: 1800, BatchSize: 16, TrainingExamples: 80_000, HeldOutPerTask: 200, NewTokens: 16, Learns: true);

    /// <summary>What suits a device: on the emulated and the reference one, which are for looking, a taste.</summary>
    public static QuickstartScale Of(Device device) => device.Kind is DeviceKind.CudaEmulated or DeviceKind.Reference
        ? new(Steps: 2, BatchSize: 2, TrainingExamples: 200, HeldOutPerTask: 1, NewTokens: 8, Learns: false)
        : Full;
}
