using System.Diagnostics;
using System.Runtime.InteropServices;

namespace Camels.Engine.Data;

/// <summary>The encoded contents of one conversation's messages; reused from conversation to conversation.</summary>
internal sealed class EncodedMessages
{
    private readonly List<(Role Role, Range Content, Range AsFirst)> _messages = [];

    public List<int> Ids { get; } = [];

    public int Count => _messages.Count;

    public bool StartsWithSystem => _messages[0].Role == Role.System;

    public Role RoleOf(int message) => _messages[message].Role;

    /// <summary>A content; <paramref name="isFirst"/>: as it is written where it is the first of its document's turns.</summary>
    public ReadOnlySpan<int> Content(int message, bool isFirst) =>
        CollectionsMarshal.AsSpan(Ids)[isFirst ? _messages[message].AsFirst : _messages[message].Content];

    public void Clear()
    {
        EncodedDocuments.ClearBounded(Ids);
        _messages.Clear();
    }

    public void Add(Role role, Range content, Range asFirst) => _messages.Add((role, content, asFirst));
}

/// <summary>Documents one after another: ids, trained flags, turns. Reused from conversation to conversation.</summary>
public sealed class EncodedDocuments
{
    private readonly List<int> _ids = [];
    private readonly List<byte> _trained = [];
    private readonly List<Turn> _turns = [];
    private readonly List<(int Ids, int Turns)> _ends = [];
    private (int Ids, int Turns) _begin;

    /// <summary>Number of documents.</summary>
    public int Count => _ends.Count;

    /// <summary>Tokens of all documents.</summary>
    public int Tokens => _ids.Count;

    /// <summary>Tokens of the document that was begun last.</summary>
    internal int DocumentTokens => _ids.Count - _begin.Ids;

    /// <summary>The tokens of a document.</summary>
    public ReadOnlySpan<int> Ids(int document) => CollectionsMarshal.AsSpan(_ids)[StartOf(document).Ids.._ends[document].Ids];

    /// <summary>1 where the token is trained as a target.</summary>
    public ReadOnlySpan<byte> Trained(int document) => CollectionsMarshal.AsSpan(_trained)[StartOf(document).Ids.._ends[document].Ids];

    /// <summary>The turns of a document, counted in tokens from its start.</summary>
    public ReadOnlySpan<Turn> Turns(int document) => CollectionsMarshal.AsSpan(_turns)[StartOf(document).Turns.._ends[document].Turns];

    internal void Clear()
    {
        ClearBounded(_ids);
        ClearBounded(_trained);
        ClearBounded(_turns);
        ClearBounded(_ends);
    }

    // One very long conversation must not stay allocated in every encoder that met one.
    internal static void ClearBounded<T>(List<T> list)
    {
        const int MostKept = 1 << 13;
        list.Clear();
        list.Capacity = Math.Min(list.Capacity, MostKept);
    }

    internal void Begin() => _begin = (_ids.Count, _turns.Count);

    internal void Add(ReadOnlySpan<int> ids, bool trained)
    {
        _ids.AddRange(ids);
        CollectionsMarshal.SetCount(_trained, _ids.Count);
        CollectionsMarshal.AsSpan(_trained)[^ids.Length..].Fill(trained ? (byte)1 : (byte)0);
    }

    internal void AddTurn(Turn turn) => _turns.Add(turn);

    internal void End()
    {
        Debug.Assert(_trained.Count == _ids.Count);
        _ends.Add((_ids.Count, _turns.Count));
    }

    /// <summary>Ends the document after its first <paramref name="most"/> tokens, wherever that is.</summary>
    internal void EndAt(int most)
    {
        int kept = Math.Min(most, DocumentTokens);
        CollectionsMarshal.SetCount(_ids, _begin.Ids + kept);
        CollectionsMarshal.SetCount(_trained, _begin.Ids + kept);
        for (int turn = _turns.Count - 1; turn >= _begin.Turns; turn--)
        {
            Turn whole = _turns[turn];
            _turns[turn] = whole with { Start = Math.Min(whole.Start, kept), End = Math.Min(whole.End, kept) };
        }

        End();
    }

    private (int Ids, int Turns) StartOf(int document) => document == 0 ? (0, 0) : _ends[document - 1];
}
