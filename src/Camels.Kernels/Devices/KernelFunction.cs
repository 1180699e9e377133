using Camels.Kernels.Interop;

namespace Camels.Kernels;

/// <summary>One kernel's machine code on one GPU.</summary>
internal sealed class KernelFunction
{
    // What a block has without asking.
    private const int PlainSharedBytes = 48 * 1024;

    private readonly CudaModule _module;
    private readonly int[]? _parameterBytes;
    private int _permittedSharedBytes = PlainSharedBytes;

    public KernelFunction(CudaModule module, nint handle, string name, int[]? parameterBytes)
    {
        _module = module;
        _parameterBytes = parameterBytes;
        Handle = handle;
        Name = name;
        Registers = module.Attribute(handle, CudaFunctionAttribute.Registers);
        LocalBytes = module.Attribute(handle, CudaFunctionAttribute.LocalBytes);
    }

    /// <summary>The driver's handle.</summary>
    public nint Handle { get; }

    /// <summary>Name in the PTX.</summary>
    public string Name { get; }

    /// <summary>Registers of a thread.</summary>
    public int Registers { get; }

    /// <summary>Bytes of memory that a thread keeps registers in for lack of them: must be 0.</summary>
    public int LocalBytes { get; }

    /// <summary>Throws unless the arguments are as many and as large as the kernel's parameters; permits the shared memory.</summary>
    public void Prepare(ReadOnlySpan<KernelArgument> arguments, int sharedBytes)
    {
        if (_parameterBytes is not null && !Fits(arguments))
        {
            throw new ArgumentException(
                $"{Name} takes parameters of {string.Join(", ", _parameterBytes)} bytes, not {string.Join(", ", arguments.ToArray().Select(a => a.Bytes))}");
        }

        if (sharedBytes > _permittedSharedBytes)
        {
            _module.PermitSharedBytes(Handle, Name, sharedBytes);
            _permittedSharedBytes = sharedBytes;
        }
    }

    private bool Fits(ReadOnlySpan<KernelArgument> arguments)
    {
        bool fits = arguments.Length == _parameterBytes!.Length;
        for (int i = 0; fits && i < arguments.Length; i++)
        {
            fits = arguments[i].Bytes == _parameterBytes[i];
        }

        return fits;
    }
}
