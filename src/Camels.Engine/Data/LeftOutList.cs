using System.Text.Encodings.Web;
using System.Text.Json;

namespace Camels.Engine.Data;

/// <summary>Writes down every record that gave no conversation, or not all of it: left_out.jsonl beside the audit, whose counts these are.</summary>
internal sealed class LeftOutList(string folder) : IDisposable
{
    public const string FileName = "left_out.jsonl";

    private static readonly JsonSerializerOptions _json = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    private readonly TokenFileWriter<byte> _file = new(Path.Combine(folder, FileName));

    public void Add(string source, RecordPlace place, string reason)
    {
        _file.Write(JsonSerializer.SerializeToUtf8Bytes(new { source, place.File, place.Line, place.Record, reason }, _json));
        _file.Write((byte)'\n');
    }

    public void Finish(Dictionary<string, FileSeal> files) => files.Add(FileName, _file.Seal());

    public void Dispose() => _file.Dispose();
}
