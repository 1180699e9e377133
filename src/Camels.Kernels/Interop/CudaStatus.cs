namespace Camels.Kernels.Interop;

/// <summary>What a call of the CUDA driver returns (CUresult); those that the program tells apart by name.</summary>
internal enum CudaStatus
{
    Success = 0,
    InvalidValue = 1,
    OutOfMemory = 2,
    NotInitialized = 3,
    NoDevice = 100,
    InvalidDevice = 101,
    NoBinaryForGpu = 209,
    UncorrectableMemory = 214,
    InvalidPtx = 218,
    UnsupportedPtxVersion = 222,
    NotFound = 500,
    NotReady = 600,
    IllegalAddress = 700,
    LaunchTimeout = 702,
    HardwareStackError = 714,
    IllegalInstruction = 715,
    MisalignedAddress = 716,
    InvalidAddressSpace = 717,
    InvalidProgramCounter = 718,
    LaunchFailed = 719,
    Unknown = 999,
}
