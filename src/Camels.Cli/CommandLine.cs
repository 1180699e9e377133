using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Invocation;
using System.CommandLine.Parsing;
using System.Globalization;
using Camels.Cli.Output;
using Camels.Cli.Verbs;
using Camels.Engine;
using Camels.Engine.Training;
using Camels.Kernels.Interop;

namespace Camels.Cli;

/// <summary>Arguments to a verb, and whatever goes wrong in it to one or two lines on standard error and an exit code.</summary>
internal static class CommandLine
{
    public static Option<bool> Json { get; } = new("--json")
    {
        Description = "print one JSON object on standard output and nothing else there",
        Recursive = true,
    };

    public static Option<bool> Verbose { get; } = new("--verbose") { Description = "show the stack trace of an error", Recursive = true };

    /// <summary>The program's commands.</summary>
    public static RootCommand Root { get; } = CreateRoot();

    /// <summary>Runs one verb. Never throws.</summary>
    public static ExitCode Run(IReadOnlyList<string> args, TextWriter output, TextWriter error)
    {
        // DOTNET_SYSTEM_GLOBALIZATION_INVARIANT=0 in the environment wins over the program's own setting.
        CultureInfo.DefaultThreadCurrentCulture = CultureInfo.CurrentCulture = CultureInfo.InvariantCulture;
        ParseResult arguments = Root.Parse(args, new ParserConfiguration { EnablePosixBundling = false, ResponseFileTokenReplacer = null });
        try
        {
            return Invoke(arguments, output, error);
        }
        catch (Exception failure)
        {
            // Work on several threads wraps what went wrong on one of them.
            Exception cause = failure is AggregateException { InnerExceptions: [Exception first, ..] } ? first : failure;
            return Explain(cause, arguments.GetValue(Verbose), error);
        }
    }

    private static RootCommand CreateRoot()
    {
        RootCommand root = new("Camels instruction-tunes decoder language models.") { Json, Verbose };
        foreach (Verb verb in VerbCatalog.All)
        {
            root.Add(verb.Command);
        }

        HelpOption help = root.Options.OfType<HelpOption>().Single();
        help.Action = new HelpWithExample((HelpAction)help.Action!);
        return root;
    }

    private static ExitCode Invoke(ParseResult arguments, TextWriter output, TextWriter error)
    {
        InvocationConfiguration invocation = new() { Output = output, Error = error, EnableDefaultExceptionHandler = false };
        if (arguments.Action is ParseErrorAction)
        {
            return RefuseUsage(arguments, invocation);
        }

        if (arguments.Tokens.Any(token => token.Type == TokenType.Argument && token.Value.Length == 0))
        {
            throw CamelsException.Usage("an argument is empty; is a variable of the shell not set?");
        }

        return (ExitCode)arguments.Invoke(invocation);
    }

    private static ExitCode RefuseUsage(ParseResult arguments, InvocationConfiguration invocation)
    {
        Command command = arguments.CommandResult.Command;
        string path = string.Join(' ', Verb.PathOf(command));
        if (command.Subcommands.Count > 0 && arguments.UnmatchedTokens.Count == 0)
        {
            _ = command.Parse("--help").Invoke(invocation);
            return ExitCode.Usage;
        }

        string wrong = command.Subcommands.Count > 0
            ? $"unknown verb {arguments.UnmatchedTokens[0]}{Suggestion.For(arguments.UnmatchedTokens[0], command.Subcommands.Select(verb => verb.Name))}"
            : Describe(arguments.Errors[0]);
        Tell(invocation.Error, $"camels: {wrong}\nsee {path} --help");
        return ExitCode.Usage;
    }

    // The library names the types of .NET.
    private static string Describe(ParseError problem) => problem.SymbolResult is OptionResult { Tokens: [.., Token given], Option: Option option }
        && problem.Message.Contains(option.ValueType.ToString(), StringComparison.Ordinal)
            ? $"{option.Name} {given.Value} is no whole number{(option.ValueType == typeof(ulong) ? " of at least 0" : "")} in range"
            : problem.Message.ReplaceLineEndings(" ");

    private static ExitCode Explain(Exception failure, bool isVerbose, TextWriter error)
    {
        ExitCode code = failure switch
        {
            CamelsException explained => explained.Code,
            NativeException { Failure: NativeFailure.Missing } => ExitCode.MissingOnMachine,
            OperationCanceledException => ExitCode.Interrupted,
            _ => ExitCode.RunFailed,
        };
        string message = failure switch
        {
            CamelsException => failure.Message,
            NativeException or InsufficientMemoryException => failure.Message.ReplaceLineEndings(" "),
            OperationCanceledException => "interrupted",
            IOException or UnauthorizedAccessException => failure.Message.ReplaceLineEndings(" "),
            _ => $"unexpected {failure.GetType().Name}: {failure.Message.ReplaceLineEndings(" ")} (--verbose shows where)",
        };
        Tell(error, $"camels: {Screen.Printable(message)}{(isVerbose ? $"\n{failure}" : "")}");
        return code;
    }

    // A log on a full disk takes no message; the exit code still says what happened.
    private static void Tell(TextWriter error, string text)
    {
        try
        {
            error.WriteLine(text);
        }
        catch (Exception problem) when (problem is IOException or UnauthorizedAccessException)
        {
            // Nobody can be told.
        }
    }

    /// <summary>The library's help, closed by the verb's worked example.</summary>
    private sealed class HelpWithExample(HelpAction help) : SynchronousCommandLineAction
    {
        public override bool ClearsParseErrors => true;

        public override int Invoke(ParseResult parseResult)
        {
            int code = help.Invoke(parseResult);
            string example = VerbCatalog.ExampleOf(parseResult.CommandResult.Command);
            parseResult.InvocationConfiguration.Output.WriteLine($"Example:\n  {example.ReplaceLineEndings("\n  ")}");
            return code;
        }
    }
}
