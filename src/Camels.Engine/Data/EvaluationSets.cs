using System.Globalization;
using System.IO.Compression;
using System.Text;
using System.Text.Json;

namespace Camels.Engine.Data;

/// <summary>One question of a benchmark.</summary>
/// <param name="Benchmark">The folder's name.</param>
/// <param name="Id">Its id in the benchmark, or file and number.</param>
/// <param name="Texts">What would give it away: any of these in a training record.</param>
internal sealed record EvaluationItem(string Benchmark, string Id, string[] Texts);

/// <summary>
/// The questions of the evaluation sets below a folder, one folder a benchmark, in the publishers' files. Only what is asked at evaluation:
/// a benchmark's own training split and its demonstrations are no items. Folders of other names are read as *.jsonl with prompt, question,
/// instruction, input or text. A folder without an item, or an item without a word, would pass for compared and clean: both are errors.
/// </summary>
internal static class EvaluationSets
{
    private const int MostFileBytes = 256 << 20;
    private const StringSplitOptions LineOptions = StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries;

    private static readonly string[] _textKeys = ["prompt", "question", "instruction", "input", "text"];

    // What publishers lay beside the questions: judges' prompts, tables of results, word lists.
    private static readonly string[] _withoutQuestions = ["helm", "impact", "instruct_eval_leaderboards"];

    private static readonly Dictionary<string, (string Expected, Func<string, IEnumerable<(string Id, string[] Texts)>> Read)> _readers = new()
    {
        ["mmlu"] = ("test/*.csv with question, choices and answer",
            folder => Files(folder, "test/*.csv").SelectMany(file => Csv.Read(Text(file)).Select((row, number) =>
                (IdOf(file, number), new[] { row[0], string.Join('\n', row.SkipLast(1)), AsAsked(row) })))),
        ["gsm"] = ("test.jsonl with question",
            folder => Lines(folder, "test.jsonl", item => [Field(item, "question")])),
        ["bbh"] = ("bbh/*.json with examples, each with input",
            folder => Examples(folder, "bbh/*.json")),
        ["hhh"] = ("*/task.json with examples, each with input",
            folder => Examples(folder, "*/task.json")),
        ["tydiqa"] = ("tydiqa-goldp-v1.1-dev.json with data, paragraphs, qas and question",
            folder => Files(folder, "tydiqa-goldp-v1.1-dev.json").SelectMany(TydiQa)),
        ["codex_humaneval"] = ("HumanEval.jsonl or HumanEval.jsonl.gz with prompt",
            folder => Lines(folder, "HumanEval.jsonl*", item => [Field(item, "prompt")])),
        ["alpaca_eval"] = ("text_davinci_003/model_outputs.json with instruction",
            folder => Files(folder, "text_davinci_003/model_outputs.json").SelectMany(file => Document(
                file, root => root.EnumerateArray().Select((item, number) => (IdOf(file, number), new[] { Field(item, "instruction") }))))),
        ["toxigen"] = ("prompts/*.txt with a prompt a line",
            folder => Files(folder, "prompts/*.txt").SelectMany(file => Text(file).Split('\n', LineOptions)
                .Select((line, number) => (IdOf(file, number), new[] { line.Replace("\\n", "\n", StringComparison.Ordinal) })))),
        ["truthfulqa"] = ("TruthfulQA.csv with a column Question", TruthfulQa),
        ["drop"] = ("drop_v0_dev.jsonl or drop_v0_dev.jsonl.gz with context",
            folder => Lines(folder, "drop_v0_dev.jsonl*", item => [Field(item, "context")])),
        ["crass"] = ("CR-C_CRASS_EN.json with premise and QCC",
            folder => Lines(folder, "CR-C_CRASS_EN.json", item => [$"{Field(item, "premise")}\n{Field(item, "QCC")}"])),
        ["creative_tasks"] = ("self_instruct_test.jsonl with instruction or vicuna_test.jsonl with text",
            CreativeTasks),
        ["human_eval"] = ("eval_instances*.jsonl with prompt",
            folder => Lines(folder, "eval_instances*.jsonl", item => [Field(item, "prompt")])),
    };

    /// <summary>All items, in an order that no file listing changes. Nothing there, or a broken file, is exit code 3.</summary>
    public static List<EvaluationItem> Read(string path)
    {
        if (!Directory.Exists(path))
        {
            throw CamelsException.BadInput($"{path}: no such folder (evaluation sets to compare the training data with).");
        }

        if (Files(path, "*.jsonl*") is [string loose, ..])
        {
            throw CamelsException.BadInput($"{loose}: lies outside a folder; expected in a folder named after its benchmark.");
        }

        List<EvaluationItem> items = [];
        foreach (string folder in Directory.EnumerateDirectories(path).Where(folder => Path.GetFileName(folder)[0] != '.').Order(StringComparer.Ordinal))
        {
            items.AddRange(Items(folder));
        }

        return items.Count > 0 ? items : throw CamelsException.BadInput(
            $"{path}: holds no evaluation set; expected folders such as {string.Join(", ", _readers.Keys.Take(4))}, or others with .jsonl files.");
    }

    private static List<EvaluationItem> Items(string folder)
    {
        string benchmark = Path.GetFileName(folder);
        (string expected, Func<string, IEnumerable<(string Id, string[] Texts)>> read) =
            _readers.GetValueOrDefault(benchmark, ($"*.jsonl with {string.Join(", ", _textKeys)}", Unknown));
        List<EvaluationItem> items = [];
        List<uint> words = [];
        foreach ((string id, string[] texts) in read(folder))
        {
            words.Clear();
            foreach (string text in texts)
            {
                TextWords.Append(text, words);
            }

            if (words.Count == 0)
            {
                throw CamelsException.BadInput($"{folder}: item {id} has no word to compare; expected {expected}.");
            }

            items.Add(new EvaluationItem(benchmark, id, texts));
        }

        return items.Count > 0 || _withoutQuestions.Contains(benchmark) ? items : throw CamelsException.BadInput(
            $"{folder}: holds no item to compare; expected {expected}.");
    }

