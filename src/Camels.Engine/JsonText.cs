using System.Text.Encodings.Web;
using System.Text.Json;

namespace Camels.Engine;

/// <summary>Writes JSON files: UTF-8, indented, one newline at the end.</summary>
public static class JsonText
{
    private static readonly JsonSerializerOptions _options = new()
    {
        WriteIndented = true,
        NewLine = "\n",
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
    };

    /// <summary>The bytes of a file that holds <paramref name="value"/>; a property FileBytes becomes file_bytes.</summary>
    public static byte[] Of<T>(T value) => [.. JsonSerializer.SerializeToUtf8Bytes(value, _options), (byte)'\n'];
}
