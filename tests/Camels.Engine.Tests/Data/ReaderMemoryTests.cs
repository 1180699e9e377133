using System.IO.Compression;
using Camels.Engine.Data;
using Camels.Engine.Tests.Checkpoints;
using Xunit;

namespace Camels.Engine.Tests.Data;

/// <summary>Readers hold no more than a record. Memory is that of the process, so nothing else may run beside.</summary>
[Collection("alone")]
public sealed class ReaderMemoryTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    // The whole file is 20 MB; what a reader may hold is its window of some 100 KB and one record.
    [Theory]
    [InlineData("sharegpt", "[", ",\n", "]", """{"conversations": [{"from": "human", "value": "?"}, {"from": "gpt", "value": "#"}]}""", false)]
    [InlineData("flan_v2", "", "\n", "\n", """{"inputs": "?", "targets": "#"}""", false)]
    [InlineData("flan_v2", "", "\n", "\n", """{"inputs": "?", "targets": "#"}""", true)]
    [InlineData("cot", "", "\n", "\n", "?\ta\t#", false)]
    [InlineData("super_ni", """{"Definition": "d", "Instances": [""", ",\n", "]}", """{"input": "?", "output": ["#"]}""", false)]
    public void MemoryDoesNotGrowWithTheFile(string dataset, string before, string between, string after, string record, bool isPacked)
    {
        const int Records = 10_000;
        const long MostBytes = 4 << 20;
        string path = _folder[dataset == "cot" ? "data.tsv" : "data.json"];
        Random random = new(1);
        using (Stream file = isPacked ? new GZipStream(File.Create(path), CompressionLevel.Fastest) : File.Create(path))
        using (StreamWriter writer = new(file))
        {
            writer.Write(before);
            for (int i = 0; i < Records; i++)
            {
                string text = $"{i} {Convert.ToHexString(BitConverter.GetBytes(random.NextInt64()))}";
                writer.Write(i == 0 ? "" : between);
                writer.Write(record.Replace("?", text, StringComparison.Ordinal).Replace("#", string.Concat(Enumerable.Repeat(text, 80)), StringComparison.Ordinal));
            }

            writer.Write(after);
        }

        DatasetFormat format = DatasetCatalog.Find(dataset);
        DatasetInput input = new() { Dataset = format.Name, Files = [path], Extensions = format.Extensions, Seed = 1 };
        long start = GC.GetTotalMemory(forceFullCollection: true);
        int read = 0;
        foreach (Conversation conversation in format.Read(input))
        {
            if (read++ % 2000 == 79)
            {
                Assert.InRange(GC.GetTotalMemory(forceFullCollection: true) - start, long.MinValue, MostBytes);
            }

            GC.KeepAlive(conversation);
        }

        Assert.Equal(dataset == "super_ni" ? 80 : Records, read);
        Assert.Equal(new FileInfo(path).Length, input.BytesRead);
    }
}
