namespace Camels.Engine.Data;

/// <summary>Usable conversations of one source, read together.</summary>
/// <param name="Source">Index of the source.</param>
/// <param name="Conversations">In the order of the source.</param>
/// <param name="IsLast">True where the source has no more.</param>
internal sealed record ConversationChunk(int Source, IReadOnlyList<Conversation> Conversations, bool IsLast);

/// <summary>
/// Reads the sources one after another in chunks, each on another thread while the one before is being worked on. Where chunks end depends
/// on the data alone.
/// </summary>
internal sealed class ChunkReader : IDisposable
{
    /// <summary>Most conversations of a chunk: enough for all threads, little enough for memory.</summary>
    public const int MostConversations = 512;

    private const int MostCharacters = 4 << 20;

    private readonly OpenedSource[] _sources;
    private IEnumerator<Conversation>? _reading;
    private int _source;
    private Task<ConversationChunk?> _next;

    public ChunkReader(OpenedSource[] sources)
    {
        _sources = sources;
        _next = Task.Run(Read);
    }

    /// <summary>The next chunk, or null after the last source. What reading throws is thrown here.</summary>
    public ConversationChunk? Next()
    {
        ConversationChunk? chunk = _next.GetAwaiter().GetResult();
        _next = chunk is null ? _next : Task.Run(Read);
        return chunk;
    }

    /// <summary>Waits for what is being read, then closes the files.</summary>
    public void Dispose()
    {
        ((IAsyncResult)_next).AsyncWaitHandle.WaitOne();
        _reading?.Dispose();
    }

    private ConversationChunk? Read()
    {
        if (_source == _sources.Length)
        {
            return null;
        }

        _reading ??= _sources[_source].Usable().GetEnumerator();
        List<Conversation> conversations = [];
        int characters = 0;
        while (conversations.Count < MostConversations && characters < MostCharacters)
        {
            if (!_reading.MoveNext())
            {
                _reading.Dispose();
                _reading = null;
                return new ConversationChunk(_source++, conversations, IsLast: true);
            }

            conversations.Add(_reading.Current);
            characters += _reading.Current.Messages.Sum(message => message.Content.Length);
        }

        return new ConversationChunk(_source, conversations, IsLast: false);
    }
}
