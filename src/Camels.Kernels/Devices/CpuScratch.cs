namespace Camels.Kernels;

/// <summary>
/// Memory in which the matrix product packs its factors: allocated with the device, of a fixed size, so that no step allocates. The system
/// provides pages when they are first written.
/// </summary>
internal sealed unsafe class CpuScratch : IDisposable
{
    /// <summary>Elements of each shared buffer: 16 MiB, half of a usual last-level cache.</summary>
    public const int SharedElements = 4 << 20;

    /// <summary>Elements of a worker's levels of a tree over lanes: tiles of 2048 rows have room for four, of 512 for all that there can be.</summary>
    public const int LevelElements = CpuLaneTree.MaximumLevels * 512 * CpuChunk.ColumnsPerTile;

    private const int PanelElements = CpuChunk.StepsPerBlock * CpuChunk.ColumnsPerTile;
    private const int WorkerElements = (2 * PanelElements) + LevelElements;

    private const int PackedStride = 4;         // a cache line and more, so that workers do not share one

    private readonly DeviceMemory _memory;
    private readonly (int Buffer, (long, int, int) Key)[] _packed;
    private long _products;

    /// <param name="device">The device that the memory is counted for.</param>
    /// <param name="workers">Its threads.</param>
    public CpuScratch(Device device, int workers)
    {
        _memory = DeviceMemory.Allocate(device, sizeof(float) * ((3L * SharedElements) + ((long)workers * WorkerElements)));
        _packed = new (int, (long, int, int))[workers * PackedStride];
    }

    /// <summary>Packed panels of the left factor.</summary>
    public float* Left => (float*)_memory.Address;

    /// <summary>Packed panels of the right factor.</summary>
    public float* Right => Left + SharedElements;

    /// <summary>Results in single precision that are stored in a narrower type.</summary>
    public float* Result => Right + SharedElements;

    /// <summary>The panel that the worker packed last, if its name is <paramref name="key"/>; else null.</summary>
    public float* PanelOf(int worker, (long Number, int Tile, int K) key)
    {
        (int buffer, (long, int, int) packed) = _packed[worker * PackedStride];
        return packed == key ? Buffer(worker, buffer) : null;
    }

    /// <summary>The worker's other panel, to be packed under the name <paramref name="key"/>.</summary>
    public float* NewPanel(int worker, (long Number, int Tile, int K) key)
    {
        int buffer = 1 - _packed[worker * PackedStride].Buffer;
        _packed[worker * PackedStride] = (buffer, key);
        return Buffer(worker, buffer);
    }

    /// <summary>A number that no other product on this device has.</summary>
    public long NextNumber() => ++_products;

    /// <summary>A worker's tiles of a tree over lanes.</summary>
    public float* Levels(int worker) => Buffer(worker, buffer: 2);

    /// <inheritdoc/>
    public void Dispose() => _memory.Dispose();

    private float* Buffer(int worker, int buffer) => Result + SharedElements + ((nint)worker * WorkerElements) + ((nint)buffer * PanelElements);
}
