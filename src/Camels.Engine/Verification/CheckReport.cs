using System.Globalization;
using System.Text;

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
}