    private static IEnumerable<(string Id, string[] Texts)> Unknown(string folder) =>
        Lines(folder, "*.jsonl*", item => [string.Join('\n', _textKeys.Select(key => Field(item, key)).Where(text => text.Length > 0))]);

    // The letters stand between the choices and so in most runs of a short question.
    private static string AsAsked(string[] row) =>
        string.Join('\n', [row[0], .. row.Skip(1).SkipLast(1).Select((choice, number) => $"{(char)('A' + number)}. {choice}")]);

    private static IEnumerable<(string Id, string[] Texts)> CreativeTasks(string folder) =>
        Lines(folder, "self_instruct_test.jsonl", item => [string.Join('\n', [Field(item, "instruction"), .. Array(item, "instances").Select(i => Field(i, "input"))])])
            .Concat(Lines(folder, "vicuna_test.jsonl", item => [Field(item, "text")]));

    private static IEnumerable<(string Id, string[] Texts)> TruthfulQa(string folder)
    {
        foreach (string file in Files(folder, "TruthfulQA.csv"))
        {
            List<string[]> rows = Csv.Read(Text(file));
            int column = rows.Count == 0 ? -1 : System.Array.IndexOf(rows[0], "Question");
            for (int row = 1; row < rows.Count && column >= 0; row++)
            {
                yield return (IdOf(file, row), [rows[row].ElementAtOrDefault(column) ?? ""]);
            }
        }
    }

    private static IEnumerable<(string Id, string[] Texts)> TydiQa(string file) => Document(file, root =>
        from article in Array(root, "data")
        from paragraph in Array(article, "paragraphs")
        from question in Array(paragraph, "qas")
        let text = Field(question, "question")
        select (Field(question, "id"), new[] { text, $"{Field(paragraph, "context")}\n{text}" }));

    private static IEnumerable<(string Id, string[] Texts)> Examples(string folder, string pattern) => Files(folder, pattern).SelectMany(file => Document(
        file, root => Array(root, "examples").Select((item, number) => (IdOf(file, number), new[] { Field(item, "input") }))));

    private static IEnumerable<(string Id, string[] Texts)> Lines(string folder, string pattern, Func<JsonElement, string[]> texts)
    {
        foreach (string file in Files(folder, pattern))
        {
            int number = 0;
            foreach (string line in Text(file).Split('\n'))
            {
                if (!string.IsNullOrWhiteSpace(line))
                {
                    yield return (IdOf(file, number), Parse(file, line, number + 1, texts));
                }

                number++;
            }
        }
    }

    private static List<T> Document<T>(string file, Func<JsonElement, IEnumerable<T>> read) => Parse(file, Text(file), line: 1, root => read(root).ToList());

    private static T Parse<T>(string file, string json, int line, Func<JsonElement, T> read)
    {
        try
        {
            using JsonDocument document = JsonDocument.Parse(json, StrictJson.Options);
            return read(document.RootElement);
        }
        catch (Exception broken) when (broken is JsonException or InvalidOperationException)
        {
            throw CamelsException.BadInput(
                $"{file}, line {line.ToString(CultureInfo.InvariantCulture)}: not the evaluation set that its name says ({StrictJson.WithoutPosition(broken.Message)}).", broken);
        }
    }

    private static string Field(JsonElement item, string key) =>
        item.TryGetProperty(key, out JsonElement value) && value.ValueKind == JsonValueKind.String ? value.GetString()! : "";

    private static IEnumerable<JsonElement> Array(JsonElement item, string key) =>
        item.TryGetProperty(key, out JsonElement value) && value.ValueKind == JsonValueKind.Array ? value.EnumerateArray() : [];

    private static string IdOf(string file, int number) =>
        string.Create(CultureInfo.InvariantCulture, $"{Path.GetFileName(Path.GetDirectoryName(file))}/{Path.GetFileName(file)}:{number + 1}");

    // A pattern is a file's, or a folder's and a file's.
    private static string[] Files(string folder, string pattern)
    {
        string[] parts = pattern.Split('/');
        IEnumerable<string> folders = parts.Length == 1 ? [folder] : Directory.EnumerateDirectories(folder, parts[0]);
        return [.. folders.SelectMany(inner => Directory.EnumerateFiles(inner, parts[^1])).Order(StringComparer.Ordinal)];
    }

    private static string Text(string path)
    {
        try
        {
            using FileStream file = DataFiles.OpenRead(path);
            using GzipFile? packed = path.EndsWith(DataFiles.GzipExtension, StringComparison.Ordinal) ? new GzipFile(file.SafeFileHandle) : null;
            using Stream stream = packed is null ? file : new GZipStream(packed, CompressionMode.Decompress);
            byte[] bytes = new byte[1 << 20];
            int length = 0;
            for (int read; (read = stream.Read(bytes.AsSpan(length))) > 0;)
            {
                length += read;
                if (length > MostFileBytes)
                {
                    throw CamelsException.BadInput($"{path}: longer than any evaluation set ({MostFileBytes >> 20} MiB).");
                }

                if (length == bytes.Length)
                {
                    System.Array.Resize(ref bytes, 2 * length);
                }
            }

            packed?.RequireWhole(path);
            return Encoding.UTF8.GetString(bytes, 0, length).TrimStart('\ufeff');
        }
        catch (Exception failure) when (failure is IOException or InvalidDataException)
        {
            throw CamelsException.BadInput($"{path}: cannot be read: {failure.Message}", failure);
        }
    }
}
