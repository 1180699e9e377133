using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Camels.Kernels;

/// <summary>
/// Sums equally long vectors of singles, one per lane, in a binary tree: ((l0 + l1) + (l2 + l3)) + … The order is a function of the lane's
/// number alone, so that ranks which own sub-trees continue the same sum. The number of lanes pushed must be a power of two; an absent
/// lane is a vector of zeros.
/// </summary>
internal ref struct CpuLaneTree
{
    /// <summary>Levels that suffice for 2¹⁶ lanes.</summary>
    public const int MaximumLevels = 17;

    private readonly Span<float> _levels;
    private readonly int _length;
    private int _pushed;
    private int _height;

    /// <param name="workspace">Room for (log2(lanes) + 1) × <paramref name="length"/> elements.</param>
    /// <param name="length">Elements of one vector.</param>
    public CpuLaneTree(Span<float> workspace, int length)
    {
        _levels = workspace;
        _length = length;
    }

    /// <summary>Elements of workspace for <paramref name="lanes"/> vectors of <paramref name="length"/>.</summary>
    public static int WorkspaceElements(int lanes, int length) => Levels(lanes) * length;

    /// <summary>Levels of a tree over <paramref name="lanes"/>.</summary>
    public static int Levels(int lanes) => BitOperations.Log2((uint)Math.Max(lanes, 1)) + 1;

    /// <summary>The place to write the next lane's vector; call <see cref="Merge"/> when it is written.</summary>
    public readonly Span<float> Next => _levels.Slice(_height * _length, _length);

    /// <summary>The sum, after the last lane was merged.</summary>
    public readonly ReadOnlySpan<float> Total => _levels[.._length];

    /// <summary>Takes the vector in <see cref="Next"/> into the tree.</summary>
    public void Merge()
    {
        for (int pending = _pushed; (pending & 1) != 0; pending >>= 1)
        {
            Span<float> left = _levels.Slice((_height - 1) * _length, _length);
            ReadOnlySpan<float> right = _levels.Slice(_height * _length, _length);
            Add(left, right);
            _height--;
        }

        _pushed++;
        _height++;
    }

    /// <summary>left += right.</summary>
    public static void Add(Span<float> left, ReadOnlySpan<float> right)
    {
        ref float target = ref MemoryMarshal.GetReference(left);
        ref float source = ref MemoryMarshal.GetReference(right[..left.Length]);
        nuint length = (nuint)left.Length;
        nuint c = 0;
        if (CpuPath.UsesVector512)
        {
            for (; c + 16 <= length; c += 16)
            {
                Avx512F.Add(Vector512.LoadUnsafe(ref target, c), Vector512.LoadUnsafe(ref source, c)).StoreUnsafe(ref target, c);
            }
        }

        for (; c + (nuint)Vector<float>.Count <= length; c += (nuint)Vector<float>.Count)
        {
            (Vector.LoadUnsafe(ref target, c) + Vector.LoadUnsafe(ref source, c)).StoreUnsafe(ref target, c);
        }

        for (; c < length; c++)
        {
            Unsafe.Add(ref target, c) += Unsafe.Add(ref source, c);
        }
    }
}
