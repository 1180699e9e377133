using System.Globalization;
using System.Text;

namespace Camels.Engine.Tokenizers;

/// <summary>
/// SentencePiece's byte-pair encoding of normalised text: characters (and user-defined pieces, which stay whole) are joined to the piece of
/// the best score, the leftmost among equals, over the whole text. Immutable and safe to share between threads.
/// </summary>
internal sealed class SentencePieceBpe : IWordSymbols
{
    /// <summary>How a space is written in pieces.</summary>
    public const char Space = '\u2581';

    // A symbol is the id of a piece, or this and a code point: a character that is no piece of its own.
    private const int NoPiece = 1 << 30;
    private const int LongestNormalPiece = 128;

    private readonly MergeTable _merges = new();
    private readonly int[] _symbolOfUnit = new int[0x10000];
    private readonly Dictionary<int, int> _symbolOfPoint = [];      // beyond the BMP
    private readonly LiteralMatcher _userDefined;
    private readonly int[]? _byteIds;
    private readonly int _unknownId;
    private readonly bool _hasSeparateWords;
    private readonly ThreadLocal<WordEncoder> _encoder;

    /// <exception cref="CamelsException">Exit code 3: the pieces contradict each other.</exception>
    public SentencePieceBpe(string path, SentencePieceModel model)
    {
        Dictionary<string, int> ids = [];
        for (int id = 0; id < model.Pieces.Count; id++)
        {
            Require(ids.TryAdd(model.Pieces[id].Text, id), path, $"has the piece '{model.Pieces[id].Text}' twice");
        }

        SentencePiece[] unknown = [.. model.Pieces.Where(piece => piece.Kind == PieceKind.Unknown)];
        Require(unknown.Length == 1, path, $"has {unknown.Length} pieces for the unknown; it must have one");
        _unknownId = ids[unknown[0].Text];
        _byteIds = model.HasByteFallback ? ByteIds(path, model, ids) : null;
        _userDefined = new LiteralMatcher(UserDefined(path, model));
        _hasSeparateWords = !model.Pieces.Exists(CrossesWords);
        AddCharacters(model);
        AddMerges(path, model);
        _encoder = new ThreadLocal<WordEncoder>(() => new WordEncoder(this, _merges));
    }

    /// <inheritdoc/>
    public int MostSymbols(ReadOnlySpan<char> word) => word.Length;

    /// <summary>Appends the ids of normalised text.</summary>
    public void Encode(ReadOnlySpan<char> normalized, List<int> ids)
    {
        WordEncoder encoder = _encoder.Value!;
        int first = ids.Count;
        while (!normalized.IsEmpty)
        {
            int length = _hasSeparateWords ? WordLength(normalized) : normalized.Length;
            int before = ids.Count;
            encoder.Encode(normalized[..length], ids);
            normalized = normalized[length..];
            if (_byteIds is null && before > first && ids[before] == _unknownId && ids[before - 1] == _unknownId)
            {
                ids.RemoveAt(before);   // a run of unknown characters is one unknown, across words too
            }
        }
    }

    /// <inheritdoc/>
    public int Split(ReadOnlySpan<char> word, Span<int> symbols)
    {
        int count = 0;
        while (!word.IsEmpty)
        {
            int units;
            if (!_userDefined.IsEmpty && _userDefined.LongestAt(word, special: false) is AddedToken piece)
            {
                (symbols[count], units) = (piece.Id, piece.Text.Length);
            }
            else
            {
                _ = Rune.DecodeFromUtf16(word, out Rune rune, out units);
                symbols[count] = SymbolOf(rune);
            }

            count++;
            word = word[units..];
        }

        return count;
    }

    /// <inheritdoc/>
    public ReadOnlySpan<int> ToIds(ReadOnlySpan<int> symbols, ref int[] scratch)
    {
        if (scratch.Length < 4 * symbols.Length)
        {
            scratch = new int[4 * symbols.Length];
        }

        int count = 0;
        foreach (int symbol in symbols)
        {
            if (symbol < NoPiece)
            {
                scratch[count++] = symbol;
            }
            else if (_byteIds is not null)
            {
                count += AppendBytes(new Rune(symbol - NoPiece), scratch.AsSpan(count));
            }
            else if (count == 0 || scratch[count - 1] != _unknownId)
            {
                scratch[count++] = _unknownId;
            }
        }

        return scratch.AsSpan(0, count);
    }

    private int AppendBytes(Rune rune, Span<int> ids)
    {
        Span<byte> utf8 = stackalloc byte[4];
        int count = rune.EncodeToUtf8(utf8);
        for (int i = 0; i < count; i++)
        {
            ids[i] = _byteIds![utf8[i]];
        }

        return count;
    }

