using Camels.Engine.Data;
using Camels.Engine.Tests.Checkpoints;

namespace Camels.Engine.Tests.Data;

/// <summary>Writes prepared data by hand, right or wrong, in the real layout.</summary>
internal static class Prepared
{
    public sealed record Document(int[] Ids, byte[] Trained, Turn[] Turns, int Source = 0, long Record = 0);

    /// <summary>"&lt;s&gt; u a &lt;/s&gt;": a document that is right.</summary>
    public static Document Good(int user = 'u', int assistant = 'a') =>
        new([256, user, assistant, ByteTokenizer.Eos], [0, 0, 1, 1], [new(1, 2, Role.User), new(2, 4, Role.Assistant)]);

    public static PreparedData Rows(TemporaryFolder folder, int rows) =>
        Write(folder["rows"], [.. Enumerable.Range(0, rows).Select(row => new[] { Good(user: row) })]);

    public static PreparedData Write(string folder, Document[][] rows, int sequenceLength = 16, bool addsBos = true, int? bosId = 256)
    {
        Directory.CreateDirectory(folder);
        Dictionary<string, FileSeal> files = [];
        using (PreparedDataWriter writer = new(folder, PreparedData.TrainSplit))
        {
            foreach (Document[] row in rows)
            {
                writer.BeginRow();
                foreach (Document document in row)
                {
                    writer.AddDocument(document.Turns, document.Ids, document.Trained, document.Source, document.Record);
                }
            }

            writer.Seal(files);
        }

        new PreparedManifest
        {
            Version = PreparedManifest.CurrentVersion,
            Key = "by hand",
            TokenizerSha256 = "bytes",
            VocabularySize = 258,
            AddsBos = addsBos,
            BosId = bosId,
            EosId = ByteTokenizer.Eos,
            Template = "tulu",
            TemplateBos = new TemplateBos(0, 0, 0),
            SequenceLength = sequenceLength,
            SourceNames = ["first", "second"],
            Files = files,
        }.Write(folder);
        return PreparedData.Open(folder);
    }
}
