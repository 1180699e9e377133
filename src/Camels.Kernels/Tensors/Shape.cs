using System.Runtime.CompilerServices;

namespace Camels.Kernels;

/// <summary>Up to four extents, held inline so that a tensor is a plain value.</summary>
public readonly struct Shape : IEquatable<Shape>
{
    /// <summary>The most dimensions a tensor can have.</summary>
    public const int MaximumRank = 4;

    private readonly Extents _extents;

    /// <summary>A shape of <paramref name="extents"/>; every extent is at least 0.</summary>
    public Shape(params ReadOnlySpan<int> extents)
    {
        if (extents.Length > MaximumRank)
        {
            throw new ArgumentException($"a tensor has at most {MaximumRank} dimensions, not {extents.Length}");
        }

        Rank = extents.Length;
        for (int i = 0; i < extents.Length; i++)
        {
            ArgumentOutOfRangeException.ThrowIfNegative(extents[i]);
            _extents[i] = extents[i];
        }
    }

    /// <summary>Number of dimensions.</summary>
    public int Rank { get; }

    /// <summary>The extent of one dimension.</summary>
    public int this[int dimension] =>
        (uint)dimension < (uint)Rank ? _extents[dimension] : throw new ArgumentOutOfRangeException(nameof(dimension));

    /// <summary>Number of elements: the product of all extents.</summary>
    public long Elements
    {
        get
        {
            long elements = 1;
            for (int i = 0; i < Rank; i++)
            {
                elements = checked(elements * _extents[i]);
            }

            return elements;
        }
    }

    /// <summary>True where both have the same rank and extents.</summary>
    public bool Matches(ReadOnlySpan<int> extents)
    {
        if (extents.Length != Rank)
        {
            return false;
        }

        for (int i = 0; i < Rank; i++)
        {
            if (_extents[i] != extents[i])
            {
                return false;
            }
        }

        return true;
    }

    /// <inheritdoc/>
    public bool Equals(Shape other)
    {
        ReadOnlySpan<int> extents = other._extents;
        return Matches(extents[..other.Rank]);
    }

    /// <inheritdoc/>
    public override bool Equals(object? obj) => obj is Shape other && Equals(other);

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(Rank, _extents[0], _extents[1], _extents[2], _extents[3]);

    /// <summary>As in "(2, 3)".</summary>
    public override string ToString() => Describe(((ReadOnlySpan<int>)_extents)[..Rank]);

    /// <summary>As in "(2, 3)".</summary>
    public static string Describe(ReadOnlySpan<int> extents) => $"({string.Join(", ", extents.ToArray())})";

    [InlineArray(MaximumRank)]
    private struct Extents
    {
        private int _first;
    }
}
