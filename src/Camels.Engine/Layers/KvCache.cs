using Camels.Engine.Parameters;
using Camels.Kernels;

namespace Camels.Engine.Layers;

/// <summary>
/// The keys and values of every block for a fixed number of sequences (slots) of a fixed greatest length. Lengths are ragged: a slot holds
/// as many tokens as were appended to it.
/// </summary>
public sealed class KvCache : IDisposable
{
    private readonly DeviceMemory _memory;
    private readonly Tensor[] _keys;
    private readonly Tensor[] _values;

    /// <param name="device">Where it lies.</param>
    /// <param name="precision">Its type is the compute type.</param>
    /// <param name="blocks">Blocks of the model, L.</param>
    /// <param name="slots">Sequences at a time.</param>
    /// <param name="tokens">The most tokens of a sequence.</param>
    /// <param name="width">Key/value heads times head width, K·D.</param>
    public KvCache(Device device, Precision precision, int blocks, int slots, int tokens, int width)
    {
        Slots = slots;
        Tokens = tokens;
        long bytes = BytesOf(precision, blocks: 1, slots, tokens, width) / 2;
        _memory = DeviceMemory.Allocate(device, 2 * blocks * bytes);
        _keys = new Tensor[blocks];
        _values = new Tensor[blocks];
        for (int l = 0; l < blocks; l++)
        {
            _keys[l] = _memory.View(2 * l * bytes, precision.Compute, slots, tokens, width);
            _values[l] = _memory.View(((2 * l) + 1) * bytes, precision.Compute, slots, tokens, width);
        }
    }

    /// <summary>Sequences at a time.</summary>
    public int Slots { get; }

    /// <summary>The most tokens of a sequence.</summary>
    public int Tokens { get; }

    /// <summary>Bytes of a cache of this size.</summary>
    public static long BytesOf(Precision precision, int blocks, int slots, int tokens, int width) =>
        checked(2L * blocks * slots * tokens * width * precision.Compute.Bytes());

    /// <summary>Keys (slots, tokens, K·D) of block <paramref name="block"/>.</summary>
    public Tensor Keys(int block) => _keys[block];

    /// <summary>Values (slots, tokens, K·D) of block <paramref name="block"/>.</summary>
    public Tensor Values(int block) => _values[block];

    /// <inheritdoc/>
    public void Dispose() => _memory.Dispose();
}
