namespace Camels.Kernels.Interop;

/// <summary>What kind of thing went wrong with a native library.</summary>
public enum NativeFailure
{
    /// <summary>A library, function or device is not on this machine, or too old.</summary>
    Missing,

    /// <summary>A call failed, and the device still answers.</summary>
    Failed,

    /// <summary>The device does not answer any more: a kernel trapped or the device was lost. Nothing on it can be read again.</summary>
    DeviceLost,
}

/// <summary>A native library or a device failed; the message says what was asked, what came back and, if the user can act, what to do.</summary>
public sealed class NativeException(NativeFailure failure, string message, int code = 0) : Exception(message)
{
    /// <summary>What kind of thing went wrong.</summary>
    public NativeFailure Failure { get; } = failure;

    /// <summary>The library's own number, 0 where no call was made.</summary>
    public int Code { get; } = code;
}
