using System.Collections.Concurrent;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using Camels.Kernels.Interop;

namespace Camels.Kernels;

/// <summary>One emulated device behind <see cref="PtxDriver"/>: its memory, its modules, and the failure that ended it.</summary>
internal sealed unsafe class PtxDevice(int ordinal, string target, PtxOptions options) : IDisposable
{
    // Texts that were understood once, over all devices: large ones take a second.
    private static readonly ConcurrentDictionary<string, PtxModule> _parsed = [];

    private readonly List<PtxModule> _modules = [];
    private readonly List<PtxEntry> _functions = [];
    private readonly Dictionary<nint, object> _handles = [];
    private readonly PtxQueues _queues = new(options.Seed);
    private readonly Lock _gate = new();
    private nint _lastHandle;
    private int _recorder;      // the thread that records a stream

    /// <summary>Its number in the driver's table.</summary>
    public int Ordinal { get; } = ordinal;

    /// <summary>"sm_80" or "sm_90a".</summary>
    public string Target { get; } = target;

    /// <summary>Its memory.</summary>
    public PtxMemory Memory { get; } = new();

    /// <summary>The first failure: everything behind it fails alike, as on a GPU.</summary>
    public CudaStatus Failure { get; private set; }

    /// <summary>What went wrong, in one line.</summary>
    public string Explanation { get; private set; } = "";

    /// <summary>Blocks of memory that were allocated.</summary>
    public int Allocations { get; private set; }

    /// <summary>Kernels that were launched.</summary>
    public long Launches { get; private set; }

    /// <summary>Bytes of its memory.</summary>
    public long MemoryBytes { get; } = options.MemoryBytes == 0 ? GC.GetGCMemoryInfo().TotalAvailableMemoryBytes : options.MemoryBytes;

    /// <summary>Takes memory.</summary>
    /// <exception cref="OutOfMemoryException">There is not so much.</exception>
    public nint Allocate(long bytes)
    {
        if (bytes > MemoryBytes - Memory.LiveBytes)
        {
            throw new InsufficientMemoryException();
        }

        Allocations++;
        return (nint)Memory.Allocate(bytes);
    }

    /// <summary>Parses a module; its handle is its number from 1.</summary>
    public nint Load(string text)
    {
        string hash = Convert.ToHexString(SHA256.HashData(MemoryMarshal.AsBytes(text.AsSpan())));
        _modules.Add(_parsed.GetOrAdd(hash, _ => PtxModule.Parse(text, "ptx")));
        return _modules.Count;
    }

    /// <summary>A kernel's handle, its number from 1; 0 where there is none of this name.</summary>
    public nint Find(nint module, string name)
    {
        if (_modules[(int)module - 1].Find(name) is not PtxEntry entry)
        {
            return 0;
        }

        _functions.Add(entry);
        return _functions.Count;
    }

    /// <summary>The kernel of a handle.</summary>
    public PtxEntry Function(nint function) => _functions[(int)function - 1];

    /// <summary>Gives a kernel to a stream; the arguments are copied now.</summary>
    public void Launch(nint stream, nint function, PtxDim grid, PtxDim block, int sharedBytes, void** arguments)
    {
        PtxEntry entry = Function(function);
        byte[] parameters = new byte[entry.ParameterBytes];
        for (int i = 0; i < entry.Parameters.Count; i++)
        {
            PtxParameter parameter = entry.Parameters[i];
            new ReadOnlySpan<byte>(arguments[i], parameter.SizeBytes).CopyTo(parameters.AsSpan(parameter.OffsetBytes));
        }

        if (++Launches > options.LostAfterLaunches)
        {
            throw new PtxException(PtxFault.Launch, "the device is lost, as was asked for");
        }

        Give(stream, () => _ = PtxMachine.Launch(entry, grid, block, sharedBytes, parameters, Memory, options));
    }

    /// <summary>Gives work to a stream.</summary>
    public void Give(nint stream, Action work, PtxMark? condition = null) => PtxQueues.Give(Of<PtxStream>(stream), new PtxWork(work, condition));

    /// <summary>A new stream or event.</summary>
    public nint Create(bool isStream)
    {
        _handles.Add(++_lastHandle, isStream ? _queues.Create() : new PtxEvent());
        return _lastHandle;
    }

    /// <summary>Gives a stream, event or graph back; a stream's work is done first.</summary>
    public void Destroy(nint handle)
    {
        if (_handles.Remove(handle, out object? owned) && owned is PtxStream stream)
        {
            _queues.Remove(stream);
        }
    }

