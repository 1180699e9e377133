namespace Camels.Kernels;

/// <summary>
/// The streams of an emulated device. Work is done when somebody waits for it and no sooner, and among the streams in an order that the seed
/// decides: whatever a real driver may do late, this does late, so that a missing wait is seen.
/// </summary>
internal sealed class PtxQueues(int seed)
{
    private readonly List<PtxStream> _streams = [];
    private readonly Random _random = new(seed);

    /// <summary>Work that was given and is not done.</summary>
    public int Waiting => _streams.Sum(stream => stream.Work.Count);

    public PtxStream Create()
    {
        PtxStream stream = new();
        _streams.Add(stream);
        return stream;
    }

    public void Remove(PtxStream stream)
    {
        Finish(() => stream.Work.Count == 0);
        _ = _streams.Remove(stream);
    }

    /// <summary>Gives work to a stream, or to what is recorded from it.</summary>
    public static void Give(PtxStream stream, PtxWork work)
    {
        if (stream.Recording is List<PtxWork> recording)
        {
            recording.Add(work);
        }
        else
        {
            stream.Work.Enqueue(work);
        }
    }

    /// <summary>Does work, of whichever streams, until a condition holds.</summary>
    public void Finish(Func<bool> isDone)
    {
        while (!isDone())
        {
            List<PtxStream> ready = [.. _streams.Where(stream => stream.CanGoOn)];
            if (ready.Count == 0)
            {
                throw new PtxException(PtxFault.Deadlock, "the streams wait for each other: an event is waited for that no stream comes to");
            }

            PtxWork work = ready[_random.Next(ready.Count)].Work.Dequeue();
            work.Action();
        }
    }

    /// <summary>Does all work.</summary>
    public void FinishAll() => Finish(() => Waiting == 0);

    /// <summary>Forgets all work: the device has failed.</summary>
    public void Abandon()
    {
        foreach (PtxStream stream in _streams)
        {
            stream.Work.Clear();
        }
    }
}

/// <summary>A stream: work in order.</summary>
internal sealed class PtxStream
{
    public Queue<PtxWork> Work { get; } = [];

    /// <summary>What is recorded instead of done, between the begin and the end of a capture.</summary>
    public List<PtxWork>? Recording { get; set; }

    /// <summary>True where the next work may be done.</summary>
    public bool CanGoOn => Work.TryPeek(out PtxWork? work) && (work.Condition is null || work.Condition.IsPassed);
}

/// <summary>A piece of work; it waits for a mark of another stream where there is one.</summary>
internal sealed record PtxWork(Action Action, PtxMark? Condition = null);

/// <summary>A place in a stream that an event was moved to.</summary>
internal sealed class PtxMark
{
    public bool IsPassed { get; set; }

    public long Ticks { get; set; }
}

/// <summary>An event: the mark that it was moved to last.</summary>
internal sealed class PtxEvent
{
    public PtxMark? Mark { get; set; }
}
