using System.CommandLine;
using Camels.Cli.Output;
using Camels.Engine;
using Camels.Engine.Verification;

namespace Camels.Cli.Verbs;

/// <summary>Compares a tokenizer with the ids and texts that the reference gave, every string of a golden file.</summary>
internal sealed class VerifyTokenizerVerb : Verb
{
    private readonly Option<string> _tokenizer;
    private readonly Option<string> _golden;

    public VerifyTokenizerVerb()
        : base(
            "tokenizer",
            "Compare a tokenizer with golden vectors: ids, plain ids and decoded texts of every string",
            "camels verify tokenizer --tokenizer models/llama-7b --golden golden/llama/golden.jsonl")
    {
        _tokenizer = Option<string>("--tokenizer", "folder with the tokenizer's files", isRequired: true);
        _golden = Option<string>("--golden", "JSONL with text, ids and decoded texts", isRequired: true);
    }

    protected override ExitCode Run(ParseResult arguments, Screen screen) =>
        CheckTable.Show(screen, TokenizerCheck.Run(arguments.GetRequiredValue(_tokenizer), arguments.GetRequiredValue(_golden)));
}
