using System.Globalization;
using System.Text;
using System.Text.Json;
using Camels.Engine.Tokenizers;

namespace Camels.Engine.Verification;

/// <summary>
/// Compares a tokenizer with golden vectors: a JSONL file with one string a line and what a reference made of it. The error of a check is
/// the number of strings that differ, and none may.
/// </summary>
/// <remarks>
/// <c>ids</c>: with BOS where the tokenizer adds one, special tokens parsed, for LLaMA with legacy off; <c>ids_legacy</c>: legacy on.
/// <c>sp_ids</c>, <c>plain_ids</c>: no BOS, special tokens are ordinary text. <c>decoded</c>, <c>decoded_with_special</c>,
/// <c>sp_decoded</c>: the ids as text. A line leaves an optional field out where it equals <c>ids</c> or <c>decoded</c>. A folder with nothing but
/// <c>tokenizer.model</c> is plain SentencePiece: special tokens are ordinary text in <c>ids</c> too.
/// </remarks>
public sealed class TokenizerCheck
{
    private const long MaximumBytes = 1 << 28;
    private const string FastReason = "not checked: it describes another implementation, on tokenizer.json; tokenizer.model wins over it";

    private readonly ITokenizer _tokenizer;
    private readonly bool _isPlain;
    private readonly List<JsonFields> _strings;
    private readonly HashSet<string> _fields;
    private readonly CheckReport _report = new();

    private TokenizerCheck(string folder, List<JsonFields> strings)
    {
        _tokenizer = TokenizerFiles.Load(folder);
        _isPlain = _tokenizer is SentencePieceTokenizer && !TokenizerFiles.HasSettings(folder);
        _strings = strings;
        _fields = [.. strings.SelectMany(golden => golden.Names)];
    }

    /// <summary>Checks every string of a golden file.</summary>
    /// <param name="folder">The folder of the tokenizer.</param>
    /// <param name="goldenPath">The JSONL file.</param>
    /// <exception cref="CamelsException">Exit code 3: the tokenizer or a line of the file cannot be read.</exception>
    public static CheckReport Run(string folder, string goldenPath)
    {
        TokenizerCheck check = new(folder, ReadGolden(goldenPath));
        check.CheckIds();
        check.CheckTexts();
        return check._report;
    }

    private void CheckIds()
    {
        if (_tokenizer is SentencePieceTokenizer llama && !_isPlain)
        {
            SentencePieceTokenizer legacy = llama.WithLegacy(true);
            string own = llama.IsLegacy ? "ids_legacy" : "ids";
            Compare("ids", golden => Ids(golden, "ids"), golden => Encode(golden, llama.WithLegacy(false), special: true));
            Compare("ids_legacy", golden => Ids(golden, "ids_legacy", "ids"), golden => Encode(golden, legacy, special: true));
            Compare($"ids as the folder is set (legacy {(llama.IsLegacy ? "on" : "off")})", field: "ids",
                golden => Ids(golden, own, "ids"), golden => Encode(golden, llama, special: true));
        }
        else
        {
            Compare("ids", golden => Ids(golden, "ids"), golden => Encode(golden, _tokenizer, special: !_isPlain));
        }

        foreach (string field in (string[])["sp_ids", "plain_ids"])
        {
            Compare(field, golden => Plain(golden, field), golden => Encode(golden, _tokenizer, special: false)[Bos.Length..]);
        }

        Skip("ids_fast");
    }

    private void CheckTexts()
    {
        Compare("decoded", golden => Text(golden, "decoded"), golden => Decode(Ids(golden, "ids"), skipSpecial: true));
        Compare("decoded_with_special", golden => Text(golden, "decoded_with_special", "decoded"),
            golden => Decode(Ids(golden, "ids"), skipSpecial: false));
        Compare("sp_decoded", golden => Text(golden, "sp_decoded", "decoded"),
            golden => Decode(Plain(golden, "sp_ids"), skipSpecial: true));
        Skip("decoded_fast");
    }

    private int[] Bos => _tokenizer is { AddsBos: true, BosId: int bos } ? [bos] : [];

