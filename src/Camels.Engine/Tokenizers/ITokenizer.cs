using System.Buffers;

namespace Camels.Engine.Tokenizers;

/// <summary>Text to token ids and back. Immutable and safe to share between threads.</summary>
public interface ITokenizer
{
    /// <summary>Number of ids the tokenizer can produce or decode: the largest id + 1.</summary>
    int VocabularySize { get; }

    /// <summary>The id put before a document, or null where the tokenizer has none.</summary>
    int? BosId { get; }

    /// <summary>The id that ends an assistant's turn and a generation, or null where the tokenizer has none.</summary>
    int? EosId { get; }

    /// <summary>True where a document starts with <see cref="BosId"/> (tokenizer_config's add_bos_token, or the family's default).</summary>
    bool AddsBos { get; }

    /// <summary>SHA-256 (lower-case hex) of everything that decides the ids: files and settings. Part of the prepared data's key.</summary>
    string Sha256 { get; }

    /// <summary>
    /// Appends the ids of <paramref name="text"/> to <paramref name="ids"/>. Adds no BOS and no EOS.
    /// </summary>
    /// <param name="text">Well-formed UTF-16; a lone surrogate becomes U+FFFD.</param>
    /// <param name="ids">Receives the ids.</param>
    /// <param name="isStart">True at the start of a document (a SentencePiece dummy prefix applies); false for a segment that continues one.</param>
    /// <param name="parseSpecial">True: special tokens written in the text become their ids. False: they are ordinary text, so that a
    /// user's message can never forge one. Added tokens that are not special are found either way, as in the Hugging Face libraries.
    /// </param>
    void Encode(ReadOnlySpan<char> text, List<int> ids, bool isStart, bool parseSpecial);

    /// <summary>The text of <paramref name="ids"/> that starts a document.</summary>
    /// <param name="ids">Token ids; an id outside the vocabulary throws <see cref="ArgumentOutOfRangeException"/>.</param>
    /// <param name="skipSpecial">True: special tokens give no text.</param>
    string Decode(ReadOnlySpan<int> ids, bool skipSpecial);

    /// <summary>
    /// Appends the UTF-8 bytes that token <paramref name="id"/> adds after other tokens (no leading space is ever dropped; may be part of
    /// a character; special tokens add nothing). So decode(prompt + completion) = decode(prompt) + bytes of the completion wherever the
    /// prompt decodes to some text and ends at a character; special tokens skipped.
    /// </summary>
    void AppendBytes(int id, IBufferWriter<byte> utf8);

    /// <summary>The piece as the vocabulary files spell it, for people ("▁the", "Ġthe", "&lt;0x0A&gt;").</summary>
    string PieceText(int id);
}
