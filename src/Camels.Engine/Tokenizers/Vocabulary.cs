using System.Buffers;
using System.Text;

namespace Camels.Engine.Tokenizers;

/// <summary>One id of a vocabulary.</summary>
/// <param name="Spelling">As the files spell it ("▁the", "Ġthe", "&lt;0x0A&gt;").</param>
/// <param name="Utf8">What it stands for; of a special token, what is shown when special tokens are.</param>
/// <param name="IsSpecial">True where it stands for no text.</param>
internal sealed record VocabularyEntry(string Spelling, byte[] Utf8, bool IsSpecial);

/// <summary>What decoding does with the spaces that a text starts with.</summary>
internal enum LeadingSpace
{
    Kept,
    OneDropped,     // the first piece loses its space
    AllDropped,     // so does every further piece while there is no text yet
}

/// <summary>From ids back to text. Ids that the files leave out (null) stand for nothing.</summary>
internal sealed class Vocabulary(VocabularyEntry?[] entries)
{
    /// <summary>A larger id is not believed: arrays are sized by it.</summary>
    public const int LargestId = (1 << 22) - 1;

    private static readonly VocabularyEntry _hole = new(string.Empty, [], IsSpecial: true);

    /// <summary>Room for the ids below <paramref name="count"/> and for the added ones.</summary>
    public static VocabularyEntry?[] NewEntries(int count, List<AddedToken> added) =>
        new VocabularyEntry?[added.Aggregate(count, (size, token) => Math.Max(size, token.Id + 1))];

    /// <summary>Enters the added tokens, which stand before whatever else has their ids.</summary>
    public static void SetAdded(VocabularyEntry?[] entries, List<AddedToken> added)
    {
        foreach (AddedToken token in added)
        {
            entries[token.Id] = new VocabularyEntry(token.Text, Encoding.UTF8.GetBytes(token.Text), token.IsSpecial);
        }
    }

    /// <summary>The largest id + 1.</summary>
    public int Size => entries.Length;

    /// <summary>The entry of an id; an id outside the vocabulary throws <see cref="ArgumentOutOfRangeException"/>.</summary>
    public VocabularyEntry this[int id] =>
        (uint)id < (uint)entries.Length ? entries[id] ?? _hole
            : throw new ArgumentOutOfRangeException(nameof(id), id, $"The vocabulary has the ids 0 to {entries.Length - 1}.");

    /// <summary>The text of <paramref name="ids"/>; bytes that are no UTF-8 become U+FFFD.</summary>
    public string Decode(ReadOnlySpan<int> ids, bool skipSpecial, LeadingSpace leading = LeadingSpace.Kept)
    {
        ArrayBufferWriter<byte> utf8 = new(4 * ids.Length + 16);
        bool mayDrop = leading != LeadingSpace.Kept;
        foreach (int id in ids)
        {
            VocabularyEntry entry = this[id];
            if (skipSpecial && entry.IsSpecial)
            {
                continue;
            }

            bool drops = mayDrop && entry.Utf8 is [(byte)' ', ..] && entry.Spelling.StartsWith(SentencePieceBpe.Space);
            utf8.Write(entry.Utf8.AsSpan(drops ? 1 : 0));
            mayDrop = mayDrop && drops && leading == LeadingSpace.AllDropped && utf8.WrittenCount == 0;
        }

        return Encoding.UTF8.GetString(utf8.WrittenSpan);
    }

    /// <summary>Appends what an id stands for.</summary>
    public void AppendBytes(int id, IBufferWriter<byte> utf8)
    {
        VocabularyEntry entry = this[id];
        if (!entry.IsSpecial)
        {
            utf8.Write(entry.Utf8);
        }
    }
}
