using System.Runtime.InteropServices;
using Camels.Kernels.Interop;

namespace Camels.Kernels;

/// <summary>What is given to streams: copies, kernels, events, recorded work.</summary>
internal static unsafe partial class PtxDriver
{
    private static readonly Dictionary<nint, nuint> _pinned = [];

    [UnmanagedCallersOnly]
    private static CudaStatus HostAllocate(void** address, nuint bytes, uint flags)
    {
        *address = NativeMemory.AlignedAlloc(bytes, 256);
        lock (_pinned)
        {
            _pinned.Add((nint)(*address), bytes);
        }

        return CudaStatus.Success;
    }

    [UnmanagedCallersOnly]
    private static CudaStatus HostFree(void* address)
    {
        CudaStatus status = _current?.Run(_current.SynchronizeAll) ?? CudaStatus.Success;
        lock (_pinned)
        {
            _ = _pinned.Remove((nint)address);
        }

        NativeMemory.AlignedFree(address);
        return status;
    }

    // From pinned memory the bytes are read when the copy is done; other memory a driver has read when the call returns.
    [UnmanagedCallersOnly]
    private static CudaStatus CopyToDevice(nint destination, void* source, nuint bytes, nint stream)
    {
        PtxDevice device = _current!;
        nint from = (nint)source;
        byte[]? copy = IsPinned(from, bytes) ? null : new ReadOnlySpan<byte>(source, checked((int)bytes)).ToArray();
        return device.Run(() => device.Give(stream, () =>
        {
            byte* to = device.Memory.Host((ulong)destination, (long)bytes);
            if (copy is null)
            {
                Buffer.MemoryCopy((void*)from, to, bytes, bytes);
            }
            else
            {
                copy.CopyTo(new Span<byte>(to, copy.Length));
            }
        }));
    }

    // To pinned memory the bytes come when the copy is done; to other memory a driver waits for them.
    [UnmanagedCallersOnly]
    private static CudaStatus CopyToHost(void* destination, nint source, nuint bytes, nint stream)
    {
        PtxDevice device = _current!;
        nint to = (nint)destination;
        return device.Run(() =>
        {
            device.Give(stream, () => Buffer.MemoryCopy(device.Memory.Host((ulong)source, (long)bytes), (void*)to, bytes, bytes));
            if (!IsPinned(to, bytes))
            {
                device.Synchronize(stream);
            }
        });
    }

    [UnmanagedCallersOnly]
    private static CudaStatus Copy(nint destination, nint source, nuint bytes, nint stream)
    {
        PtxDevice device = _current!;
        return device.Run(() => device.Give(stream, () => Buffer.MemoryCopy(
            device.Memory.Host((ulong)source, (long)bytes), device.Memory.Host((ulong)destination, (long)bytes), bytes, bytes)));
    }

    [UnmanagedCallersOnly]
    private static CudaStatus Fill(nint destination, byte value, nuint bytes, nint stream)
    {
        PtxDevice device = _current!;
        return device.Run(() => device.Give(
            stream, () => NativeMemory.Fill(device.Memory.Host((ulong)destination, (long)bytes), bytes, value)));
    }

    [UnmanagedCallersOnly]
    private static CudaStatus CreateStream(nint* handle, uint flags)
    {
        *handle = _current!.Create(isStream: true);
        return CudaStatus.Success;
    }

    [UnmanagedCallersOnly]
    private static CudaStatus CreateEvent(nint* handle, uint flags)
    {
        *handle = _current!.Create(isStream: false);
        return CudaStatus.Success;
    }

    [UnmanagedCallersOnly]
    private static CudaStatus Destroy(nint handle) => _current is null ? CudaStatus.Success : _current.Run(() => _current.Destroy(handle));

    [UnmanagedCallersOnly]
    private static CudaStatus Synchronize(nint handle) => _current!.Run(() => _current.Synchronize(handle));

    [UnmanagedCallersOnly]
    private static CudaStatus WaitEvent(nint stream, nint mark, uint flags) => _current!.Run(() => _current.WaitFor(stream, mark));

    [UnmanagedCallersOnly]
    private static CudaStatus RecordEvent(nint mark, nint stream) => _current!.Run(() => _current.Record(mark, stream));

    [UnmanagedCallersOnly]
    private static CudaStatus ElapsedTime(float* milliseconds, nint start, nint end)
    {
        float elapsed = -1;
        CudaStatus status = _current!.Run(() => elapsed = _current.Elapsed(start, end));
        *milliseconds = elapsed;
        return status != CudaStatus.Success ? status : elapsed < 0 ? CudaStatus.NotReady : CudaStatus.Success;
    }

    [UnmanagedCallersOnly]
    private static CudaStatus BeginCapture(nint stream, int mode) => _current!.Run(() => _current.BeginCapture(stream));

    [UnmanagedCallersOnly]
    private static CudaStatus EndCapture(nint stream, nint* graph)
    {
        nint recorded = 0;
        CudaStatus status = _current!.Run(() => recorded = _current.EndCapture(stream));
        *graph = recorded;
        return status;
    }

    [UnmanagedCallersOnly]
    private static CudaStatus InstantiateGraph(nint* executable, nint graph, ulong flags)
    {
        nint instance = 0;
        CudaStatus status = _current!.Run(() => instance = _current.Instantiate(graph));
        *executable = instance;
        return status;
    }

    [UnmanagedCallersOnly]
    private static CudaStatus LaunchGraph(nint graph, nint stream) => _current!.Run(() => _current.LaunchGraph(graph, stream));

    [UnmanagedCallersOnly]
    private static CudaStatus Launch(
        nint function, uint gridX, uint gridY, uint gridZ, uint blockX, uint blockY, uint blockZ, uint sharedBytes, nint stream, void** arguments,
        void** extra) => _current!.Run(() => _current.Launch(
            stream, function, new PtxDim((int)gridX, (int)gridY, (int)gridZ), new PtxDim((int)blockX, (int)blockY, (int)blockZ), (int)sharedBytes,
            arguments));

    private static bool IsPinned(nint address, nuint bytes)
    {
        lock (_pinned)
        {
            foreach ((nint start, nuint length) in _pinned)
            {
                if (address >= start && (nuint)(address - start) + bytes <= length)
                {
                    return true;
                }
            }
        }

        return false;
    }
}
