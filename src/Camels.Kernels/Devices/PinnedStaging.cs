using Camels.Kernels.Interop;

namespace Camels.Kernels;

/// <summary>
/// Pinned host memory through which a stream's transfers pass: two halves, one filled while the GPU copies from the other. Allocated with
/// the stream, so that no transfer allocates.
/// </summary>
internal sealed unsafe class PinnedStaging : IDisposable
{
    private const int HalfBytes = 4 << 20;
    private const int AlignmentBytes = 256;

    private readonly CudaStream _stream;
    private readonly CudaPinnedMemory _memory;
    private readonly CudaEvent[] _emptied;
    private int _half;
    private int _usedBytes;

    public PinnedStaging(CudaContext context, CudaStream stream)
    {
        _stream = stream;
        _memory = new CudaPinnedMemory(context, 2 * HalfBytes);
        _emptied = [new CudaEvent(context), new CudaEvent(context)];
    }

    /// <summary>Copies to the GPU; returns when the source may change, not when the copy is done.</summary>
    public void ToDevice(nint destination, byte* source, long bytes)
    {
        while (bytes > 0)
        {
            int count = (int)Math.Min(bytes, HalfBytes - _usedBytes);
            if (count == 0)
            {
                TakeOtherHalf();
                continue;
            }

            byte* place = Half(_half) + _usedBytes;
            Buffer.MemoryCopy(source, place, count, count);
            _stream.CopyToDevice(destination, place, count);
            _usedBytes = Math.Min(HalfBytes, (_usedBytes + count + AlignmentBytes - 1) & -AlignmentBytes);
            destination += count;
            source += count;
            bytes -= count;
        }
    }

    /// <summary>Waits for the stream and copies from the GPU.</summary>
    public void ToHost(byte* destination, nint source, long bytes)
    {
        // In the stream this copy comes behind all that still read the half.
        for (long start = 0; start < bytes; start += HalfBytes)
        {
            long count = Math.Min(bytes - start, HalfBytes);
            _stream.CopyToHost(Half(_half), source + (nint)start, count);
            _stream.Synchronize();
            Buffer.MemoryCopy(Half(_half), destination + start, count, count);
            _usedBytes = 0;
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _emptied[0].Dispose();
        _emptied[1].Dispose();
        _memory.Dispose();
    }

    private byte* Half(int half) => (byte*)_memory.Raw + ((nint)half * HalfBytes);

    private void TakeOtherHalf()
    {
        _emptied[_half].Record(_stream);
        _half ^= 1;
        _usedBytes = 0;
        _emptied[_half].Synchronize();
    }
}