    private void Compare<T>(string field, Func<JsonFields, T> expected, Func<JsonFields, T> given) where T : notnull =>
        Compare(field, field, expected, given);

    private void Compare<T>(string name, string field, Func<JsonFields, T> expected, Func<JsonFields, T> given) where T : notnull
    {
        if (!_fields.Contains(field))
        {
            _report.AddAbsent(name);
            return;
        }

        int differing = 0;
        string note = string.Create(CultureInfo.InvariantCulture, $"{_strings.Count} strings");
        foreach (JsonFields golden in _strings)
        {
            string wanted = Written(expected(golden));
            string found = Written(given(golden));
            if (wanted != found && differing++ == 0)
            {
                note += $"; first difference in {golden.Shown("text")}: {Difference(found, wanted)}";
            }
        }

        _report.Add(name, error: differing, tolerance: 0, note);
    }

    private void Skip(string field) => _report.AddAbsent(field, _fields.Contains(field) ? FastReason : "not in this case");

    private int[] Encode(JsonFields golden, ITokenizer tokenizer, bool special)
    {
        List<int> ids = [.. Bos];
        tokenizer.Encode(Text(golden, "text"), ids, isStart: true, parseSpecial: special);
        return [.. ids];
    }

    private string Decode(int[] ids, bool skipSpecial)
    {
        int outside = Array.FindIndex(ids, id => (uint)id >= (uint)_tokenizer.VocabularySize);
        return outside < 0 ? _tokenizer.Decode(ids, skipSpecial)
            : string.Create(CultureInfo.InvariantCulture, $"(id {ids[outside]} is outside the vocabulary of {_tokenizer.VocabularySize})");
    }

    // The field itself, or where it is left out the ids without their BOS.
    private int[] Plain(JsonFields golden, string field)
    {
        int[] ids = Ids(golden, field, "ids");
        return golden.IsMissing(field) && ids.AsSpan().StartsWith(Bos) ? ids[Bos.Length..] : ids;
    }

    private static int[] Ids(JsonFields golden, string field, string? otherwise = null) =>
        golden.IntegerList(Present(golden, field, otherwise), int.MinValue, int.MaxValue);

    private static string Text(JsonFields golden, string field, string? otherwise = null) => golden.RequiredText(Present(golden, field, otherwise));

    private static string Present(JsonFields golden, string field, string? otherwise) => golden.IsMissing(field) ? otherwise ?? field : field;

    private static string Written(object value) => value as string ?? string.Join(' ', (int[])value);

    private static string Difference(string found, string wanted)
    {
        int at = Math.Max(0, found.AsSpan().CommonPrefixLength(wanted) - 20);
        return $"'{Excerpt(found, at)}', expected '{Excerpt(wanted, at)}'";
    }

    private static string Excerpt(string text, int at) => text.Length - at <= 60 ? text[at..] : text.Substring(at, 60) + "…";

    private static List<JsonFields> ReadGolden(string path)
    {
        List<JsonFields> strings = [];
        using StreamReader reader = new(new MemoryStream(StrictJson.ReadBytes(path, MaximumBytes)), Encoding.UTF8);
        for (int number = 1; reader.ReadLine() is string line; number++)
        {
            if (line.Length > 0)
            {
                using JsonDocument document = StrictJson.ParseObject(Encoding.UTF8.GetBytes(line), path, number);
                strings.Add(Validated(new JsonFields(document.RootElement.Clone(), $"{path}, line {number}")));
            }
        }

        return strings;
    }

    // Every field that is read later is read here once: a wrong type is refused before anything is compared.
    private static JsonFields Validated(JsonFields golden)
    {
        foreach (string field in golden.Names.Concat(["text", "ids", "decoded"]))
        {
            if (field.Contains("ids", StringComparison.Ordinal))
            {
                _ = Ids(golden, field);
            }
            else if (field == "text" || field.Contains("decoded", StringComparison.Ordinal))
            {
                _ = Text(golden, field);
            }
        }

        return golden;
    }
}
