using System.Globalization;
using Camels.Engine;
using Camels.Engine.Verification;

namespace Camels.Cli.Output;

/// <summary>A verification as a table: one line a check with its error and tolerance.</summary>
internal static class CheckTable
{
    /// <summary>Shows it, and returns the exit code that it means.</summary>
    public static ExitCode Show(Screen screen, CheckReport report)
    {
        screen.Table(["check", "", "error>", "tolerance>", "note"], report.Lines.Select(Row));
        screen.Line(report.Made == 0 ? "no check was made" : $"{report.Made} checks, {report.Failed} failed");
        screen.Json(new
        {
            Checks = report.Lines.Select(line => new { line.Name, line.WasMade, line.Held, line.Error, line.Tolerance, line.Note }),
            report.Made,
            report.Failed,
        });
        return report.ExitCode;
    }

    private static string[] Row(CheckLine line) => line.WasMade
        ? [line.Name, line.Held ? "ok" : "FAILED", Short(line.Error!.Value), Short(line.Tolerance), line.Note]
        : [line.Name, "–", "", "", line.Note];

    private static string Short(double value) => value.ToString("G3", CultureInfo.InvariantCulture);
}
