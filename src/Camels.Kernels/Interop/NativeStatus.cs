using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Camels.Kernels.Interop;

/// <summary>Checks what native calls return; text is built on failure only.</summary>
internal static class NativeStatus
{
    /// <summary>Throws unless the call succeeded; <paramref name="call"/> is its source text.</summary>
    public static void ThrowIfFailed(
        this CudaStatus status, CudaDriver driver, [CallerArgumentExpression(nameof(status))] string call = "")
    {
        if (status != CudaStatus.Success)
        {
            Throw(status, driver, call);
        }
    }

    /// <summary>As in "CUDA_ERROR_INVALID_VALUE: invalid argument".</summary>
    public static unsafe string Describe(CudaStatus status, CudaDriver driver)
    {
        byte* name = null;
        byte* text = null;
        bool isKnown = driver.cuGetErrorName(status, &name) == CudaStatus.Success
            & driver.cuGetErrorString(status, &text) == CudaStatus.Success;
        return isKnown ? $"{Marshal.PtrToStringUTF8((nint)name)}: {Marshal.PtrToStringUTF8((nint)text)}" : $"CUDA error {(int)status}";
    }

    [DoesNotReturn]
    private static void Throw(CudaStatus status, CudaDriver driver, string call)
    {
        string function = call.Split('(')[0].Split('.')[^1];
        string text = Describe(status, driver);
        throw status switch
        {
            CudaStatus.UnsupportedPtxVersion or CudaStatus.NoBinaryForGpu => new NativeException(
                NativeFailure.Missing, $"{function}: {text}; the driver is too old for the kernels of this version: update it", (int)status),
            _ when IsFatal(status) => new NativeException(
                NativeFailure.DeviceLost, $"the GPU stopped: {text} (seen by {function})", (int)status),
            _ => new NativeException(NativeFailure.Failed, $"{function}: {text}", (int)status),
        };
    }

    // After these the context is of no use any more.
    private static bool IsFatal(CudaStatus status) => status is
        CudaStatus.UncorrectableMemory or CudaStatus.IllegalAddress or CudaStatus.LaunchTimeout or CudaStatus.HardwareStackError
        or CudaStatus.IllegalInstruction or CudaStatus.MisalignedAddress or CudaStatus.InvalidAddressSpace
        or CudaStatus.InvalidProgramCounter or CudaStatus.LaunchFailed or CudaStatus.Unknown;
}
