using System.Text.Encodings.Web;
using System.Text.Json;

namespace Camels.Engine.Data;

/// <summary>
/// Writes down every record that gave no conversation, or not all of it: left_out.jsonl beside the audit, whose counts these are. First what was found
/// while reading, then what was found in what had been read: two threads, each in the order of the data.
/// </summary>
internal sealed class LeftOutList(string folder) : IDisposable
{
    public const string FileName = "left_out.jsonl";

    private const string LaterName = "left_out.partial";

    private static readonly JsonSerializerOptions _json = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    private readonly string _laterPath = Path.Combine(folder, LaterName);
    private readonly TokenFileWriter<byte> _file = new(Path.Combine(folder, FileName));
    private readonly TokenFileWriter<byte> _later = new(Path.Combine(folder, LaterName), isTemporary: true);

    /// <summary>Found while reading.</summary>
    public void Add(string source, RecordPlace place, string reason) => Write(_file, source, place, reason);

    /// <summary>Found later.</summary>
    public void AddLater(string source, RecordPlace place, string reason) => Write(_later, source, place, reason);

    public void Finish(Dictionary<string, FileSeal> files)
    {
        _later.End();
        _later.Dispose();
        using (FileStream later = File.OpenRead(_laterPath))
        {
            byte[] buffer = new byte[1 << 16];
            for (int read = later.Read(buffer); read > 0; read = later.Read(buffer))
            {
                _file.Write(buffer.AsSpan(0, read));
            }
        }

        File.Delete(_laterPath);
        files.Add(FileName, _file.Seal());
    }

    public void Dispose()
    {
        _later.Dispose();
        _file.Dispose();
    }

    private static void Write(TokenFileWriter<byte> file, string source, RecordPlace place, string reason)
    {
        file.Write(JsonSerializer.SerializeToUtf8Bytes(new { source, place.File, place.Line, place.Record, reason }, _json));
        file.Write((byte)'\n');
    }
}
