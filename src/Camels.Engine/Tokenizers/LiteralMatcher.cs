using System.Buffers;

namespace Camels.Engine.Tokenizers;

/// <summary>A token that is looked for literally in a text, before anything else is done with it.</summary>
/// <param name="Id">Its id.</param>
/// <param name="Text">What is looked for; not empty.</param>
/// <param name="IsSpecial">True: found only where special tokens are parsed, and it stands for no text.</param>
/// <param name="IsNormalized">True: looked for after normalisation.</param>
internal sealed record AddedToken(int Id, string Text, bool IsSpecial, bool IsNormalized);

/// <summary>Where a token was found; <see cref="Token"/> is null where none was, and then the rest of the text holds none.</summary>
internal readonly record struct LiteralMatch(int Start, AddedToken? Token);

/// <summary>Finds tokens in a text: the leftmost, and there the longest. A trie over UTF-16 units; immutable.</summary>
internal sealed class LiteralMatcher
{
    private const int LongestToken = 256;
    private const int MostUnits = 1 << 20;

    private readonly Dictionary<ulong, int> _children = [];     // node << 16 | unit
    private readonly List<AddedToken?> _tokens = [null];        // by node
    private readonly SearchValues<char> _firstUnits;

    /// <exception cref="CamelsException">Exit code 3: longer tokens, or more of them, than any real tokenizer has.</exception>
    public LiteralMatcher(IEnumerable<AddedToken> tokens)
    {
        HashSet<char> firstUnits = [];
        foreach (AddedToken token in tokens)
        {
            if (token.Text.Length > LongestToken || _tokens.Count > MostUnits)
            {
                throw CamelsException.BadInput(
                    $"the added token {token.Id} has more than {LongestToken} characters, or all together more than {MostUnits}");
            }

            _ = firstUnits.Add(token.Text[0]);
            Add(token);
        }

        _firstUnits = SearchValues.Create([.. firstUnits]);
    }

    /// <summary>True where there is nothing to look for.</summary>
    public bool IsEmpty => _children.Count == 0;

    /// <summary>The first token at or after <paramref name="from"/>; special ones only when asked for.</summary>
    public LiteralMatch Find(ReadOnlySpan<char> text, int from, bool special)
    {
        int start = from;
        while (!IsEmpty)
        {
            int further = text[start..].IndexOfAny(_firstUnits);
            if (further < 0)
            {
                break;
            }

            start += further;
            if (LongestAt(text[start..], special) is AddedToken token)
            {
                return new LiteralMatch(start, token);
            }

            start++;
        }

        return new LiteralMatch(text.Length, null);
    }

    /// <summary>The longest token at the very start of <paramref name="text"/>, or null.</summary>
    public AddedToken? LongestAt(ReadOnlySpan<char> text, bool special)
    {
        AddedToken? longest = null;
        int node = 0;
        for (int i = 0; i < text.Length && _children.TryGetValue(Key(node, text[i]), out node); i++)
        {
            if (_tokens[node] is AddedToken token && (special || !token.IsSpecial))
            {
                longest = token;
            }
        }

        return longest;
    }

    private void Add(AddedToken token)
    {
        int node = 0;
        foreach (char unit in token.Text)
        {
            ulong key = Key(node, unit);
            if (!_children.TryGetValue(key, out node))
            {
                node = _tokens.Count;
                _tokens.Add(null);
                _children.Add(key, node);
            }
        }

        _tokens[node] = token;
    }

    private static ulong Key(int node, char unit) => ((ulong)(uint)node << 16) | unit;
}
