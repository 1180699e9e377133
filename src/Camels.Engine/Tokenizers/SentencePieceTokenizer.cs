using System.Buffers;
using System.Text;

namespace Camels.Engine.Tokenizers;

/// <summary>
/// LLaMA's tokenizer: SentencePiece byte-pair encoding from <c>tokenizer.model</c>, with the rules that transformers' LlamaTokenizer adds
/// for special tokens written in the text. Added tokens that are not special are always found; special ones only where they are parsed, so
/// that ordinary text can never forge one.
/// </summary>
public sealed class SentencePieceTokenizer : ITokenizer
{
    // How a stretch of text between added tokens starts.
    private enum Start
    {
        Document,       // as SentencePiece starts a text: a space in front, leading extra spaces dropped
        Prefixed,       // a space in front, nothing dropped before it (transformers with legacy off)
        Continued,      // goes on from what stands before
    }

    private readonly SentencePieceModel _model;
    private readonly SentencePieceBpe _bpe;
    private readonly Vocabulary _vocabulary;
    private readonly LiteralMatcher _added;
    private readonly TokenizerSettings _settings;

    private SentencePieceTokenizer(string path, SentencePieceModel model, TokenizerSettings settings, string sha256)
    {
        _model = model;
        _settings = settings;
        _bpe = new SentencePieceBpe(path, model);
        IsLegacy = settings.IsLegacy;
        Sha256 = sha256;
        SpecialTokens tokens = new(path, PieceIds(model), settings.Added, settings, DefaultNames(model));
        BosId = tokens.Bos;
        EosId = tokens.Eos;
        _vocabulary = new Vocabulary(Entries(model, tokens.Added));
        _added = new LiteralMatcher(tokens.Added);
    }

    private SentencePieceTokenizer(SentencePieceTokenizer other, bool legacy)
    {
        (_model, _bpe, _vocabulary, _added, _settings) = (other._model, other._bpe, other._vocabulary, other._added, other._settings);
        (BosId, EosId, IsLegacy) = (other.BosId, other.EosId, legacy);
        Sha256 = legacy == other.IsLegacy ? other.Sha256
            : TokenizerFiles.Hash([("legacy changed", Encoding.UTF8.GetBytes(other.Sha256))]);
    }

    /// <inheritdoc/>
    public int VocabularySize => _vocabulary.Size;

    /// <inheritdoc/>
    public int? BosId { get; }

    /// <inheritdoc/>
    public int? EosId { get; }

    /// <inheritdoc/>
    public bool AddsBos => BosId is not null && (_settings.AddsBos ?? true);

    /// <inheritdoc/>
    public string Sha256 { get; }

    /// <summary>
    /// transformers' <c>legacy</c>: true means that text after a special token starts like a document, with a space in front.
    /// </summary>
    public bool IsLegacy { get; }

    /// <summary>The same tokenizer with another <see cref="IsLegacy"/>; the tables are shared.</summary>
    public SentencePieceTokenizer WithLegacy(bool legacy) => new(this, legacy);

    /// <summary>Reads a <c>tokenizer.model</c>.</summary>
    internal static SentencePieceTokenizer Load(string path, TokenizerSettings settings, string sha256) =>
        new(path, SentencePieceModel.Read(path, StrictJson.ReadBytes(path, SentencePieceModel.MostBytes)), settings, sha256);

    /// <inheritdoc/>
    public void Encode(ReadOnlySpan<char> text, List<int> ids, bool isStart, bool parseSpecial)
    {
        Start start = !isStart ? Start.Continued : IsLegacy ? Start.Document : Start.Prefixed;
        int from = 0;
        while (from < text.Length)
        {
            LiteralMatch match = _added.Find(text, from, parseSpecial);
            bool isBare = match.Start == from && (start != Start.Prefixed || match.Token is { IsSpecial: true });
            if (!isBare)
            {
                EncodeStretch(text[from..match.Start], ids, start);
            }

            if (match.Token is null)
            {
                return;
            }

            ids.Add(match.Token.Id);
            from = match.Start + match.Token.Text.Length;
            start = IsLegacy ? Start.Document : Start.Continued;
        }
    }

