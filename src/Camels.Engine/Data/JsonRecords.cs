using System.Text.Json;

namespace Camels.Engine.Data;

/// <summary>
/// Streams the objects of JSON data files: one array of objects, one object a line, or objects of several lines each; the first characters
/// tell which. Anything wrong is exit code 3.
/// </summary>
internal static class JsonRecords
{
    /// <summary>The records of all files of <paramref name="input"/>, in order. Each is valid until the next.</summary>
    public static IEnumerable<JsonRecord> Read(DatasetInput input)
    {
        long index = 0;
        foreach (DataFile file in DataFiles.OpenAll(input))
        {
            foreach (JsonRecord record in Read(file))
            {
                yield return record with { Index = index++ };
            }
        }
    }

    /// <summary>The records of one file, numbered from 0.</summary>
    public static IEnumerable<JsonRecord> Read(DataFile file)
    {
        using JsonScanner scanner = new(file);
        long index = 0;
        foreach (JsonDocument document in Values(scanner))
        {
            using (document)
            {
                RecordPlace place = scanner.Place(index + 1);
                yield return document.RootElement.ValueKind == JsonValueKind.Object
                    ? new JsonRecord(place, index, document.RootElement, Path: "")
                    : throw place.Error($"a record must be an object, this one is {document.RootElement.ValueKind}.");
                index++;
            }
        }
    }

    // The scanner stays at a value's start until the next is asked for.
    private static IEnumerable<JsonDocument> Values(JsonScanner scanner)
    {
        scanner.Text.SkipByteOrderMark();
        int first = scanner.Text.SkipWhiteSpace();
        return first switch
        {
            -1 => [],
            '[' => OneArray(scanner),
            '{' => Objects(scanner, isLinewise: !IsBraceAlone(scanner.Text)),
            _ => throw scanner.Text.Broken("expected a JSON array of objects, or one JSON object a line"),
        };
    }

    // A record of JSON Lines is never a brace alone; an object that is written over several lines begins so.
    private static bool IsBraceAlone(TextScanner text)
    {
        int length = text.LineLength();
        return text.Window[..length].TrimEnd(" \t\r"u8).Length == 1;
    }

    private static IEnumerable<JsonDocument> Objects(JsonScanner scanner, bool isLinewise)
    {
        while (scanner.Text.SkipWhiteSpace() != -1)
        {
            yield return isLinewise ? scanner.LineValue(out int length) : scanner.Value(out length);
            scanner.Text.Consume(length);
        }
    }

    private static IEnumerable<JsonDocument> OneArray(JsonScanner scanner)
    {
        foreach (JsonDocument element in scanner.Elements())
        {
            yield return element;
        }

        if (scanner.Text.SkipWhiteSpace() != -1)
        {
            throw scanner.Text.Broken("there is text after the end of the array");
        }
    }
}
