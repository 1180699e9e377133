using System.CommandLine;
using Camels.Cli.Output;
using Camels.Engine;
using Camels.Engine.Verification;

namespace Camels.Cli.Verbs;

/// <summary>Is a model folder or a checkpoint whole: every file, tensor, shape, checksum, and no number that is not finite.</summary>
internal sealed class VerifyCheckpointVerb : Verb
{
    private readonly Argument<string> _folder;

    public VerifyCheckpointVerb()
        : base(
            "checkpoint",
            "Check that a model folder or a checkpoint is whole: files, checksums, shapes, finite values, tokenizer",
            "camels verify checkpoint runs/alpaca/model")
    {
        _folder = Argument<string>("DIR", "a model folder, or a checkpoint of a run");
    }

    protected override ExitCode Run(ParseResult arguments, Screen screen) =>
        CheckTable.Show(screen, CheckpointCheck.Run(arguments.GetRequiredValue(_folder)));
}
