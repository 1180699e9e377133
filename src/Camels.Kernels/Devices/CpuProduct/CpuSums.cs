using System.Numerics;

namespace Camels.Kernels;

/// <summary>
/// The sums of 8 × 48 results over a block of k: a chain for each of some lanes, the levels of the tree over lanes that these complete, and
/// where the last of them goes.
/// </summary>
internal readonly unsafe struct CpuSums
{
    /// <summary>What the first chain begins with, or null for zeros.</summary>
    public float* Start { get; init; }

    /// <summary>Elements from row to row there.</summary>
    public nint StartStride { get; init; }

    /// <summary>Where the last lane's sum goes.</summary>
    public float* Result { get; init; }

    /// <summary>Elements from row to row there.</summary>
    public nint Stride { get; init; }

    /// <summary>That sum is added to the result.</summary>
    public bool Adds { get; init; }

    /// <summary>First steps of several lanes, and their end; of one lane 0 and its elements in this block.</summary>
    public int* Bounds { get; init; }

    /// <summary>Number of lanes; one with several blocks is alone.</summary>
    public int Lanes { get; init; }

    /// <summary>The tree that the lanes belong to, if they do.</summary>
    public CpuLevels Levels { get; init; }

    /// <summary>Levels before lane <paramref name="lane"/>.</summary>
    public int Height(int lane) => BitOperations.PopCount((uint)(Levels.FirstLane + lane));

    /// <summary>Levels that are complete with lane <paramref name="lane"/>: its sum is added to each, the newest first.</summary>
    public int Merges(int lane) => BitOperations.TrailingZeroCount(Levels.FirstLane + lane + 1);
}

/// <summary>
/// The levels of the tree of <see cref="CpuLaneTree"/> for 8 × 48 results: those of lanes before this block's lie in the worker's memory, a tile
/// apart, those of this block's side by side in the first cache.
/// </summary>
internal readonly unsafe struct CpuLevels
{
    /// <summary>The number of the first lane.</summary>
    public int FirstLane { get; init; }

    /// <summary>Levels of earlier blocks.</summary>
    public float* Earlier { get; init; }

    /// <summary>Elements from one of them to the next.</summary>
    public nint EarlierStride { get; init; }

    /// <summary>Levels of this block.</summary>
    public float* Own { get; init; }

    /// <summary>Number of levels of earlier blocks.</summary>
    public int EarlierCount => BitOperations.PopCount((uint)FirstLane);

    /// <summary>The level that has <paramref name="height"/> levels below it.</summary>
    public float* At(int height) => height < EarlierCount
        ? Earlier + (height * EarlierStride)
        : Own + ((height - EarlierCount) * CpuTile.Elements);
}
