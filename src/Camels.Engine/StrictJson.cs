using System.Text.Json;

namespace Camels.Engine;

/// <summary>
/// Reads JSON that a stranger may have written: bounded in size and depth, without comments, trailing commas or repeated names (which two
/// readers could understand differently). Everything that is wrong is a <see cref="CamelsException"/> with file and line.
/// </summary>
public static class StrictJson
{
    /// <summary>Deeper nesting is refused.</summary>
    public const int MaximumDepth = 64;

    /// <summary>The limits above, for readers that parse a part of a file.</summary>
    public static JsonDocumentOptions Options { get; } = new() { MaxDepth = MaximumDepth, AllowDuplicateProperties = false };

    /// <summary>The document in <paramref name="path"/>, whose root is an object. The caller disposes it.</summary>
    /// <param name="path">The file.</param>
    /// <param name="maximumBytes">A longer file is refused unread.</param>
    /// <exception cref="CamelsException">The file is missing, unreadable, too long or not such a document: exit code 3.</exception>
    public static JsonDocument ReadObject(string path, long maximumBytes) => ParseObject(ReadBytes(path, maximumBytes), path);

    /// <summary>The document in a file's bytes, or in one <paramref name="line"/> of them, whose root is an object. The caller disposes it.</summary>
    /// <exception cref="CamelsException">It is not such a document: exit code 3.</exception>
    internal static JsonDocument ParseObject(byte[] utf8, string path, int? line = null)
    {
        string place = line is null ? path : $"{path}, line {line}";
        try
        {
            JsonDocument document = JsonDocument.Parse(utf8, Options);
            Visit(document.RootElement);
            return document.RootElement.ValueKind == JsonValueKind.Object
                ? document
                : throw CamelsException.BadInput(
                    $"{place} holds a JSON {document.RootElement.ValueKind.ToString().ToLowerInvariant()}, expected an object");
        }
        catch (JsonException problem)
        {
            throw CamelsException.BadInput($"{path}, line {(problem.LineNumber ?? 0) + (line ?? 1)}: {WithoutPosition(problem.Message)}", problem);
        }
        catch (InvalidOperationException problem)
        {
            throw CamelsException.BadInput($"{place} holds text that is not valid UTF-8 or UTF-16", problem);
        }
    }

    /// <summary>The bytes of a file that is expected to be small.</summary>
    /// <exception cref="CamelsException">The file is missing, unreadable or longer than <paramref name="maximumBytes"/>: exit code 3.</exception>
    public static byte[] ReadBytes(string path, long maximumBytes)
    {
        try
        {
            using FileStream stream = new(path, FileMode.Open, FileAccess.Read, FileShare.Read, bufferSize: 0);
            if (stream.Length > maximumBytes)
            {
                throw CamelsException.BadInput($"{path} has {stream.Length} bytes, expected at most {maximumBytes}");
            }

            byte[] bytes = new byte[stream.Length];
            stream.ReadExactly(bytes);
            return bytes;
        }
        catch (Exception problem) when (problem is IOException or UnauthorizedAccessException)
        {
            throw CamelsException.BadInput($"{path} cannot be read: {problem.Message}", problem);
        }
    }

    /// <summary>What a JSON reader says, without its own counting of lines and bytes.</summary>
    public static string WithoutPosition(string message)
    {
        int position = message.IndexOf(" LineNumber:", StringComparison.Ordinal);
        int path = message.IndexOf(" Path:", StringComparison.Ordinal);
        int end = Math.Min(position < 0 ? message.Length : position, path < 0 ? message.Length : path);
        return message[..end].ReplaceLineEndings(" ");
    }

    // The parser leaves invalid UTF-8 and lone surrogates in strings to the first reader, who gets an exception of another kind.
    private static void Visit(JsonElement element)
    {
        switch (element.ValueKind)
        {
            case JsonValueKind.Object:
                foreach (JsonProperty property in element.EnumerateObject())
                {
                    _ = property.Name;
                    Visit(property.Value);
                }

                break;
            case JsonValueKind.Array:
                foreach (JsonElement item in element.EnumerateArray())
                {
                    Visit(item);
                }

                break;
            case JsonValueKind.String:
                _ = element.GetString();
                break;
            default:
                break;
        }
    }
}
