namespace Camels.Engine.Data;

/// <summary>
/// Streams the rows of tab-separated files without header and without quoting, as FLAN publishes them. Anything wrong is exit code 3.
/// </summary>
internal static class TsvRecords
{
    /// <summary>The rows of one file; a row with another number of columns than <paramref name="columns"/> names is an error.</summary>
    public static IEnumerable<(RecordPlace Place, string[] Fields)> Read(DataFile file, string[] columns)
    {
        using TextScanner text = new(file);
        long row = 0;
        foreach (string line in text.Lines())
        {
            RecordPlace place = new(file.Name, text.Line, ++row);
            string[] fields = line.Split('\t');
            yield return fields.Length == columns.Length
                ? (place, fields)
                : throw place.Error($"the row has {fields.Length} columns, expected {columns.Length}: {string.Join(", ", columns)}.");
        }
    }
}
