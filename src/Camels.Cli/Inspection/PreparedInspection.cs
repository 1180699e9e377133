using Camels.Cli.Output;
using Camels.Engine;
using Camels.Engine.Data;
using Camels.Engine.Tokenizers;
using Spectre.Console;

namespace Camels.Cli.Inspection;

/// <summary>Shows prepared data: what it was made from, and the tokens of a row with the trained ones marked.</summary>
internal static class PreparedInspection
{
    /// <summary>True for a folder that data preparation wrote.</summary>
    public static bool IsPrepared(string path) => File.Exists(Path.Combine(path, "train.ids"));

    /// <summary>What to show of prepared data.</summary>
    /// <param name="Split">train or validation.</param>
    /// <param name="Row">The row; null: that of the example, else the first.</param>
    /// <param name="Example">Number of a record in its source, from 0.</param>
    /// <param name="Source">The name of the example's source; null: the first.</param>
    /// <param name="Tokenizer">Folder of the tokenizer, to show text instead of ids.</param>
    public sealed record Choice(string Split, int? Row, long? Example, string? Source, string? Tokenizer);

    /// <summary>Shows the folder and one row, or the documents of one example.</summary>
    public static void Show(Screen screen, string path, Choice choice)
    {
        using PreparedData data = PreparedData.Open(path, choice.Split);
        int source = SourceOf(data, choice.Source);
        RequireOneChoice(choice);
        int row = choice.Example is long record ? RowOf(data, record, source) : choice.Row ?? 0;
        if (row < 0 || row >= data.Rows)
        {
            throw CamelsException.Usage($"--row {row} is outside the {data.Rows} rows of {path}; the first is 0");
        }

        ITokenizer? tokenizer = choice.Tokenizer is null ? null : OpenTokenizer(data, choice.Tokenizer);
        PreparedManifest manifest = data.Manifest;
        screen.Table(
            ["prepared data", "value>"],
            [
                ["rows", Screen.Count(data.Rows)],
                ["documents", Screen.Count(data.Documents)],
                ["tokens", Screen.Count(data.Tokens)],
                ["trained tokens", Screen.Count(data.TrainedTokens)],
                ["longest row", $"{data.LongestRow}"],
                ["template", manifest.Template],
                ["sources", string.Join(", ", data.SourceNames)],
            ]);
        if (choice.Example is long example)
        {
            screen.Line($"example {example}; {Legend(screen)}");
            for (int next = row; next < data.Rows; next++)
            {
                ShowDocuments(screen, data.Row(next), tokenizer, example, source);
            }
        }
        else
        {
            screen.Line($"row {row}; {Legend(screen)}");
            ShowDocuments(screen, data.Row(row), tokenizer, record: null, source: 0);
        }

        screen.Json(new
        {
            Path = path,
            data.Key,
            data.Rows,
            data.Documents,
            data.Tokens,
            data.TrainedTokens,
            data.LongestRow,
            data.SourceNames,
            Row = new
            {
                Index = row,
                Ids = data.Row(row).Ids.ToArray(),
                Trained = data.Row(row).Trained.ToArray().Select(flag => flag != 0),
                DocumentBounds = data.Row(row).DocumentBounds.ToArray(),
            },
        });
    }

    private static ITokenizer OpenTokenizer(PreparedData data, string folder)
    {
        ITokenizer tokenizer = TokenizerFiles.Load(folder);
        return tokenizer.Sha256 == data.Manifest.TokenizerSha256
            ? tokenizer
            : throw CamelsException.BadInput($"{folder} is another tokenizer than the one this data was prepared with");
    }

    private static string Legend(Screen screen) => screen.IsTerminal ? "trained tokens in green" : "trained tokens in [brackets]";

    private static int SourceOf(PreparedData data, string? name)
    {
        int source = name is null ? 0 : data.SourceNames.ToList().IndexOf(name);
        return source >= 0 ? source : throw CamelsException.Usage($"--source {name} is none of {string.Join(", ", data.SourceNames)}");
    }

    private static void RequireOneChoice(Choice choice)
    {
        if (choice.Example is long example && choice.Row is int row)
        {
            throw CamelsException.Usage($"--row {row} and --example {example} exclude each other; give one of them");
        }

        if (choice.Example is null && choice.Source is string source)
        {
            throw CamelsException.Usage($"--source {source} needs --example, the number of a record in it");
        }
    }

    // The first row with a document of the record.
    private static int RowOf(PreparedData data, long record, int source)
    {
        for (int row = 0; row < data.Rows; row++)
        {
            PackedRow packed = data.Row(row);
            for (int document = 0; document < packed.DocumentSources.Length; document++)
            {
                if (packed.DocumentSources[document] == source && packed.DocumentRecords[document] == record)
                {
                    return row;
                }
            }
        }

        throw CamelsException.Usage($"--example {record}: no such record of {data.SourceNames[source]} in this split; it may have been left out or held out");
    }

    // All documents of the row, or those of one record.
    private static void ShowDocuments(Screen screen, PackedRow row, ITokenizer? tokenizer, long? record, int source)
    {
        for (int document = 0; document < row.DocumentSources.Length; document++)
        {
            if (record is not null && (row.DocumentRecords[document], row.DocumentSources[document]) != (record, source))
            {
                continue;
            }

            for (int token = row.DocumentBounds[document]; token < row.DocumentBounds[document + 1]; token++)
            {
                string piece = tokenizer?.PieceText(row.Ids[token]) ?? $"{row.Ids[token]}";
                bool isTrained = row.Trained[token] != 0;
                string shown = isTrained && !screen.IsTerminal ? $"[{piece}] " : $"{piece} ";
                screen.Colored(shown, isTrained ? Color.Green : Color.Default);
            }

            screen.Line();
        }
    }
}
