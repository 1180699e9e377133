using System.Globalization;
using System.Text.Json;

namespace Camels.Engine.Data;

/// <summary>The audit of prepared data: audit.json.</summary>
public sealed record Audit
{
    internal const string FileName = "audit.json";
    private const long MostBytes = 1 << 30;      // it lists every source file

    private static readonly JsonSerializerOptions _json = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
    };

    /// <summary>The prepared data's key.</summary>
    public required string Key { get; init; }

    /// <summary>What was read.</summary>
    public required IReadOnlyList<SourceAudit> Sources { get; init; }

    /// <summary>What is trained on.</summary>
    public required SplitAudit Train { get; init; }

    /// <summary>What is held out, or null.</summary>
    public required SplitAudit? Validation { get; init; }

    /// <summary>What the training data gives away of evaluation sets; null where it was compared with none.</summary>
    public ContaminationAudit? Contamination { get; init; }

    /// <summary>
    /// Throws (exit code 3) what forbids training; strict: over-long and duplicate records and what is no plain text too. Known defects that are wanted forbid nothing.
    /// </summary>
    public void Require(bool strict, Compatibility compatibility = Compatibility.None)
    {
        List<string> errors = [];
        if (compatibility == Compatibility.None)
        {
            errors.AddRange(Train.Errors());
            errors.AddRange(Validation?.Errors().Select(error => $"validation: {error}") ?? []);
        }

        errors.AddRange(Sources.Where(source => source.IsBarren).Select(
            source => string.Create(
                CultureInfo.InvariantCulture,
                $"{source.Name}: none of its {source.Records} records gives a conversation "
                + $"({source.Empty} empty, {source.OverLongDropped} longer than a row, {source.NotDrawn} not drawn)")));
        if (strict)
        {
            AddStrict(errors, Sources.Sum(source => source.OverLong), "are longer than a row", "longer than a row");
            AddStrict(errors, Sources.Sum(source => source.Duplicate + source.NearDuplicate - source.Removed), "are duplicates", "duplicate");
            AddStrict(errors, Sources.Sum(source => source.NonText), "are not plain text", "not plain text");
            if (Contamination is { } leaks && leaks.Records > leaks.Removed)
            {
                errors.Add(string.Create(CultureInfo.InvariantCulture, $"strict: {leaks.Records} records give away evaluation items ({leaks.Listed[0]})"));
            }
        }

        if (errors.Count > 0)
        {
            throw CamelsException.BadInput($"the audit refuses this data: {string.Join("; ", errors)}.");
        }
    }

    /// <summary>How many of the records that were read are not there, and why, in a line; null where all are.</summary>
    public string? DescribeMissing()
    {
        (long Count, string Why)[] missing =
        [
            (Sources.Sum(source => source.OverLongDropped), "longer than a row"),
            (Sources.Sum(source => source.Unusable.Values.Sum()), "unusable"),
            (Sources.Sum(source => source.Empty), "with an empty answer"),
            (Sources.Sum(source => source.Removed), "duplicates"),
            (Sources.Sum(source => source.NotDrawn), "not drawn"),
            (Sources.Sum(source => source.InValidationSources), "in the validation sources"),
            (Contamination?.Removed ?? 0, "giving evaluation items away"),
        ];
        string[] reasons = [.. missing.Where(part => part.Count > 0)
            .Select(part => string.Create(CultureInfo.InvariantCulture, $"{part.Count:N0} {part.Why}"))];
        return reasons.Length == 0 ? null : string.Create(
            CultureInfo.InvariantCulture,
            $"{missing.Sum(part => part.Count):N0} of {Sources.Sum(source => source.Records):N0} records are left out: {string.Join(", ", reasons)}");
    }

    internal void Write(string folder) => DataFiles.Write(Path.Combine(folder, FileName), JsonText.Of(this));

    internal static Audit Read(string folder)
    {
        string path = Path.Combine(folder, FileName);
        try
        {
            return JsonSerializer.Deserialize<Audit>(StrictJson.ReadBytes(path, MostBytes), _json) ?? throw new JsonException("it is null");
        }
        catch (JsonException broken)
        {
            throw CamelsException.BadInput(
                $"{path}: not an audit of prepared data ({StrictJson.WithoutPosition(broken.Message)}). Delete the folder and prepare again.", broken);
        }
    }

    private void AddStrict(List<string> errors, long count, string what, string reason)
    {
        if (count > 0)
        {
            string? first = Sources.SelectMany(source => source.Listed).FirstOrDefault(entry => entry.Contains(reason, StringComparison.Ordinal));
            string example = first is null ? "" : $" ({first})";
            errors.Add(string.Create(CultureInfo.InvariantCulture, $"strict: {count} records {what}{example}"));
        }
    }
}
