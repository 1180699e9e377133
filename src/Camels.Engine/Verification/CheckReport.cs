using System.Globalization;
using System.Text;
using System.Text.Json;

namespace Camels.Engine.Verification;

/// <summary>One line of a verification.</summary>
/// <param name="Name">What was compared.</param>
/// <param name="Error">The difference that was found, in the unit of the tolerance; null where the entry is not in this case.</param>
/// <param name="Tolerance">The largest difference that holds.</param>
/// <param name="Note">How many values, where the first difference is, or why nothing was compared.</param>
public sealed record CheckLine(string Name, double? Error, double Tolerance, string Note)
{
    /// <summary>False where there was nothing to compare.</summary>
    public bool WasMade => Error is not null;

    /// <summary>True where the comparison was made and the error is within the tolerance; a NaN never is.</summary>
    public bool Held => Error <= Tolerance;
}

/// <summary>The result of a verification against golden vectors: one line a check. No check made counts as a failure.</summary>
public sealed class CheckReport
{
    private readonly List<CheckLine> _lines = [];

    /// <summary>The lines in the order in which they were added.</summary>
    public IReadOnlyList<CheckLine> Lines => _lines;

    /// <summary>How many checks were made.</summary>
    public int Made => _lines.Count(line => line.WasMade);

    /// <summary>How many of them did not hold.</summary>
    public int Failed => _lines.Count(line => line.WasMade && !line.Held);

    /// <summary>Done where every check held and at least one was made, else a failed check.</summary>
    public ExitCode ExitCode => Made > 0 && Failed == 0 ? ExitCode.Done : ExitCode.CheckFailed;

    /// <summary>Adds a check that was made.</summary>
    public void Add(string name, double error, double tolerance, string note = "") =>
        _lines.Add(new CheckLine(name, error, tolerance, note));

    /// <summary>Adds an entry that this case lacks, or that is knowingly not compared.</summary>
    public void AddAbsent(string name, string reason = "not in this case") =>
        _lines.Add(new CheckLine(name, Error: null, Tolerance: 0, reason));

    /// <summary>The table as text, one line a check, and a last line that sums up.</summary>
    public string ToText()
    {
        int width = _lines.Select(line => line.Name.Length).DefaultIfEmpty(0).Max();
        StringBuilder text = new();
        foreach (CheckLine line in _lines)
        {
            string verdict = !line.WasMade ? "-" : line.Held ? "ok" : "FAILED";
            string numbers = !line.WasMade ? ""
                : string.Create(CultureInfo.InvariantCulture, $"{line.Error,10:G3} <= {line.Tolerance,-8:G3}");
            _ = text.Append($"{line.Name.PadRight(width)}  {verdict,-6}  {numbers,-22}  {line.Note}".TrimEnd()).Append('\n');
        }

        return text.Append(CultureInfo.InvariantCulture, $"{Made} checks, {Failed} failed\n").ToString();
    }

    /// <summary>Writes the report as one JSON object; an error that is no number is written as a string.</summary>
    public void WriteJson(Utf8JsonWriter json)
    {
        json.WriteStartObject();
        json.WriteNumber("checks", Made);
        json.WriteNumber("failed", Failed);
        json.WriteStartArray("lines");
        foreach (CheckLine line in _lines)
        {
            json.WriteStartObject();
            json.WriteString("name", line.Name);
            WriteError(json, line);
            json.WriteString("note", line.Note);
            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WriteEndObject();
    }

    private static void WriteError(Utf8JsonWriter json, CheckLine line)
    {
        if (line.Error is not double error)
        {
            json.WriteString("verdict", "not checked");
            return;
        }

        json.WriteString("verdict", line.Held ? "ok" : "failed");
        json.WriteNumber("tolerance", line.Tolerance);
        if (double.IsFinite(error))
        {
            json.WriteNumber("error", error);
        }
        else
        {
            json.WriteString("error", error.ToString(CultureInfo.InvariantCulture));
        }
    }
}
