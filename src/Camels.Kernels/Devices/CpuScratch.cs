namespace Camels.Kernels;

/// <summary>
/// Memory in which the matrix product packs its factors: allocated with the device, of a fixed size, so that no step allocates. The system
/// provides pages when they are first written.
/// </summary>
internal sealed unsafe class CpuScratch : IDisposable
{
    /// <summary>Elements of each shared buffer: 16 MiB, half of a usual last-level cache.</summary>
    public const int SharedElements = 4 << 20;

    /// <summary>Elements of a worker's levels of a tree over lanes.</summary>
    public const int LevelElements = CpuLaneTree.MaximumLevels * CpuLaneProduct.ElementsPerTile;

    private const int PanelElements = CpuChunk.StepsPerBlock * CpuChunk.ColumnsPerTile;
    private const int WorkerElements = PanelElements + LevelElements;

    private readonly DeviceMemory _memory;

    /// <param name="device">The device that the memory is counted for.</param>
    /// <param name="workers">Its threads.</param>
    public CpuScratch(Device device, int workers) =>
        _memory = DeviceMemory.Allocate(device, sizeof(float) * ((3L * SharedElements) + ((long)workers * WorkerElements)));

    /// <summary>Packed panels of the left factor.</summary>
    public float* Left => (float*)_memory.Address;

    /// <summary>Packed panels of the right factor.</summary>
    public float* Right => Left + SharedElements;

    /// <summary>Results in single precision that are stored in a narrower type.</summary>
    public float* Result => Right + SharedElements;

    /// <summary>A worker's packed panels of one block of the right factor.</summary>
    public float* Panels(int worker) => Result + SharedElements + ((nint)worker * WorkerElements);

    /// <summary>A worker's tiles of a tree over lanes.</summary>
    public float* Levels(int worker) => Panels(worker) + PanelElements;

    /// <inheritdoc/>
    public void Dispose() => _memory.Dispose();
}
