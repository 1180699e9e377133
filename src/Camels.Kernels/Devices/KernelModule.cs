using Camels.Kernels.Interop;

namespace Camels.Kernels;

/// <summary>One file of kernels loaded on one GPU, with what the driver's compiler said about it.</summary>
internal sealed class KernelModule : IDisposable
{
    private readonly CudaModule _module;
    private readonly Dictionary<string, int[]> _parameters;

    /// <param name="context">Where it is loaded.</param>
    /// <param name="file">Name in native/cuda, without ending.</param>
    /// <param name="target">"sm_80" or "sm_90a".</param>
    public KernelModule(CudaContext context, string file, string target)
    {
        KernelImage image = KernelImage.Read(file, target);
        Origin = image.Origin;
        _parameters = image.Parameters();
        _module = new CudaModule(context, image.Bytes, image.Origin);
    }

    /// <summary>The resource or file that it was loaded from.</summary>
    public string Origin { get; }

    /// <summary>The driver's log, empty where it said nothing.</summary>
    public string Log => _module.Log;

    /// <summary>The names of its kernels; none where it is a cubin.</summary>
    public IEnumerable<string> Entries => _parameters.Keys;

    /// <summary>Finds a kernel by its name in the PTX.</summary>
    public KernelFunction Find(string entry)
    {
        nint handle = _module.Find(entry);
        return handle != 0
            ? new KernelFunction(_module, handle, entry, _parameters.GetValueOrDefault(entry))
            : throw new InvalidOperationException($"{Origin} has no kernel {entry}");
    }

    /// <inheritdoc/>
    public void Dispose() => _module.Dispose();
}
