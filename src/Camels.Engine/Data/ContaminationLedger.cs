using System.Text.Encodings.Web;
using System.Text.Json;

namespace Camels.Engine.Data;

/// <summary>One benchmark against the training data.</summary>
/// <param name="Name">The benchmark.</param>
/// <param name="Items">Items compared.</param>
/// <param name="Leaked">Items that some training record gives away.</param>
public sealed record BenchmarkContamination(string Name, int Items, int Leaked);

/// <summary>What the training data gives away of evaluation sets; every find is a line of contamination.jsonl beside the audit.</summary>
/// <param name="Records">Records with at least one item.</param>
/// <param name="Removed">Of these: removed.</param>
/// <param name="Benchmarks">Per benchmark.</param>
/// <param name="Listed">The first finds, for people.</param>
public sealed record ContaminationAudit(
    long Records, long Removed, IReadOnlyList<BenchmarkContamination> Benchmarks, IReadOnlyList<string> Listed);

/// <summary>Writes down which record gives away which item.</summary>
internal sealed class ContaminationLedger(ContaminationIndex index, string folder) : IDisposable
{
    public const string FileName = "contamination.jsonl";

    private const int MostListed = 20;

    private static readonly JsonSerializerOptions _json = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    private readonly TokenFileWriter<byte> _file = new(Path.Combine(folder, FileName));
    private readonly HashSet<int> _leaked = [];
    private readonly List<string> _listed = [];
    private long _records;
    private long _removed;

    public void Add(Conversation conversation, string source, IReadOnlyDictionary<int, double> found, bool isRemoved)
    {
        _records++;
        _removed += isRemoved ? 1 : 0;
        foreach ((int number, double coverage) in found)
        {
            EvaluationItem item = index.Items[number];
            _ = _leaked.Add(number);
            _file.Write(JsonSerializer.SerializeToUtf8Bytes(
                new { item.Benchmark, Item = item.Id, Coverage = Math.Round(coverage, 3), Source = source, Record = conversation.Place.ToString(), Removed = isRemoved },
                _json));
            _file.Write((byte)'\n');
            if (_listed.Count < MostListed)
            {
                _listed.Add($"{item.Benchmark} {item.Id}: {conversation.Place}");
            }
        }
    }

    public ContaminationAudit Finish(Dictionary<string, FileSeal> files)
    {
        files.Add(FileName, _file.Seal());
        BenchmarkContamination[] benchmarks = [.. index.Items.Select((item, number) => (item.Benchmark, IsLeaked: _leaked.Contains(number)))
            .GroupBy(item => item.Benchmark)
            .Select(group => new BenchmarkContamination(group.Key, group.Count(), group.Count(item => item.IsLeaked)))];
        return new ContaminationAudit(_records, _removed, benchmarks, _listed);
    }

    public void Dispose() => _file.Dispose();
}
