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

    /// <summary>Shows the folder and one row of its training split.</summary>
    public static void Show(Screen screen, string path, int row, string? tokenizerFolder)
    {
        using PreparedData data = PreparedData.Open(path);
        if (row < 0 || row >= data.Rows)
        {
            throw CamelsException.Usage($"--row {row} is outside the {data.Rows} rows of {path}; the first is 0");
        }

        ITokenizer? tokenizer = tokenizerFolder is null ? null : OpenTokenizer(data, tokenizerFolder);
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
        ShowRow(screen, data.Row(row), row, tokenizer);
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

    private static void ShowRow(Screen screen, PackedRow row, int index, ITokenizer? tokenizer)
    {
        screen.Line(screen.IsTerminal ? $"row {index}; trained tokens in green" : $"row {index}; trained tokens in [brackets]");
        for (int document = 0; document < row.DocumentSources.Length; document++)
        {
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
