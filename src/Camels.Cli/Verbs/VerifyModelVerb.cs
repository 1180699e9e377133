using System.CommandLine;
using Camels.Cli.Output;
using Camels.Engine;
using Camels.Engine.Verification;
using Camels.Kernels;

namespace Camels.Cli.Verbs;

/// <summary>Compares this engine's numbers with those that the reference gave for a golden case.</summary>
internal sealed class VerifyModelVerb : Verb
{
    private readonly Option<string> _golden;
    private readonly Option<string?> _model;
    private readonly DeviceOption _device;

    public VerifyModelVerb()
        : base(
            "model",
            "Compare logits, losses, gradients, training steps and generations with a golden case",
            "camels verify model --golden golden/llama_mha")
    {
        _golden = Option<string>("--golden", "folder of the case: manifest.json, inputs and outputs", isRequired: true);
        _model = Option<string?>("--model", "model folder; default: the case's own, its parent's, or that of its base case");
        _device = new DeviceOption(Command);
    }

    protected override ExitCode Run(ParseResult arguments, Screen screen)
    {
        using Device device = _device.Open(arguments, screen);
        return CheckTable.Show(screen, ModelCheck.Run(arguments.GetRequiredValue(_golden), arguments.GetValue(_model), device));
    }
}
