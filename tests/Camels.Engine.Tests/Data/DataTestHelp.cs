using System.IO.Compression;
using System.Text;
using System.Text.Json;
using Camels.Engine.Data;
using Camels.Engine.Tests.Checkpoints;
using Xunit;

namespace Camels.Engine.Tests.Data;

internal static class DataTestHelp
{
    public static string Write(this TemporaryFolder folder, string name, string text) => folder.WriteFile(name, Encoding.UTF8.GetBytes(text));

    public static Conversation[] Read(string dataset, string path, ulong seed = 42) => Read(new DataSource(dataset, path), seed).Read;

    /// <summary>The conversations of a source, and what is said about those that are left out.</summary>
    public static (Conversation[] Read, (RecordPlace Place, string Reason)[] LeftOut) Read(
        DataSource source, ulong seed = 42, Compatibility compatibility = Compatibility.None, Func<string, int>? countTokens = null, int sequenceLength = 2048)
    {
        DatasetFormat format = DatasetCatalog.Of(source);
        List<(RecordPlace, string)> leftOut = [];
        DatasetInput input = new()
        {
            Dataset = format.Name,
            Files = format.FilesAt(source.Path),
            Extensions = format.Extensions,
            FileNames = format.FileNames,
            Seed = seed,
            Trees = source.Trees,
            Map = source.Map,
            Compatibility = compatibility,
            SequenceLength = sequenceLength,
            CountTokens = countTokens,
            Unusable = (place, reason) => leftOut.Add((place, reason)),
        };
        return ([.. format.Read(input)], [.. leftOut]);
    }

    public static CamelsException Fails(ExitCode code, Action action, params string[] inMessage)
    {
        CamelsException failure = Assert.Throws<CamelsException>(action);
        Assert.Equal(code, failure.Code);
        Assert.All(inMessage, part => Assert.Contains(part, failure.Message, StringComparison.Ordinal));
        Assert.True(failure.Message.Split('\n').Length <= 2, failure.Message);
        return failure;
    }

    public static byte[] Gzip(ReadOnlySpan<byte> bytes, CompressionLevel level = CompressionLevel.Fastest)
    {
        using MemoryStream packed = new();
        using (GZipStream stream = new(packed, level, leaveOpen: true))
        {
            stream.Write(bytes);
        }

        return packed.ToArray();
    }

    public static string MessagesLine(params (string Role, string Content)[] messages) =>
        JsonSerializer.Serialize(new { messages = messages.Select(m => new { role = m.Role, content = m.Content }) }) + "\n";

    public static string Turns(params string[] texts) =>
        MessagesLine([.. texts.Select((text, i) => (i % 2 == 0 ? "user" : "assistant", text))]);
}
