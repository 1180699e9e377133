using System.Buffers.Binary;
using System.Globalization;
using System.Text;
using Camels.Engine.Tokenizers;

namespace Camels.Engine.Tests.Tokenizers;

/// <summary>Writes tokenizer.model files for tests: the protobuf of SentencePiece, field by field.</summary>
internal sealed class SentencePieceFile
{
    private readonly List<byte> _bytes = [];
    private float _score;

    /// <summary>A small model with byte fallback: unknown, BOS, EOS, the bytes and the given pieces, best first.</summary>
    public static SentencePieceFile Small(params string[] pieces)
    {
        SentencePieceFile file = new SentencePieceFile().Start();
        for (int value = 0; value < 256; value++)
        {
            file.Piece(string.Create(CultureInfo.InvariantCulture, $"<0x{value:X2}>"), PieceKind.Byte);
        }

        return file.Normal(pieces);
    }

    public SentencePieceFile Start() => Piece("<unk>", PieceKind.Unknown).Piece("<s>", PieceKind.Control).Piece("</s>", PieceKind.Control);

    /// <summary>Normal pieces, each a little worse than the one before.</summary>
    public SentencePieceFile Normal(params string[] pieces)
    {
        foreach (string piece in pieces)
        {
            Piece(piece, PieceKind.Normal, _score--);
        }

        return this;
    }

    public SentencePieceFile Piece(string text, PieceKind kind, float score = 0)
    {
        byte[] utf8 = Encoding.UTF8.GetBytes(text);
        byte[] scoreBytes = new byte[4];
        BinaryPrimitives.WriteSingleLittleEndian(scoreBytes, score);
        return Message(1, [0x0A, .. Varint(utf8.Length), .. utf8, 0x15, .. scoreBytes, 0x18, (byte)kind]);
    }

    /// <summary>TrainerSpec: the model type, byte fallback, white space as a suffix.</summary>
    public SentencePieceFile Trainer(int modelType = 2, bool byteFallback = true, bool suffix = false) =>
        Message(2, [0x18, (byte)modelType, 0xC0, 0x01, Bit(suffix), 0x98, 0x02, Bit(byteFallback)]);

    /// <summary>NormalizerSpec (field 3) or denormalizer_spec (5).</summary>
    public SentencePieceFile Normalizer(
        bool dummyPrefix = true, bool removesExtra = false, bool escapes = true, string charsmap = "", int field = 3) =>
        Message(field,
        [
            0x12, (byte)charsmap.Length, .. Encoding.ASCII.GetBytes(charsmap),
            0x18, Bit(dummyPrefix), 0x20, Bit(removesExtra), 0x28, Bit(escapes),
        ]);

    public byte[] ToArray() => [.. _bytes];

    private SentencePieceFile Message(int field, byte[] content)
    {
        _bytes.AddRange([(byte)((field << 3) | 2), .. Varint(content.Length), .. content]);
        return this;
    }

    private static byte Bit(bool value) => value ? (byte)1 : (byte)0;

    private static byte[] Varint(int value) => value < 0x80 ? [(byte)value] : [(byte)((value & 0x7F) | 0x80), .. Varint(value >> 7)];
}
