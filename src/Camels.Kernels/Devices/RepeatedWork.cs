using Camels.Kernels.Interop;

namespace Camels.Kernels;

/// <summary>
/// Work that is given to a stream again and again, often with the same launches: a training pass, one token of every sequence. On a GPU it is
/// recorded when it comes the second time in a row with the same key, and given as a whole from then on, which saves the host the time of
/// many launches. On other devices it is simply done. The work must only launch kernels, copy inside the device and fill.
/// </summary>
/// <typeparam name="TKey">Everything that sizes and addresses in the work's launches depend on.</typeparam>
public sealed class RepeatedWork<TKey>(DeviceStream stream, Action work) : IDisposable
    where TKey : struct, IEquatable<TKey>
{
    private CudaGraph? _graph;
    private TKey? _recorded;
    private TKey? _last;

    /// <summary>Does the work, or gives its recording.</summary>
    public void Run(in TKey key)
    {
        if (stream.Cuda is not { CanCapture: true } queue)
        {
            work();
            return;
        }

        if (_graph is null || !key.Equals(_recorded!.Value))
        {
            if (!key.Equals(_last.GetValueOrDefault()) || _last is null)
            {
                _last = key;
                work();
                return;
            }

            Record(queue, key);
        }

        _graph!.Launch(queue);
    }

    /// <inheritdoc/>
    public void Dispose() => _graph?.Dispose();

    private void Record(CudaStream queue, in TKey key)
    {
        _graph?.Dispose();
        _graph = null;
        queue.BeginCapture();
        try
        {
            work();
        }
        catch
        {
            queue.AbandonCapture();     // it holds a part of the work
            throw;
        }

        _graph = queue.EndCapture();
        _recorded = key;
    }
}
