using System.Numerics;
using System.Runtime.InteropServices;

namespace Camels.Engine.Data;

/// <summary>
/// The min-hash signature of a conversation: of each of 64 random orders of its runs of five words, the first. Two signatures agree in as
/// large a share of places as the sets of runs overlap (Jaccard), give or take 0.05. One per thread.
/// </summary>
internal sealed class MinHash
{
    /// <summary>Places of a signature.</summary>
    public const int Length = 64;

    private const int RunWords = 5;

    private static readonly uint[] _multipliers = [.. Enumerable.Range(0, Length).Select(k => (uint)RandomBits.Mix((ulong)k) | 1)];
    private static readonly uint[] _offsets = [.. Enumerable.Range(0, Length).Select(k => (uint)(RandomBits.Mix((ulong)k + Length) >> 32))];

    private readonly List<uint> _words = [];
    private readonly uint[] _least = new uint[Length];

    /// <summary>True where the last conversation had a word: without any there is nothing to compare.</summary>
    public bool HasWords => _words.Count > 0;

    /// <summary>The last conversation's signature, 16 bits a place.</summary>
    public ushort[] Signature { get; } = new ushort[Length];

    public void Compute(ReadOnlySpan<Message> messages)
    {
        EncodedDocuments.ClearBounded(_words);
        foreach (Message message in messages)
        {
            TextWords.Append(message.Content, _words);
        }

        Array.Fill(_least, uint.MaxValue);
        ReadOnlySpan<uint> words = CollectionsMarshal.AsSpan(_words);
        for (int i = 0; i < Math.Max(words.Length - RunWords + 1, Math.Min(1, words.Length)); i++)
        {
            Take((uint)TextWords.HashOf(words[i..Math.Min(i + RunWords, words.Length)]));
        }

        for (int k = 0; k < Length; k++)
        {
            Signature[k] = (ushort)(_least[k] >> 16);
        }
    }

    private void Take(uint run)
    {
        Vector<uint> value = new(run);
        for (int k = 0; k < Length; k += Vector<uint>.Count)
        {
            Vector<uint> place = (value * new Vector<uint>(_multipliers, k)) + new Vector<uint>(_offsets, k);
            Vector.Min(new Vector<uint>(_least, k), place).CopyTo(_least, k);
        }
    }
}
