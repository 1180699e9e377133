using System.Runtime.InteropServices;
using System.Text;

namespace Camels.Kernels.Interop;

/// <summary>Machine code on a GPU, made by the driver from PTX (which it compiles now) or from a cubin; keeps what the compiler said.</summary>
internal sealed unsafe class CudaModule : CudaOwned
{
    private const int LogBytes = 64 * 1024;
    private const int InfoLogBuffer = 3;
    private const int InfoLogBytes = 4;
    private const int ErrorLogBuffer = 5;
    private const int ErrorLogBytes = 6;
    private const int LogVerbose = 12;

    /// <param name="context">Where it is loaded.</param>
    /// <param name="image">PTX text closed by a NUL, or a cubin.</param>
    /// <param name="name">For messages.</param>
    public CudaModule(CudaContext context, ReadOnlySpan<byte> image, string name)
        : base(context)
    {
        context.MakeCurrent();
        byte[] info = new byte[LogBytes];
        byte[] errors = new byte[LogBytes];
        fixed (byte* text = image, infoLog = info, errorLog = errors)
        {
            int* options = stackalloc int[] { InfoLogBuffer, InfoLogBytes, ErrorLogBuffer, ErrorLogBytes, LogVerbose };
            void** values = stackalloc void*[] { infoLog, (void*)LogBytes, errorLog, (void*)LogBytes, (void*)1 };
            nint module;
            CudaStatus status = Driver.cuModuleLoadDataEx(&module, text, 5, options, values);
            Log = $"{TextOf(info)}{TextOf(errors)}".Trim();
            if (status != CudaStatus.Success)
            {
                NativeFailure failure = status == CudaStatus.OutOfMemory ? NativeFailure.Failed : NativeFailure.Missing;
                throw new NativeException(
                    failure, $"the CUDA driver refuses the kernels of {name}: {NativeStatus.Describe(status, Driver)}; {Log.ReplaceLineEndings(" ")}", (int)status);
            }

            SetHandle(module);
        }
    }

    /// <summary>What the driver's compiler said, warnings about speed included.</summary>
    public string Log { get; }

    /// <summary>The handle of a kernel, 0 where the module has none of this name.</summary>
    public nint Find(string entry)
    {
        Context.MakeCurrent();
        nint function;
        fixed (byte* name = Encoding.UTF8.GetBytes($"{entry}\0"))
        {
            CudaStatus status = Driver.cuModuleGetFunction(&function, handle, name);
            if (status == CudaStatus.NotFound)
            {
                return 0;
            }

            status.ThrowIfFailed(Driver, nameof(CudaDriver.cuModuleGetFunction));
            return function;
        }
    }

    /// <summary>A property of a kernel's machine code.</summary>
    public int Attribute(nint function, CudaFunctionAttribute attribute)
    {
        Context.MakeCurrent();
        int value;
        Driver.cuFuncGetAttribute(&value, attribute, function).ThrowIfFailed(Driver);
        return value;
    }

    /// <summary>Permits the kernel so many bytes of dynamic shared memory; without it, 48 KB.</summary>
    /// <exception cref="NativeException">Missing: this GPU has not so many. Those of A100 and H100 have; others of the same age have 99 KB.</exception>
    public void PermitSharedBytes(nint function, string name, int bytes)
    {
        Context.MakeCurrent();
        CudaStatus status = Driver.cuFuncSetAttribute(function, CudaFunctionAttribute.MaximumDynamicSharedBytes, bytes);
        if (status == CudaStatus.InvalidValue)
        {
            int most = Context.Attribute(CudaDeviceAttribute.SharedBytesPerBlockOptIn);
            throw new NativeException(
                NativeFailure.Missing,
                $"{name} needs {bytes:N0} bytes of shared memory in a block, of which this GPU has {most:N0}: take a 16-bit precision, a model with "
                + "narrower heads, or a GPU like the A100 or the H100", (int)status);
        }

        status.ThrowIfFailed(Driver, nameof(CudaDriver.cuFuncSetAttribute));
    }

    /// <inheritdoc/>
    protected override CudaStatus Release(nint handle) => Driver.cuModuleUnload(handle);

    private static string TextOf(byte[] log) =>
        Encoding.UTF8.GetString(MemoryMarshal.CreateReadOnlySpanFromNullTerminated((byte*)Marshal.UnsafeAddrOfPinnedArrayElement(log, 0)));
}
