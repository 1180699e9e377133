using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;
using Camels.Cli.Output;
using Camels.Engine;

namespace Camels.Cli.Verbs;

/// <summary>One verb of the program: its name, its help with a worked example, and what it does.</summary>
internal abstract class Verb
{
    /// <param name="name">What the user types.</param>
    /// <param name="summary">One line of help.</param>
    /// <param name="example">One worked example, as typed.</param>
    protected Verb(string name, string summary, string example)
    {
        Example = example;
        Command = new Command(name, summary);
        Command.SetAction(arguments => (int)Run(arguments, new Screen(arguments)));
    }

    /// <summary>The parser's view of the verb.</summary>
    public Command Command { get; }

    /// <summary>One worked example, as typed.</summary>
    public string Example { get; }

    /// <summary>The words from the program's name to the command's.</summary>
    public static IEnumerable<string> PathOf(Command command) =>
        command.Parents.OfType<Command>().FirstOrDefault() is Command parent ? PathOf(parent).Append(command.Name) : ["camels"];

    /// <summary>Does the work. Failures are thrown as <see cref="CamelsException"/>.</summary>
    protected abstract ExitCode Run(ParseResult arguments, Screen screen);

    /// <summary>True where the command line has this option, and not only its default.</summary>
    protected static bool IsGiven(ParseResult arguments, string name) => arguments.GetResult(name) is OptionResult { Implicit: false };

    /// <summary>Adds an option and returns it.</summary>
    protected Option<T> Option<T>(string name, string description, bool isRequired = false)
    {
        Option<T> option = new(name) { Description = description, Required = isRequired };
        Command.Add(option);
        return option;
    }

    /// <summary>Adds an option with a value of its own and returns it.</summary>
    protected Option<T> Option<T>(string name, string description, T standard)
    {
        Option<T> option = new(name) { Description = description, DefaultValueFactory = _ => standard };
        Command.Add(option);
        return option;
    }

    /// <summary>Adds an option of a number with decimals and returns it. The library's own reading takes 0,7 for 7: a comma divides thousands there.</summary>
    protected Option<double> Number(string name, string description, double standard)
    {
        Option<double> option = Option(name, description, standard);
        option.CustomParser = given =>
        {
            if (!double.TryParse(given.Tokens[^1].Value, NumberStyles.Float, CultureInfo.InvariantCulture, out double value))
            {
                given.AddError($"{name} {given.Tokens[^1].Value} is no number; write for example 0.7");
            }

            return value;
        };
        return option;
    }

    /// <summary>Adds an argument and returns it.</summary>
    protected Argument<T> Argument<T>(string name, string description)
    {
        Argument<T> argument = new(name) { Description = description };
        Command.Add(argument);
        return argument;
    }
}
