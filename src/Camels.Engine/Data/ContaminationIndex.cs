using System.Runtime.InteropServices;

namespace Camels.Engine.Data;

/// <summary>
/// The evaluation items by their runs of five words. Runs that more than <see cref="MostItems"/> items share are phrases, not evidence, and
/// not looked for. Immutable and safe to share between threads.
/// </summary>
internal sealed class ContaminationIndex
{
    /// <summary>Words of a run; a shorter item must be a message of its own.</summary>
    public const int RunWords = 5;

    // Of the runs beyond the first few so large a share may be missing: a long item is found with a word changed, a short one only whole.
    private const double MissingShare = 0.4;
    private const int ShortRuns = 5;

    private const int MostItems = 20;
    private const int FewestWords = 2;
    private const int FilterBits = 26;

    private readonly List<EvaluationItem> _items;
    private readonly List<(int[] Items, int Runs)> _texts = [];
    private readonly Dictionary<ulong, int[]> _textsOfRun = [];
    private readonly Dictionary<ulong, List<int>> _itemsOfMessage = [];
    private readonly ulong[] _filter = new ulong[1 << (FilterBits - 6)];

    public ContaminationIndex(List<EvaluationItem> items)
    {
        _items = items;
        Dictionary<ulong, (List<int> Items, HashSet<ulong> Runs)> texts = [];
        List<uint> words = [];
        for (int item = 0; item < items.Count; item++)
        {
            foreach (string text in items[item].Texts)
            {
                words.Clear();
                TextWords.Append(text, words);
                AddText(texts, CollectionsMarshal.AsSpan(words), item);
            }
        }

        AddRuns([.. texts.OrderBy(text => text.Value.Items[0]).ThenBy(text => text.Key).Select(text => text.Value)]);
    }

    /// <summary>All items.</summary>
    public IReadOnlyList<EvaluationItem> Items => _items;

    /// <summary>The number of runs that each text has, and the items that have the text.</summary>
    public (int[] Items, int Runs) Text(int text) => _texts[text];

    /// <summary>Whether a record with so many of a text's runs gives its items away.</summary>
    public static bool IsGivenAway(int runs, int ofRuns) => ofRuns - runs <= MissingShare * Math.Max(0, ofRuns - ShortRuns);

    /// <summary>The texts that have a run of words.</summary>
    public ReadOnlySpan<int> TextsOf(ulong run)
    {
        (int word, int bit) = FilterPlace(run);
        return ((_filter[word] >> bit) & 1) != 0 && _textsOfRun.TryGetValue(run, out int[]? texts) ? texts : [];
    }

    /// <summary>The items that are a whole message with these words.</summary>
    public IReadOnlyList<int> ItemsOfMessage(ReadOnlySpan<uint> words) =>
        words.Length is >= FewestWords and < RunWords && _itemsOfMessage.TryGetValue(TextWords.HashOf(words), out List<int>? items) ? items : [];

    private void AddText(Dictionary<ulong, (List<int> Items, HashSet<ulong> Runs)> texts, ReadOnlySpan<uint> words, int item)
    {
        if (words.Length < RunWords)
        {
            if (words.Length >= FewestWords)
            {
                CollectionsMarshal.GetValueRefOrAddDefault(_itemsOfMessage, TextWords.HashOf(words), out _) ??= [];
                _itemsOfMessage[TextWords.HashOf(words)].Add(item);
            }

            return;
        }

        ulong whole = TextWords.HashOf(words);
        if (!texts.TryGetValue(whole, out (List<int> Items, HashSet<ulong> Runs) text))
        {
            text = ([], []);
            for (int i = 0; i + RunWords <= words.Length; i++)
            {
                _ = text.Runs.Add(TextWords.HashOf(words.Slice(i, RunWords)));
            }

            texts.Add(whole, text);
        }

        if (!text.Items.Contains(item))
        {
            text.Items.Add(item);
        }
    }

    private void AddRuns((List<int> Items, HashSet<ulong> Runs)[] texts)
    {
        Dictionary<ulong, List<int>> textsOfRun = [];
        for (int text = 0; text < texts.Length; text++)
        {
            foreach (ulong run in texts[text].Runs)
            {
                ref List<int>? of = ref CollectionsMarshal.GetValueRefOrAddDefault(textsOfRun, run, out _);
                of ??= [];
                of.Add(text);
            }
        }

        foreach ((ulong run, List<int> of) in textsOfRun)
        {
            // Texts of one item share most runs; texts that several items have are the same question.
            if (of.DistinctBy(text => texts[text].Items[0]).Count() <= MostItems)
            {
                _textsOfRun.Add(run, [.. of]);
                (int word, int bit) = FilterPlace(run);
                _filter[word] |= 1UL << bit;
            }
        }

        foreach ((List<int> items, HashSet<ulong> runs) in texts)
        {
            _texts.Add(([.. items], runs.Count(_textsOfRun.ContainsKey)));
        }
    }

    private static (int Word, int Bit) FilterPlace(ulong run) => ((int)(run >> (64 - FilterBits + 6)), (int)(run & 63));
}

/// <summary>Looks for evaluation items in conversations. One per thread.</summary>
internal sealed class ContaminationProbe(ContaminationIndex index)
{
    private readonly List<uint> _words = [];
    private readonly HashSet<ulong> _runs = [];
    private readonly Dictionary<int, int> _runsOfText = [];
    private readonly SortedDictionary<int, double> _found = [];

    /// <summary>The items that the last conversation gives away, and the share of their runs that it has.</summary>
    public IReadOnlyDictionary<int, double> Found => _found;

    public void Look(ReadOnlySpan<Message> messages)
    {
        _runs.Clear();
        _runsOfText.Clear();
        _found.Clear();
        foreach (Message message in messages)
        {
            EncodedDocuments.ClearBounded(_words);
            TextWords.Append(message.Content, _words);
            LookAt(CollectionsMarshal.AsSpan(_words));
        }

        foreach ((int text, int runs) in _runsOfText)
        {
            (int[] items, int all) = index.Text(text);
            if (ContaminationIndex.IsGivenAway(runs, all))
            {
                foreach (int item in items)
                {
                    _found[item] = Math.Max(_found.GetValueOrDefault(item), (double)runs / all);
                }
            }
        }
    }

    private void LookAt(ReadOnlySpan<uint> words)
    {
        foreach (int item in index.ItemsOfMessage(words))
        {
            _found[item] = 1;
        }

        for (int i = 0; i + ContaminationIndex.RunWords <= words.Length; i++)
        {
            ulong run = TextWords.HashOf(words.Slice(i, ContaminationIndex.RunWords));
            ReadOnlySpan<int> texts = index.TextsOf(run);
            if (!texts.IsEmpty && _runs.Add(run))
            {
                foreach (int text in texts)
                {
                    CollectionsMarshal.GetValueRefOrAddDefault(_runsOfText, text, out _)++;
                }
            }
        }
    }
}