    /// <summary>The event is where the stream has come to with what it was given so far.</summary>
    public void Record(nint mark, nint stream)
    {
        PtxMark place = new();
        Of<PtxEvent>(mark).Mark = place;
        Give(stream, () =>
        {
            place.Ticks = System.Diagnostics.Stopwatch.GetTimestamp();
            place.IsPassed = true;
        });
    }

    /// <summary>The stream goes on when the event is passed; one that was never recorded is.</summary>
    public void WaitFor(nint stream, nint mark) => Give(stream, () => { }, Of<PtxEvent>(mark).Mark);

    /// <summary>Does the work of a stream, or what an event waits for, and whatever else the seed puts in between.</summary>
    public void Synchronize(nint handle)
    {
        RequireNoCapture("waits");
        object owned = Of<object>(handle);
        _queues.Finish(() => owned is PtxStream stream ? stream.Work.Count == 0 : ((PtxEvent)owned).Mark?.IsPassed ?? true);
    }

    /// <summary>Does everything that was given.</summary>
    public void SynchronizeAll()
    {
        RequireNoCapture("takes memory back");
        _queues.FinishAll();
    }

    /// <summary>Milliseconds between two events, or -1 where one is not passed.</summary>
    public float Elapsed(nint start, nint end) =>
        Of<PtxEvent>(start).Mark is { IsPassed: true } first && Of<PtxEvent>(end).Mark is { IsPassed: true } last
            ? (float)System.Diagnostics.Stopwatch.GetElapsedTime(first.Ticks, last.Ticks).TotalMilliseconds
            : -1;

    /// <summary>From now on the stream's work is recorded.</summary>
    public void BeginCapture(nint stream)
    {
        Of<PtxStream>(stream).Recording = [];
        _recorder = Environment.CurrentManagedThreadId;
    }

    /// <summary>What was recorded, as a graph.</summary>
    public nint EndCapture(nint stream)
    {
        PtxStream recorded = Of<PtxStream>(stream);
        List<PtxWork> work = recorded.Recording ?? throw new PtxException(PtxFault.Launch, "the end of a capture that did not begin");
        recorded.Recording = null;
        _recorder = 0;
        return Share(work);
    }

    /// <summary>The same recorded work under a handle of its own.</summary>
    public nint Instantiate(nint graph) => Share(Of<List<PtxWork>>(graph));

    /// <summary>Gives recorded work to a stream.</summary>
    public void LaunchGraph(nint graph, nint stream)
    {
        foreach (PtxWork work in Of<List<PtxWork>>(graph))
        {
            PtxQueues.Give(Of<PtxStream>(stream), work);
        }
    }

    /// <summary>Does something unless the device has failed; what goes wrong in it, or in work that it leads to, ends the device.</summary>
    public CudaStatus Run(Action work)
    {
        lock (_gate)
        {
            if (Failure == CudaStatus.Success)
            {
                try
                {
                    work();
                }
                catch (PtxException problem)
                {
                    Failure = StatusOf(problem.Fault);
                    Explanation = problem.Message;
                    _queues.Abandon();
                }
            }

            return Failure;
        }
    }

    /// <summary>Throws where the calling thread records a stream: until the recording ends, a driver lets it neither wait nor allocate.</summary>
    public void RequireNoCapture(string what)
    {
        if (_recorder == Environment.CurrentManagedThreadId)
        {
            throw new PtxException(PtxFault.Launch, $"the host {what} while it records a stream, which a driver refuses");
        }
    }

    private static CudaStatus StatusOf(PtxFault fault) => fault switch
    {
        PtxFault.OutOfBounds => CudaStatus.IllegalAddress,
        PtxFault.Misaligned => CudaStatus.MisalignedAddress,
        PtxFault.Malformed => CudaStatus.InvalidPtx,
        _ => CudaStatus.LaunchFailed,
    };

    private nint Share(List<PtxWork> work)
    {
        _handles.Add(++_lastHandle, work);
        return _lastHandle;
    }

    private T Of<T>(nint handle)
        where T : class => _handles.TryGetValue(handle, out object? owned) && owned is T wanted
            ? wanted
            : throw new PtxException(PtxFault.Launch, $"{handle} is the handle of nothing, or of something else");

    /// <inheritdoc/>
    public void Dispose() => Memory.Dispose();
}
