using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Runtime.ExceptionServices;
using System.Runtime.InteropServices;

namespace Camels.Kernels;

/// <summary>
/// One piece of parallel work, a struct so that starting it allocates nothing. The number of parts and what each part does depend on the
/// problem alone, never on the threads; a part's result must not depend on which thread runs it, or when.
/// </summary>
public interface ICpuWork
{
    /// <summary>Computes part <paramref name="part"/>; <paramref name="worker"/> (0 … Count − 1) names the thread's own scratch memory.</summary>
    void Run(int part, int worker);
}

/// <summary>The threads of a CPU device. The calling thread is worker 0; the others spin briefly between pieces of work, then sleep.</summary>
public sealed unsafe class CpuWorkers : IDisposable
{
    private static readonly long _spinTicks = Stopwatch.Frequency / 5_000;   // 200 µs: longer than the gaps inside a training step

    private const int ShortSpins = 256;     // some microseconds, in which the other threads usually end

    private readonly Thread[] _threads;
    private readonly object _gate = new();
    private delegate*<void*, int, int, void> _body;
    private void* _work;
    private int _parts;
    private SharedNumber _nextPart;
    private SharedNumber _busyThreads;
    private SharedNumber _generation;
    private int _sleepers;
    private bool _stopping;
    private ExceptionDispatchInfo? _failure;
    private void* _scratch;
    private long _scratchStrideBytes;

    /// <summary>Starts <paramref name="count"/> − 1 threads.</summary>
    public CpuWorkers(int count)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(count, 1);
        Count = count;
        _threads = new Thread[count - 1];
        for (int i = 0; i < _threads.Length; i++)
        {
            int worker = i + 1;
            _threads[i] = new Thread(() => ThreadLoop(worker)) { IsBackground = true, Name = $"camels worker {worker}" };
            _threads[i].Start();
        }
    }

    /// <summary>Number of threads, the caller's included.</summary>
    public int Count { get; }

    /// <summary>
    /// Runs parts 0 … <paramref name="parts"/> − 1 and returns when all are done. Not reentrant. Each thread begins with the part of its own
    /// number and then takes the next one that nobody has begun.
    /// </summary>
    public void Run<TWork>(ref TWork work, int parts)
        where TWork : struct, ICpuWork
    {
        if (_threads.Length == 0 || parts <= 1)
        {
            for (int part = 0; part < parts; part++)
            {
                work.Run(part, worker: 0);
            }

            return;
        }

        _body = &RunPart<TWork>;
        _work = Unsafe.AsPointer(ref work);     // on the caller's stack, which stays until all threads are done
        _parts = parts;
        _nextPart.Value = Count;
        _busyThreads.Value = _threads.Length;
        _ = Interlocked.Increment(ref _generation.Value);
        if (Volatile.Read(ref _sleepers) > 0)
        {
            lock (_gate)
            {
                Monitor.PulseAll(_gate);
            }
        }

        TakeParts(worker: 0);
        SpinWait wait = default;
        for (int spins = 0; Volatile.Read(ref _busyThreads.Value) != 0; spins++)
        {
            if (spins < ShortSpins)
            {
                Thread.SpinWait(1);
                continue;
            }

            wait.SpinOnce(sleep1Threshold: -1);
        }

        _work = null;
        if (_failure is not null)
        {
            ExceptionDispatchInfo failure = _failure;
            _failure = null;
            failure.Throw();
        }
    }

    /// <summary>
    /// Memory for each worker, at least <paramref name="floats"/> singles, until the next call. One block is kept and only ever grows, so
    /// that a repeated step allocates nothing.
    /// </summary>
    internal CpuWorkerScratch Scratch(long floats)
    {
        long strideBytes = ((floats * sizeof(float)) + DeviceMemory.AlignmentBytes - 1) & ~(DeviceMemory.AlignmentBytes - 1L);
        if (strideBytes > _scratchStrideBytes)
        {
            NativeMemory.AlignedFree(_scratch);
            _scratch = null;
            _scratchStrideBytes = 0;
            _scratch = NativeMemory.AlignedAlloc(checked((nuint)(strideBytes * Count)), DeviceMemory.AlignmentBytes);
            _scratchStrideBytes = strideBytes;
        }

        return new CpuWorkerScratch((nint)_scratch, _scratchStrideBytes);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        lock (_gate)
        {
            _stopping = true;
            _ = Interlocked.Increment(ref _generation.Value);
            Monitor.PulseAll(_gate);
        }

        foreach (Thread thread in _threads)
        {
            thread.Join();
        }

        NativeMemory.AlignedFree(_scratch);
        _scratch = null;
        _scratchStrideBytes = 0;
    }

    private static void RunPart<TWork>(void* work, int part, int worker)
        where TWork : struct, ICpuWork => Unsafe.AsRef<TWork>(work).Run(part, worker);

    private void TakeParts(int worker)
    {
        try
        {
            for (int part = worker; part < _parts; part = Interlocked.Increment(ref _nextPart.Value) - 1)
            {
                _body(_work, part, worker);
            }
        }
        catch (Exception failure)
        {
            _ = Interlocked.CompareExchange(ref _failure, ExceptionDispatchInfo.Capture(failure), null);
            _ = Interlocked.Exchange(ref _nextPart.Value, _parts);
        }
    }

    private void ThreadLoop(int worker)
    {
        int seen = 0;
        while (true)
        {
            seen = WaitForWork(seen);
            if (_stopping)
            {
                return;
            }

            TakeParts(worker);
            _ = Interlocked.Decrement(ref _busyThreads.Value);
        }
    }

    private int WaitForWork(int seen)
    {
        long deadline = Stopwatch.GetTimestamp() + _spinTicks;
        while (Volatile.Read(ref _generation.Value) == seen)
        {
            if (Stopwatch.GetTimestamp() < deadline)
            {
                Thread.SpinWait(2);
                continue;
            }

            lock (_gate)
            {
                _ = Interlocked.Increment(ref _sleepers);
                while (Volatile.Read(ref _generation.Value) == seen)
                {
                    _ = Monitor.Wait(_gate);
                }

                _ = Interlocked.Decrement(ref _sleepers);
            }
        }

        return Volatile.Read(ref _generation.Value);
    }

    // Alone in its cache lines: threads that change it take nothing away from those that read what lies beside it.
    [StructLayout(LayoutKind.Explicit, Size = 256)]
    private struct SharedNumber
    {
        [FieldOffset(128)]
        public int Value;
    }
}
