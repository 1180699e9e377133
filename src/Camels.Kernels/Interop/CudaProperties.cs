namespace Camels.Kernels.Interop;

/// <summary>One GPU as the driver describes it.</summary>
/// <param name="Ordinal">Its number, as in <c>cuda:1</c>.</param>
/// <param name="Name">Its name.</param>
/// <param name="Major">Compute capability, before the point.</param>
/// <param name="Minor">Compute capability, behind the point.</param>
/// <param name="Multiprocessors">Streaming multiprocessors.</param>
/// <param name="SharedBytesPerBlock">The most shared memory that a block can ask for.</param>
/// <param name="L2Bytes">Bytes of its second-level cache.</param>
/// <param name="TotalBytes">Bytes of its memory.</param>
public sealed record CudaProperties(
    int Ordinal, string Name, int Major, int Minor, int Multiprocessors, int SharedBytesPerBlock, int L2Bytes, long TotalBytes);
