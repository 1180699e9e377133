using System.Buffers;
using System.Text;
using Camels.Engine.Tokenizers;

namespace Camels.Engine.Tests.Data;

/// <summary>One id a UTF-8 byte, then the special tokens "&lt;s&gt;" (256) and "&lt;/s&gt;" (257): ids that a person can check.</summary>
internal sealed class ByteTokenizer(bool addsBos = true, int bosId = 256, string name = "bytes", bool hasEos = true) : ITokenizer
{
    public const int Eos = 257;

    public int VocabularySize => 258;

    public int? BosId => bosId;

    public int? EosId => hasEos ? Eos : null;

    public bool AddsBos => addsBos;

    public string Sha256 => name;

    public void Encode(ReadOnlySpan<char> text, List<int> ids, bool isStart, bool parseSpecial)
    {
        string rest = text.ToString();
        while (parseSpecial && rest.Length > 0)
        {
            int begin = rest.IndexOf("<s>", StringComparison.Ordinal);
            int end = rest.IndexOf("</s>", StringComparison.Ordinal);
            if (begin < 0 && end < 0)
            {
                break;
            }

            bool isBegin = end < 0 || (begin >= 0 && begin < end);
            int at = isBegin ? begin : end;
            AddBytes(rest[..at], ids);
            ids.Add(isBegin ? 256 : Eos);
            rest = rest[(at + (isBegin ? 3 : 4))..];
        }

        AddBytes(rest, ids);
    }

    public string Decode(ReadOnlySpan<int> ids, bool skipSpecial)
    {
        StringBuilder text = new();
        List<byte> bytes = [];
        foreach (int id in ids)
        {
            if (id < 256)
            {
                bytes.Add((byte)id);
                continue;
            }

            text.Append(Encoding.UTF8.GetString([.. bytes])).Append(skipSpecial ? "" : PieceText(id));
            bytes.Clear();
        }

        return text.Append(Encoding.UTF8.GetString([.. bytes])).ToString();
    }

    public void AppendBytes(int id, IBufferWriter<byte> utf8)
    {
        if (id < 256)
        {
            utf8.Write([(byte)id]);
        }
    }

    public string PieceText(int id) => id switch
    {
        256 => "<s>",
        257 => "</s>",
        _ => ((char)id).ToString(),
    };

    private static void AddBytes(string text, List<int> ids) => ids.AddRange(Encoding.UTF8.GetBytes(text).Select(b => (int)b));
}