    /// <inheritdoc/>
    /// <remarks>The space that was put in front is dropped; where the model removes extra spaces, all leading ones are.</remarks>
    public string Decode(ReadOnlySpan<int> ids, bool skipSpecial) => _vocabulary.Decode(
        ids, skipSpecial, _model.RemovesExtraSpaces ? LeadingSpace.AllDropped : AddsPrefix ? LeadingSpace.OneDropped : LeadingSpace.Kept);

    /// <inheritdoc/>
    public void AppendBytes(int id, IBufferWriter<byte> utf8) => _vocabulary.AppendBytes(id, utf8);

    /// <inheritdoc/>
    public string PieceText(int id) => _vocabulary[id].Spelling;

    private bool AddsPrefix => IsLegacy ? _model.AddsDummyPrefix : _settings.AddsPrefixSpace ?? true;

    private void EncodeStretch(ReadOnlySpan<char> text, List<int> ids, Start start)
    {
        char[] normalized = ArrayPool<char>.Shared.Rent(text.Length + 1);
        int length = Normalize(text, normalized, start);
        _bpe.Encode(normalized.AsSpan(0, length), ids);
        ArrayPool<char>.Shared.Return(normalized);
    }

    // Identity normalisation of SentencePiece: only spaces change.
    private int Normalize(ReadOnlySpan<char> text, Span<char> normalized, Start start)
    {
        bool removes = _model.RemovesExtraSpaces;
        text = removes && start == Start.Document ? text.TrimStart(' ') : text;
        int length = 0;
        if (AddsPrefix && (start == Start.Prefixed || (start == Start.Document && !text.IsEmpty)))
        {
            normalized[length++] = SentencePieceBpe.Space;
        }

        if (!removes)
        {
            text.Replace(normalized[length..], ' ', SentencePieceBpe.Space);
            return length + text.Length;
        }

        bool isAfterSpace = false;
        foreach (char unit in text)
        {
            // With legacy off, transformers turns a written piece space into a plain one first.
            bool isSpace = unit == ' ' || (unit == SentencePieceBpe.Space && !IsLegacy);
            if (!isSpace || !isAfterSpace)
            {
                normalized[length++] = isSpace ? SentencePieceBpe.Space : unit;
            }

            isAfterSpace = isSpace;
        }

        return normalized[..length].TrimEnd(SentencePieceBpe.Space).Length;
    }

    private static Dictionary<string, int> PieceIds(SentencePieceModel model) =>
        model.Pieces.Select((piece, id) => (piece.Text, id)).ToDictionary(entry => entry.Text, entry => entry.id);

    private static DefaultTokens DefaultNames(SentencePieceModel model) => new(
        Bos: model.BosId >= 0 ? model.Pieces[model.BosId].Text : null,
        Eos: model.EosId >= 0 ? model.Pieces[model.EosId].Text : null,
        Unknown: model.Pieces.Find(piece => piece.Kind == PieceKind.Unknown).Text);

    private static VocabularyEntry?[] Entries(SentencePieceModel model, List<AddedToken> added)
    {
        VocabularyEntry?[] entries = Vocabulary.NewEntries(model.Pieces.Count, added);
        Dictionary<string, byte> bytes = Enumerable.Range(0, 256).ToDictionary(SentencePieceBpe.ByteName, value => (byte)value);
        for (int id = 0; id < model.Pieces.Count; id++)
        {
            SentencePiece piece = model.Pieces[id];
            byte[] utf8 = piece.Kind == PieceKind.Byte && bytes.TryGetValue(piece.Text, out byte value) ? [value]
                : Encoding.UTF8.GetBytes(piece.Text.Replace(SentencePieceBpe.Space, ' '));
            entries[id] = new VocabularyEntry(piece.Text, utf8, piece.Kind is PieceKind.Control or PieceKind.Unknown);
        }

        Vocabulary.SetAdded(entries, added);
        return entries;
    }
}
