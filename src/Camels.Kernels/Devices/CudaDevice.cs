using Camels.Kernels.Interop;

namespace Camels.Kernels;

/// <summary>What a device needs to run kernels through a CUDA driver, the machine's own or the PTX machine's.</summary>
internal sealed class CudaDevice : IDisposable
{
    private readonly Dictionary<string, KernelModule> _modules = [];
    private readonly Lock _gate = new();
    private KernelFunction?[] _functions = [];

    /// <exception cref="NativeException">Missing: no such GPU, or it or the driver is too old.</exception>
    public CudaDevice(CudaDriver driver, int ordinal, string? target)
    {
        int count = CudaContext.CountDevices(driver);
        if (ordinal < 0 || ordinal >= count)
        {
            string there = count == 0 ? "no GPU" : count == 1 ? "one GPU, cuda:0" : $"{count} GPUs, cuda:0 to cuda:{count - 1}";
            throw new NativeException(NativeFailure.Missing, $"cuda:{ordinal} is not there: the CUDA driver shows {there}");
        }

        Properties = CudaContext.Properties(driver, ordinal);
        Target = target ?? CudaContext.TargetOf(driver, Properties);
        Context = CudaContext.Open(driver, ordinal);
    }

    /// <summary>What the driver says of the GPU.</summary>
    public CudaProperties Properties { get; }

    /// <summary>The kernels that it runs: "sm_80" or "sm_90a".</summary>
    public string Target { get; }

    /// <summary>Its context.</summary>
    public CudaContext Context { get; }

    /// <summary>Sees every launch; tests set it.</summary>
    public LaunchObserver? Launching { get; set; }

    /// <summary>The kernel's machine code, loaded and compiled by the driver when it is first asked for.</summary>
    public KernelFunction Find(Kernel kernel)
    {
        KernelFunction?[] functions = _functions;
        return kernel.Index < functions.Length && functions[kernel.Index] is KernelFunction found ? found : Load(kernel);
    }

    /// <summary>A file of kernels, loaded when it is first asked for.</summary>
    public KernelModule Module(string file)
    {
        lock (_gate)
        {
            if (!_modules.TryGetValue(file, out KernelModule? module))
            {
                module = new KernelModule(Context, file, Target);
                _modules.Add(file, module);
            }

            return module;
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (KernelModule module in _modules.Values)
        {
            module.Dispose();
        }

        Context.Dispose();
    }

    private KernelFunction Load(Kernel kernel)
    {
        KernelFunction function = Module(kernel.File).Find(kernel.Entry);
        lock (_gate)
        {
            KernelFunction?[] functions = new KernelFunction?[Math.Max(_functions.Length, kernel.Index + 1)];
            _functions.CopyTo(functions, 0);
            functions[kernel.Index] = function;
            _functions = functions;
        }

        return function;
    }
}
