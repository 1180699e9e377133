using System.Runtime.InteropServices;

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

/// <summary>CUlaunchConfig.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct CudaLaunchConfiguration
{
    public uint GridX;
    public uint GridY;
    public uint GridZ;
    public uint BlockX;
    public uint BlockY;
    public uint BlockZ;
    public uint SharedBytes;
    public nint Stream;
    public CudaLaunchAttribute* Attributes;
    public uint AttributeCount;
}

/// <summary>CUlaunchAttribute with the value of a cluster: id at 0, value at 8, 72 bytes.</summary>
[StructLayout(LayoutKind.Explicit, Size = 72)]
internal struct CudaLaunchAttribute
{
    public const int ClusterDimension = 4;

    [FieldOffset(0)]
    public int Id;

    [FieldOffset(8)]
    public uint ClusterX;

    [FieldOffset(12)]
    public uint ClusterY;

    [FieldOffset(16)]
    public uint ClusterZ;
}
