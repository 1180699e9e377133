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

    /// <summary>Takes memory.</summary>
    public nint Allocate(long bytes)
    {
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

    /// <summary>Runs a kernel to its end.</summary>
    public void Launch(nint function, PtxDim grid, PtxDim block, int sharedBytes, void** arguments)
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

        _ = PtxMachine.Launch(entry, grid, block, sharedBytes, parameters, Memory, options);
    }

    /// <summary>Does something unless the device has failed; what goes wrong in it ends the device.</summary>
    public CudaStatus Run(Action work)
    {
        if (Failure == CudaStatus.Success)
        {
            try
            {
                work();
            }
            catch (PtxException problem)
            {
                Failure = problem.Fault == PtxFault.OutOfBounds ? CudaStatus.IllegalAddress : CudaStatus.LaunchFailed;
                Explanation = problem.Message;
            }
        }

        return Failure;
    }

    /// <inheritdoc/>
    public void Dispose() => Memory.Dispose();
}
