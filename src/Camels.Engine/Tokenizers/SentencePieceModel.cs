using System.Buffers.Binary;
using System.Text;

namespace Camels.Engine.Tokenizers;

/// <summary>What a piece of a SentencePiece model is; the numbers are the format's.</summary>
internal enum PieceKind
{
    Normal = 1,
    Unknown = 2,
    Control = 3,
    UserDefined = 4,
    Unused = 5,
    Byte = 6,
}

/// <summary>One piece of a SentencePiece model.</summary>
internal readonly record struct SentencePiece(string Text, float Score, PieceKind Kind);

/// <summary>
/// The content of a <c>tokenizer.model</c> file: SentencePiece's ModelProto, read by hand (field numbers of sentencepiece_model.proto).
/// What this engine cannot represent exactly is refused.
/// </summary>
internal sealed class SentencePieceModel
{
    /// <summary>A longer file is not believed: real ones have a few megabytes.</summary>
    public const long MostBytes = 16L << 20;

    private const int BpeType = 2;
    private const int MostPieces = 1 << 20;

    private readonly string _path;
    private int _modelType = 1;     // unigram is the format's default

    private SentencePieceModel(string path) => _path = path;

    /// <summary>The pieces; the index is the id.</summary>
    public List<SentencePiece> Pieces { get; } = [];

    /// <summary>True where a character without a piece becomes its UTF-8 bytes.</summary>
    public bool HasByteFallback { get; private set; }

    /// <summary>True where a space is put before a text.</summary>
    public bool AddsDummyPrefix { get; private set; } = true;

    /// <summary>True where leading, trailing and repeated spaces are dropped.</summary>
    public bool RemovesExtraSpaces { get; private set; } = true;

    /// <summary>The id of the start of a document; negative where there is none.</summary>
    public int BosId { get; private set; } = 1;

    /// <summary>The id of the end of a document; negative where there is none.</summary>
    public int EosId { get; private set; } = 2;

    /// <summary>Reads a model.</summary>
    /// <param name="path">For messages.</param>
    /// <param name="content">The file.</param>
    /// <exception cref="CamelsException">Exit code 3: broken, or not a BPE model with identity normalisation.</exception>
    public static SentencePieceModel Read(string path, ReadOnlySpan<byte> content)
    {
        SentencePieceModel model = new(path);
        Protobuf fields = new(path, content);
        while (fields.Next())
        {
            switch (fields.Number)
            {
                case 1: model.Pieces.Add(model.ReadPiece(fields.Message())); break;
                case 2: model.ReadTrainerSpec(fields.Message()); break;
                case 3: model.ReadNormalizerSpec(fields.Message(), isDenormalizer: false); break;
                case 5: model.ReadNormalizerSpec(fields.Message(), isDenormalizer: true); break;
                default: break;
            }

            model.Require(model.Pieces.Count <= MostPieces, $"has more than {MostPieces} pieces");
        }

        model.Require(model.Pieces.Count > 0, "has no pieces: it is no SentencePiece model");
        model.Require(model._modelType == BpeType,
            $"is of model type {model._modelType}; only BPE ({BpeType}) is supported, not unigram, word or character models");
        bool needsFallback = model.Pieces.Exists(piece => piece.Kind == PieceKind.Byte);
        model.Require(model.HasByteFallback || !needsFallback, "has byte pieces without byte fallback, which SentencePiece refuses too");
        model.BosId = model.KnownId(model.BosId);
        model.EosId = model.KnownId(model.EosId);
        return model;
    }

    private SentencePiece ReadPiece(Protobuf fields)
    {
        string text = string.Empty;
        float score = 0;
        PieceKind kind = PieceKind.Normal;
        while (fields.Next())
        {
            switch (fields.Number)
            {
                case 1: text = fields.Text(); break;
                case 2: score = fields.Float(); break;
                case 3: kind = (PieceKind)fields.Integer(); break;
                default: break;
            }
        }

        int id = Pieces.Count;
        Require(text.Length > 0, $"piece {id} has no text");
        Require(!float.IsNaN(score), $"piece {id} has no number as its score");
        Require(kind != PieceKind.Unused, $"piece {id} is of the type unused, which is not supported");
        Require(Enum.IsDefined(kind), $"piece {id} has the unknown type {(int)kind}");
        return new SentencePiece(text, score, kind);
    }

