namespace Camels.Kernels.Interop;

/// <summary>CUdevice_attribute, as far as it is asked for.</summary>
internal enum CudaDeviceAttribute
{
    Multiprocessors = 16,
    L2Bytes = 38,
    CapabilityMajor = 75,
    CapabilityMinor = 76,
    SharedBytesPerBlockOptIn = 97,
}

/// <summary>CUfunction_attribute, as far as it is asked for.</summary>
internal enum CudaFunctionAttribute
{
    MaximumThreads = 0,
    SharedBytes = 1,
    LocalBytes = 3,
    Registers = 4,
    MaximumDynamicSharedBytes = 8,
}
