using System.Globalization;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace Camels.Perf;

/// <summary>
/// Writes made-up data in the publishers' formats and the shape of the Tülu mixture: each dataset's share, mean lengths and rounds, with
/// words in runs from a real text so that tokenizers meet what they meet in earnest.
/// </summary>
internal sealed class MixtureGenerator
{
    private const int PaperConversations = 490_694;
    private const double WordsPerToken = 0.72;
    private const double Spread = 0.8;      // of the logarithm of lengths
    private const int MostWords = 2500;

    private static readonly JsonSerializerOptions _json = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    // Conversations of the mixture; mean tokens of a prompt and of an answer, and rounds.
    private static readonly (string Dataset, int Conversations, int PromptTokens, int AnswerTokens, double Rounds)[] _shape =
    [
        ("flan_v2", 100_000, 356, 31, 1),
        ("cot", 100_000, 266, 53, 1),
        ("dolly", 15_011, 118, 91, 1),
        ("oasst1", 34_795, 35, 213, 1.6),
        ("gpt4_alpaca", 52_002, 22, 162, 1),
        ("code_alpaca", 20_022, 36, 68, 1),
        ("sharegpt", 168_864, 71, 358, 3.2),
    ];

    private readonly Random _random = new(42);
    private readonly string[] _words;

    private MixtureGenerator(string corpus) =>
        _words = [.. Directory.EnumerateFiles(corpus, "*.json*", SearchOption.AllDirectories).Order(StringComparer.Ordinal).SelectMany(WordsOf)];

    /// <summary>Writes the mixture's datasets below a folder.</summary>
    public static void Write(string folder, int conversations, string corpus)
    {
        MixtureGenerator generator = new(corpus);
        foreach ((string dataset, int count, int promptTokens, int answerTokens, double rounds) in _shape)
        {
            int records = (int)((long)count * conversations / PaperConversations);
            string path = Path.Combine(folder, dataset);
            Directory.CreateDirectory(path);
            generator.WriteDataset(path, dataset, records, promptTokens, answerTokens, rounds);
            Console.WriteLine($"{dataset}: {records} records");
        }
    }

    private void WriteDataset(string path, string dataset, int records, int promptTokens, int answerTokens, double rounds)
    {
        string[] files = dataset switch
        {
            "flan_v2" => ["flan_v2_resampled_100k.jsonl"],
            "cot" => ["cot_zsopt.jsonl", "cot_fsopt.jsonl"],
            "dolly" => ["databricks-dolly-15k.jsonl"],
            "oasst1" => ["2023-04-12_oasst_ready.trees.jsonl"],
            "gpt4_alpaca" => ["alpaca_gpt4_data.json"],
            "code_alpaca" => ["code_alpaca_20k.json"],
            _ => ["sg_90k_part1_html_cleaned.json", "sg_90k_part2_html_cleaned.json"],
        };
        foreach (string file in files)
        {
            using StreamWriter writer = new(Path.Combine(path, file), append: false, new UTF8Encoding(false), bufferSize: 1 << 16);
            bool isArray = file.EndsWith(".json", StringComparison.Ordinal);
            writer.Write(isArray ? "[" : "");
            int inFile = records / files.Length;
            for (int i = 0; i < inFile; i++)
            {
                writer.Write(JsonSerializer.Serialize(Record(dataset, i, promptTokens, answerTokens, rounds), _json));
                writer.Write(isArray && i + 1 < inFile ? ",\n" : "\n");
            }

            writer.Write(isArray ? "]\n" : "");
        }
    }

    private object Record(string dataset, int index, int promptTokens, int answerTokens, double rounds) => dataset switch
    {
        "flan_v2" or "cot" => new { inputs = Text(promptTokens), targets = Text(answerTokens) },
        "dolly" => new { instruction = Text(promptTokens / 3), context = Text(promptTokens * 2 / 3), response = Text(answerTokens), category = "open_qa" },
        "oasst1" => Tree(index, promptTokens, answerTokens, rounds),
        "sharegpt" => new
        {
            id = string.Create(CultureInfo.InvariantCulture, $"made{index}"),
            conversations = Enumerable.Range(0, 2 * Rounds(rounds)).Select(turn => new
            {
                from = turn % 2 == 0 ? "human" : "gpt",
                value = Text(turn % 2 == 0 ? promptTokens : answerTokens),
            }),
        },
        _ => new { instruction = Text(promptTokens), input = "", output = Text(answerTokens) },
    };

    private object Tree(int index, int promptTokens, int answerTokens, double rounds)
    {
        Dictionary<string, object>? node = null;
        for (int turn = (2 * Rounds(rounds)) - 1; turn >= 0; turn--)
        {
            node = new Dictionary<string, object>
            {
                ["message_id"] = string.Create(CultureInfo.InvariantCulture, $"m{index}-{turn}"),
                ["text"] = Text(turn % 2 == 0 ? promptTokens : answerTokens),
                ["role"] = turn % 2 == 0 ? "prompter" : "assistant",
                ["lang"] = "en",
                ["deleted"] = false,
                ["synthetic"] = false,
                ["replies"] = node is null ? Array.Empty<object>() : [node],
            };
        }

        return new { message_tree_id = string.Create(CultureInfo.InvariantCulture, $"m{index}"), tree_state = "ready_for_export", prompt = node };
    }

    // Geometric with that mean.
    private int Rounds(double mean)
    {
        int rounds = 1;
        while (rounds < 40 && _random.NextDouble() < 1 - (1 / mean))
        {
            rounds++;
        }

        return rounds;
    }

    private string Text(int meanTokens)
    {
        double normal = Math.Sqrt(-2 * Math.Log(1 - _random.NextDouble())) * Math.Cos(2 * Math.PI * _random.NextDouble());
        double mean = Math.Log(meanTokens * WordsPerToken) - (Spread * Spread / 2);
        int words = Math.Clamp((int)Math.Exp(mean + (Spread * normal)), 1, MostWords);
        StringBuilder text = new();
        while (words > 0)
        {
            int run = Math.Min(words, _random.Next(5, 40));
            int start = _random.Next(_words.Length - run);
            text.AppendJoin(' ', _words.AsSpan(start, run)!).Append(' ');
            words -= run;
        }

        return text.ToString(0, text.Length - 1);
    }

    private static IEnumerable<string> WordsOf(string path)
    {
        foreach (string text in JsonLines(path))
        {
            foreach (string word in text.Split(' ', StringSplitOptions.RemoveEmptyEntries))
            {
                yield return word;
            }
        }
    }

    private static List<string> JsonLines(string path)
    {
        List<string> texts = [];
        void Visit(JsonElement element)
        {
            switch (element.ValueKind)
            {
                case JsonValueKind.Object:
                    foreach (JsonProperty property in element.EnumerateObject())
                    {
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
                    texts.Add(element.GetString()!);
                    break;
                default:
                    break;
            }
        }

        IEnumerable<string> documents = path.EndsWith(".jsonl", StringComparison.Ordinal) ? File.ReadLines(path) : [File.ReadAllText(path)];
        foreach (string document in documents)
        {
            using JsonDocument json = JsonDocument.Parse(document);
            Visit(json.RootElement);
        }

        return texts;
    }
}
