using System.CommandLine;
using System.Globalization;
using System.Text.Encodings.Web;
using System.Text.Json;
using Spectre.Console;

namespace Camels.Cli.Output;

/// <summary>
/// What a verb prints. With <c>--json</c> text for people goes to standard error, and standard output gets the one object. Colours, boxes
/// and moving bars only on a terminal.
/// </summary>
internal sealed class Screen
{
    private const int PlainWidth = 160;

    private static readonly JsonSerializerOptions JsonStyle = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        DictionaryKeyPolicy = null,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        NumberHandling = System.Text.Json.Serialization.JsonNumberHandling.AllowNamedFloatingPointLiterals,
    };

    private readonly TextWriter _output;
    private readonly TextWriter _people;
    private readonly IAnsiConsole _console;

    public Screen(ParseResult arguments)
    {
        _output = arguments.InvocationConfiguration.Output;
        IsJson = arguments.GetValue(CommandLine.Json);
        _people = IsJson ? arguments.InvocationConfiguration.Error : _output;
        IsTerminal = !IsJson && ReferenceEquals(_output, Console.Out) && !Console.IsOutputRedirected
            && Environment.GetEnvironmentVariable("TERM") is not (null or "dumb");
        _console = AnsiConsole.Create(new AnsiConsoleSettings
        {
            Ansi = IsTerminal ? AnsiSupport.Detect : AnsiSupport.No,
            ColorSystem = IsTerminal ? ColorSystemSupport.Detect : ColorSystemSupport.NoColors,
            Interactive = InteractionSupport.No,
            Out = new AnsiConsoleOutput(_people),
        });
        if (!IsTerminal)
        {
            _console.Profile.Width = PlainWidth;
        }
    }

    /// <summary>True where only the JSON object belongs on standard output.</summary>
    public bool IsJson { get; }

    /// <summary>True where a person looks at a terminal.</summary>
    public bool IsTerminal { get; }

    /// <summary>A line for people.</summary>
    public void Line(string text = "") => _people.WriteLine(Printable(text));

    /// <summary>Text in one of the terminal's colours, where there are any; no line end.</summary>
    public void Colored(string text, Color color) => _console.Write(new Text(text, new Style(color)));

    /// <summary>A table for people. Numbers belong in right-aligned columns: those whose heading ends in '&gt;'.</summary>
    public void Table(IReadOnlyList<string> headings, IEnumerable<IReadOnlyList<string>> rows)
    {
        Table table = new() { Border = IsTerminal ? TableBorder.Rounded : TableBorder.Ascii2, ShowRowSeparators = false };
        foreach (string heading in headings)
        {
            bool isNumber = heading.EndsWith('>');
            TableColumn column = new(new Text(heading.TrimEnd('>'))) { Alignment = isNumber ? Justify.Right : Justify.Left, NoWrap = isNumber };
            table.AddColumn(column);
        }

        foreach (IReadOnlyList<string> row in rows)
        {
            table.AddRow(row.Select(cell => new Text(Printable(cell))));
        }

        _console.Write(table);
    }

    /// <summary>The verb's result as one JSON object, printed only where it was asked for. Names become snake_case.</summary>
    public void Json(object result)
    {
        if (IsJson)
        {
            _output.WriteLine(JsonSerializer.Serialize(result, JsonStyle));
        }
    }

    /// <summary>Progress of long work: a bar on a terminal, plain lines elsewhere.</summary>
    /// <param name="title">What is done.</param>
    /// <param name="total">How much there is of it.</param>
    /// <param name="isCounted">False where the total is only a scale for shares, which a person does not want to see.</param>
    public ProgressBar Progress(string title, long total, bool isCounted = true) => new(_people, IsTerminal, title, total, isCounted);

    /// <summary>A text in which control characters, which files of others may hold in their names, are written out: a terminal obeys them.</summary>
    public static string Printable(string text) => !text.Any(IsObeyed)
        ? text
        : string.Concat(text.Select(character => IsObeyed(character) ? $"\\u{(int)character:x4}" : $"{character}"));

    /// <summary>A whole number with thousands separated.</summary>
    public static string Count(double value) => value.ToString("N0", CultureInfo.InvariantCulture);

    /// <summary>A number with so many decimals.</summary>
    public static string Fixed(double value, int decimals) => value.ToString($"F{decimals}", CultureInfo.InvariantCulture);

    /// <summary>A duration as m:ss or h:mm:ss, days in hours.</summary>
    public static string Duration(TimeSpan time) => time.TotalHours >= 1
        ? string.Create(CultureInfo.InvariantCulture, $"{(long)time.TotalHours}:{time:mm\\:ss}")
        : time.ToString(@"m\:ss", CultureInfo.InvariantCulture);

    private static bool IsObeyed(char character) => char.IsControl(character) && character != '\n';
}
