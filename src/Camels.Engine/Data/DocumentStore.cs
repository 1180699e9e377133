using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Camels.Engine.Data;

/// <summary>What is known of a document before it gets its row.</summary>
/// <param name="Offset">First byte in the store.</param>
/// <param name="Tokens">Number of tokens.</param>
/// <param name="Turns">Number of turns.</param>
/// <param name="Source">Index of its source.</param>
/// <param name="Record">Number of its record in the source.</param>
/// <param name="ContentHash">Of the conversation it comes from.</param>
/// <param name="OpeningHash">Of how that begins.</param>
internal readonly record struct StoredDocument(
    long Offset, int Tokens, int Turns, int Source, long Record, UInt128 ContentHash, UInt128 OpeningHash);

/// <summary>
/// Documents in the order they were read, in a temporary file: so packing can look at all of them at once while memory holds only their
/// sizes. Per document: turns, ids, trained flags.
/// </summary>
internal sealed class DocumentStore(string path) : IDisposable
{
    private readonly TokenFileWriter<byte> _writer = new(path, isTemporary: true);
    private readonly List<StoredDocument> _documents = [];
    private SafeFileHandle? _file;
    private byte[] _buffer = [];

    public ReadOnlySpan<StoredDocument> Documents => CollectionsMarshal.AsSpan(_documents);

    public void Append(EncodedDocuments documents, int source, Conversation conversation)
    {
        for (int i = 0; i < documents.Count; i++)
        {
            ReadOnlySpan<Turn> turns = documents.Turns(i);
            ReadOnlySpan<int> ids = documents.Ids(i);
            _documents.Add(new StoredDocument(
                _writer.Count, ids.Length, turns.Length, source, conversation.Index, conversation.ContentHash, conversation.OpeningHash));
            _writer.Write(MemoryMarshal.AsBytes(turns));
            _writer.Write(MemoryMarshal.AsBytes(ids));
            _writer.Write(documents.Trained(i));
        }
    }

    /// <summary>Ends writing; from now on documents can be read.</summary>
    public void Seal()
    {
        _writer.End();
        _writer.Dispose();
        _file = File.OpenHandle(path);
    }

    /// <summary>Reads one document; the spans are valid until the next.</summary>
    public void Read(
        StoredDocument document, out ReadOnlySpan<Turn> turns, out ReadOnlySpan<int> ids, out ReadOnlySpan<byte> trained)
    {
        int turnBytes = document.Turns * Unsafe.SizeOf<Turn>();
        int idBytes = document.Tokens * sizeof(int);
        int bytes = turnBytes + idBytes + document.Tokens;
        if (_buffer.Length < bytes)
        {
            _buffer = new byte[bytes];
        }

        Span<byte> all = _buffer.AsSpan(0, bytes);
        if (RandomAccess.Read(_file!, all, document.Offset) < bytes)
        {
            throw new EndOfStreamException($"{path} became shorter while it was in use");
        }

        turns = MemoryMarshal.Cast<byte, Turn>(all[..turnBytes]);
        ids = MemoryMarshal.Cast<byte, int>(all.Slice(turnBytes, idBytes));
        trained = all[(turnBytes + idBytes)..];
    }

    public void Dispose()
    {
        _writer.Dispose();
        _file?.Dispose();
        File.Delete(path);
    }
}
