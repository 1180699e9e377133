using System.Buffers;
using System.Text;

namespace Camels.Engine.Tokenizers;

/// <summary>
/// GPT-2's byte-level byte-pair encoding, as OPT, GPT-NeoX and Pythia use it. Added tokens that are not special are always found, as in the
/// Hugging Face libraries; special ones only where they are parsed, so that ordinary text can never forge one.
/// </summary>
public sealed class ByteBpeTokenizer : ITokenizer, IWordSymbols
{
    private const string FamilyToken = "<|endoftext|>";     // the default of GPT2Tokenizer and GPTNeoXTokenizer for BOS, EOS and unknown

    private readonly int[] _byteIds = new int[256];
    private readonly bool _normalizesNfc;
    private readonly Vocabulary _vocabulary;
    private readonly LiteralMatcher _added;             // looked for in the text as it is
    private readonly LiteralMatcher _addedNormalized;   // looked for after normalisation
    private readonly ThreadLocal<WordEncoder> _encoder;

    private ByteBpeTokenizer(string path, ByteBpeModel model, TokenizerSettings settings, string sha256)
    {
        IEnumerable<AddedToken> added = settings.Added.UnionBy(model.Added, token => token.Id);
        SpecialTokens tokens = new(path, model.Ids, added, settings, new DefaultTokens(FamilyToken, FamilyToken, FamilyToken));
        BosId = tokens.Bos;
        EosId = tokens.Eos;
        Sha256 = sha256;
        _vocabulary = new Vocabulary(Entries(model.Ids, tokens.Added));
        AddsBos = BosId is int bos && (settings.AddsBos ?? model.PrefixToken == PieceText(bos));
        _normalizesNfc = model.NormalizesNfc;
        _added = new LiteralMatcher(tokens.Added.Where(token => !token.IsNormalized));
        _addedNormalized = new LiteralMatcher(tokens.Added.Where(token => token.IsNormalized).Select(Normalized));
        for (int value = 0; value < 256; value++)
        {
            _byteIds[value] = model.Ids.GetValueOrDefault(ByteAlphabet.Spell((byte)value).ToString());
        }

        MergeTable merges = model.Merges;
        _encoder = new ThreadLocal<WordEncoder>(() => new WordEncoder(this, merges));
    }

    /// <inheritdoc/>
    public int VocabularySize => _vocabulary.Size;

    /// <inheritdoc/>
    public int? BosId { get; }

    /// <inheritdoc/>
    public int? EosId { get; }

    /// <inheritdoc/>
    public bool AddsBos { get; }

    /// <inheritdoc/>
    public string Sha256 { get; }

    /// <summary>Puts a tokenizer together from what its files hold.</summary>
    internal static ByteBpeTokenizer Load(string path, ByteBpeModel model, TokenizerSettings settings, string sha256) =>
        settings.AddsPrefixSpace is not true ? new(path, model, settings, sha256)
            : throw CamelsException.BadInput($"{path}: {TokenizerSettings.ConfigFile} sets add_prefix_space, which is not supported");

    /// <inheritdoc/>
    public void Encode(ReadOnlySpan<char> text, List<int> ids, bool isStart, bool parseSpecial)
    {
        WordEncoder encoder = _encoder.Value!;
        int from = 0;
        while (from < text.Length)
        {
            LiteralMatch match = _added.Find(text, from, parseSpecial);
            EncodeStretch(text[from..match.Start], ids, parseSpecial, encoder);
            from = match.Start + Append(match.Token, ids);
        }
    }

    /// <inheritdoc/>
    public string Decode(ReadOnlySpan<int> ids, bool skipSpecial) => _vocabulary.Decode(ids, skipSpecial);

    /// <inheritdoc/>
    public void AppendBytes(int id, IBufferWriter<byte> utf8) => _vocabulary.AppendBytes(id, utf8);

    /// <inheritdoc/>
    public string PieceText(int id) => _vocabulary[id].Spelling;

    int IWordSymbols.MostSymbols(ReadOnlySpan<char> word) => Encoding.UTF8.GetByteCount(word);

    int IWordSymbols.Split(ReadOnlySpan<char> word, Span<int> symbols)
    {
        Span<byte> utf8 = stackalloc byte[4];
        int count = 0;
        foreach (Rune rune in word.EnumerateRunes())
        {
            int bytes = rune.EncodeToUtf8(utf8);
            for (int i = 0; i < bytes; i++)
            {
                symbols[count++] = _byteIds[utf8[i]];
            }
        }

        return count;
    }

    ReadOnlySpan<int> IWordSymbols.ToIds(ReadOnlySpan<int> symbols, ref int[] scratch) => symbols;

    private void EncodeStretch(ReadOnlySpan<char> text, List<int> ids, bool parseSpecial, WordEncoder encoder)
    {
        ReadOnlySpan<char> normalized = _normalizesNfc && !Nfc.IsNormalized(text) ? Nfc.Normalize(text) : text;
        int from = 0;
        while (from < normalized.Length)
        {
            LiteralMatch match = _addedNormalized.Find(normalized, from, parseSpecial);
            ReadOnlySpan<char> stretch = normalized[..match.Start];
            while (from < stretch.Length)
            {
                int end = WordSplitter.WordEnd(stretch, from);
                encoder.Encode(stretch[from..end], ids);
                from = end;
            }

            from += Append(match.Token, ids);
        }
    }

    private AddedToken Normalized(AddedToken token) => _normalizesNfc ? token with { Text = Nfc.Normalize(token.Text) } : token;

    private static int Append(AddedToken? token, List<int> ids)
    {
        if (token is null)
        {
            return 0;
        }

        ids.Add(token.Id);
        return token.Text.Length;
    }

    private static VocabularyEntry?[] Entries(Dictionary<string, int> ids, List<AddedToken> added)
    {
        VocabularyEntry?[] entries = Vocabulary.NewEntries(ids.Values.Max() + 1, added);
        foreach ((string spelling, int id) in ids)
        {
            entries[id] = new VocabularyEntry(spelling, ByteAlphabet.Read(spelling) ?? Encoding.UTF8.GetBytes(spelling), IsSpecial: false);
        }

        Vocabulary.SetAdded(entries, added);
        return entries;
    }
}