    // Where no piece has a space after something else, no merge crosses the start of a run of spaces, and words can be encoded one by one.
    private static int WordLength(ReadOnlySpan<char> text)
    {
        int spaces = text.IndexOfAnyExcept(Space);
        int length = spaces < 0 ? -1 : text[spaces..].IndexOf(Space);
        return length < 0 ? text.Length : spaces + length;
    }

    private static bool CrossesWords(SentencePiece piece)
    {
        int start = piece.Text.AsSpan().IndexOfAnyExcept(Space);
        return piece.Kind is PieceKind.Normal or PieceKind.UserDefined && start >= 0 && piece.Text.AsSpan(start).Contains(Space);
    }

    private int SymbolOf(Rune rune) =>
        rune.IsBmp ? _symbolOfUnit[rune.Value] : _symbolOfPoint.GetValueOrDefault(rune.Value, NoPiece + rune.Value);

    private static IEnumerable<AddedToken> UserDefined(string path, SentencePieceModel model)
    {
        for (int id = 0; id < model.Pieces.Count; id++)
        {
            string text = model.Pieces[id].Text;
            if (model.Pieces[id].Kind == PieceKind.UserDefined)
            {
                Require(!text.Contains(' ', StringComparison.Ordinal), path, $"has the user-defined piece '{text}' with a plain space");
                yield return new AddedToken(id, text, IsSpecial: false, IsNormalized: true);
            }
        }
    }

    private static int[] ByteIds(string path, SentencePieceModel model, Dictionary<string, int> ids)
    {
        int[] byteIds = new int[256];
        for (int value = 0; value < 256; value++)
        {
            string name = ByteName(value);
            Require(ids.TryGetValue(name, out byteIds[value]) && model.Pieces[byteIds[value]].Kind == PieceKind.Byte, path,
                $"falls back to bytes but has no byte piece {name}");
        }

        return byteIds;
    }

    /// <summary>How the piece of a byte is spelled.</summary>
    public static string ByteName(int value) => string.Create(CultureInfo.InvariantCulture, $"<0x{value:X2}>");

    private void AddCharacters(SentencePieceModel model)
    {
        for (int unit = 0; unit < _symbolOfUnit.Length; unit++)
        {
            _symbolOfUnit[unit] = NoPiece + unit;
        }

        for (int id = 0; id < model.Pieces.Count; id++)
        {
            SentencePiece piece = model.Pieces[id];
            _ = Rune.DecodeFromUtf16(piece.Text, out Rune rune, out int units);
            if (piece.Kind == PieceKind.Normal && units == piece.Text.Length)
            {
                if (rune.IsBmp)
                {
                    _symbolOfUnit[rune.Value] = id;
                }
                else
                {
                    _symbolOfPoint[rune.Value] = id;
                }
            }
        }
    }

    // Every way of cutting a piece into two symbols is a merge; its rank is the place of its score.
    private void AddMerges(string path, SentencePieceModel model)
    {
        Dictionary<string, int> normal = [];
        Dictionary<float, int> ranks = [];
        foreach (int id in Enumerable.Range(0, model.Pieces.Count).OrderByDescending(id => model.Pieces[id].Score))
        {
            SentencePiece piece = model.Pieces[id];
            if (piece.Kind == PieceKind.Normal)
            {
                Require(piece.Text.Length <= LongestNormalPiece, path, $"has a piece of more than {LongestNormalPiece} characters");
                normal.Add(piece.Text, id);
                _ = ranks.TryAdd(piece.Score, ranks.Count);
            }
        }

        Dictionary<string, int>.AlternateLookup<ReadOnlySpan<char>> lookup = normal.GetAlternateLookup<ReadOnlySpan<char>>();
        foreach ((string text, int id) in normal)
        {
            for (int cut = 1; cut < text.Length; cut++)
            {
                if (TrySymbol(text.AsSpan(0, cut), lookup, out int left) && TrySymbol(text.AsSpan(cut), lookup, out int right))
                {
                    _merges.Set(left, right, ranks[model.Pieces[id].Score], joined: id);
                }
            }
        }
    }

    // A cut inside a surrogate pair gives no symbol.
    private bool TrySymbol(ReadOnlySpan<char> text, Dictionary<string, int>.AlternateLookup<ReadOnlySpan<char>> normal, out int symbol)
    {
        if (Rune.DecodeFromUtf16(text, out Rune rune, out int units) == System.Buffers.OperationStatus.Done && units == text.Length)
        {
            symbol = SymbolOf(rune);
            return true;
        }

        return normal.TryGetValue(text, out symbol);
    }

    private static void Require(bool condition, string path, string complaint)
    {
        if (!condition)
        {
            throw CamelsException.BadInput($"{path} {complaint}");
        }
    }
}
