using System.Numerics;

namespace Camels.Engine.Data;

/// <summary>
/// Which rows an optimizer step takes. Order is arithmetic: row i of epoch e is permutation(seed, e)[i], so the position in the data is one
/// number. Allocates nothing; safe to share between threads.
/// </summary>
public sealed class BatchLoader
{
    private readonly int _rows;
    private readonly int _batchSize;
    private readonly ulong _seed;

    /// <param name="data">The rows.</param>
    /// <param name="seed">The run's seed.</param>
    /// <param name="batchSize">Rows per optimizer step, over all ranks.</param>
    public BatchLoader(PreparedData data, ulong seed, int batchSize)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(batchSize, 1);
        _rows = data.Rows;
        _batchSize = batchSize;
        _seed = seed;
    }

    /// <summary>Steps that visit every row once; the last one may have fewer rows.</summary>
    public int StepsPerEpoch => (int)(((long)_rows + _batchSize - 1) / _batchSize);

    /// <summary>The epoch of a step; both count from 0.</summary>
    public long Epoch(long step) => step / StepsPerEpoch;

    /// <summary>Number of rows of a step; steps count from 0 through all epochs.</summary>
    public int RowsInStep(long step) => Math.Min(_batchSize, _rows - FirstRow(step));

    /// <summary>The row of <see cref="PreparedData"/> that is row <paramref name="rowInStep"/> of a step.</summary>
    public int RowIndex(long step, int rowInStep)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)rowInStep, (uint)RowsInStep(step));
        return RowPermutation.Apply(_seed, Epoch(step), FirstRow(step) + rowInStep, _rows);
    }

    private int FirstRow(long step) => (int)(step % StepsPerEpoch * _batchSize);
}

/// <summary>
/// permutation(seed, epoch): a keyed bijection of 0…count−1. A Feistel network permutes the next power of four; what falls outside is
/// permuted again until it falls inside, which keeps it a bijection.
/// </summary>
internal static class RowPermutation
{
    private const int Rounds = 8;

    public static int Apply(ulong seed, long epoch, int index, int count)
    {
        int halfBits = Math.Max(1, (BitOperations.Log2((uint)Math.Max(1, count - 1)) + 2) / 2);
        ulong key = RandomBits.Mix(RandomBits.Mix(seed) ^ (ulong)epoch);
        uint value = (uint)index;
        do
        {
            value = Permute(key, value, halfBits);
        }
        while (value >= (uint)count);

        return (int)value;
    }

    private static uint Permute(ulong key, uint value, int halfBits)
    {
        uint mask = (1u << halfBits) - 1;
        uint left = value >> halfBits;
        uint right = value & mask;
        for (uint round = 0; round < Rounds; round++)
        {
            uint scrambled = (uint)RandomBits.Mix(key ^ ((ulong)round << 32) ^ right) & mask;
            (left, right) = (right, left ^ scrambled);
        }

        return (left << halfBits) | right;
    }
}