    private void ReadTrainerSpec(Protobuf fields)
    {
        while (fields.Next())
        {
            switch (fields.Number)
            {
                case 3: _modelType = fields.Integer(); break;
                case 24: Require(!fields.Flag(), "treats white space as a suffix, which is not supported"); break;
                case 35: HasByteFallback = fields.Flag(); break;
                case 41: BosId = fields.Integer(); break;
                case 42: EosId = fields.Integer(); break;
                default: break;
            }
        }
    }

    private void ReadNormalizerSpec(Protobuf fields, bool isDenormalizer)
    {
        while (fields.Next())
        {
            switch (fields.Number)
            {
                case 2: Require(fields.Message().IsEmpty, "normalises text by a compiled character map; only identity is supported"); break;
                case 3 when !isDenormalizer: AddsDummyPrefix = fields.Flag(); break;
                case 4 when !isDenormalizer: RemovesExtraSpaces = fields.Flag(); break;
                case 5 when !isDenormalizer: Require(fields.Flag(), "does not escape spaces, which is not supported"); break;
                default: break;
            }
        }
    }

    private int KnownId(int id) => id < Pieces.Count ? id : -1;

    private void Require(bool condition, string complaint)
    {
        if (!condition)
        {
            throw CamelsException.BadInput($"{_path} {complaint}");
        }
    }

    // A cursor over the fields of one message. It owns nothing and trusts no length.
    private ref struct Protobuf(string path, ReadOnlySpan<byte> message)
    {
        private static readonly UTF8Encoding _strictUtf8 = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

        private readonly string _path = path;
        private ReadOnlySpan<byte> _rest = message;
        private ReadOnlySpan<byte> _bytes;
        private ulong _value;
        private int _wireType;

        public int Number { get; private set; }

        public readonly bool IsEmpty => _rest.IsEmpty;

        public bool Next()
        {
            if (_rest.IsEmpty)
            {
                return false;
            }

            ulong tag = ReadVarint();
            Number = (int)Math.Min(tag >> 3, int.MaxValue);
            _wireType = (int)(tag & 7);
            switch (_wireType)
            {
                case 0: _value = ReadVarint(); break;
                case 1: _bytes = Take(8); break;
                case 2: _bytes = Take(ReadVarint()); break;
                case 5: _bytes = Take(4); break;
                default: throw Broken();
            }

            return true;
        }

        public readonly int Integer() => _wireType == 0 ? unchecked((int)_value) : throw Broken();

        public readonly bool Flag() => Integer() != 0;

        public readonly float Float() => _wireType == 5 ? BinaryPrimitives.ReadSingleLittleEndian(_bytes) : throw Broken();

        public readonly Protobuf Message() => _wireType == 2 ? new Protobuf(_path, _bytes) : throw Broken();

        public readonly string Text()
        {
            try
            {
                return _wireType == 2 ? _strictUtf8.GetString(_bytes) : throw Broken();
            }
            catch (DecoderFallbackException)
            {
                throw Broken();
            }
        }

        private ulong ReadVarint()
        {
            ulong value = 0;
            for (int shift = 0; shift < 64; shift += 7)
            {
                byte next = Take(1)[0];
                value |= (ulong)(next & 0x7F) << shift;
                if (next < 0x80)
                {
                    return value;
                }
            }

            throw Broken();
        }

        private ReadOnlySpan<byte> Take(ulong count)
        {
            if (count > (ulong)_rest.Length)
            {
                throw Broken();
            }

            ReadOnlySpan<byte> taken = _rest[..(int)count];
            _rest = _rest[(int)count..];
            return taken;
        }

        private readonly CamelsException Broken() =>
            CamelsException.BadInput($"{_path} is no SentencePiece model or is damaged; fetch the file again");
    }
}
