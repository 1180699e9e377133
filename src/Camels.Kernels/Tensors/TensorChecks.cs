using System.Diagnostics.CodeAnalysis;
using System.Numerics;
using System.Runtime.CompilerServices;

namespace Camels.Kernels;

/// <summary>Checks at the head of every operator; a failed one explains itself. Nothing is allocated unless a check fails.</summary>
public static class TensorChecks
{
    /// <summary>The one extent of a vector.</summary>
    public static int Rank1(this in Tensor tensor, [CallerArgumentExpression(nameof(tensor))] string name = "")
    {
        if (tensor.Shape.Rank != 1)
        {
            ThrowRank(tensor, 1, name);
        }

        return tensor.Shape[0];
    }

    /// <summary>The two extents of a matrix.</summary>
    public static (int Rows, int Columns) Rank2(this in Tensor tensor, [CallerArgumentExpression(nameof(tensor))] string name = "")
    {
        if (tensor.Shape.Rank != 2)
        {
            ThrowRank(tensor, 2, name);
        }

        return (tensor.Shape[0], tensor.Shape[1]);
    }

    /// <summary>The three extents of a rank-3 tensor.</summary>
    public static (int First, int Second, int Third) Rank3(
        this in Tensor tensor, [CallerArgumentExpression(nameof(tensor))] string name = "")
    {
        if (tensor.Shape.Rank != 3)
        {
            ThrowRank(tensor, 3, name);
        }

        return (tensor.Shape[0], tensor.Shape[1], tensor.Shape[2]);
    }

    /// <summary>Throws unless the tensor has this type and these extents.</summary>
    public static void Require(
        this in Tensor tensor, DType dtype, ReadOnlySpan<int> extents,
        [CallerArgumentExpression(nameof(tensor))] string name = "", [CallerArgumentExpression(nameof(extents))] string meaning = "")
    {
        if (tensor.DType != dtype || !tensor.Shape.Matches(extents))
        {
            ThrowMismatch(tensor, dtype, extents, name, meaning);
        }
    }

    /// <summary>Throws unless the tensor has this type and the extents of <paramref name="like"/>.</summary>
    public static void RequireLike(
        this in Tensor tensor, DType dtype, in Tensor like,
        [CallerArgumentExpression(nameof(tensor))] string name = "", [CallerArgumentExpression(nameof(like))] string likeName = "")
    {
        if (tensor.DType != dtype || !tensor.Shape.Equals(like.Shape))
        {
            throw new ArgumentException($"{name} is {tensor}, expected {dtype} {like.Shape} as {likeName}");
        }
    }

    /// <summary>The number of lanes that laneBounds (lanes + 1) describes: a power of two.</summary>
    public static int RequireLaneBounds(this in Tensor laneBounds)
    {
        int bounds = laneBounds.Rank1();
        laneBounds.Require(DType.I32, [bounds]);
        RequireThat(bounds >= 2 && BitOperations.IsPow2(bounds - 1), "laneBounds must hold one bound more than a power of two");
        return bounds - 1;
    }

    /// <summary>Throws with the explanation unless it holds.</summary>
    public static void RequireThat(bool holds, string explanation)
    {
        if (!holds)
        {
            throw new ArgumentException(explanation);
        }
    }

    [DoesNotReturn]
    private static void ThrowRank(in Tensor tensor, int rank, string name) =>
        throw new ArgumentException($"{name} is {tensor}, expected {rank} dimensions");

    [DoesNotReturn]
    private static void ThrowMismatch(in Tensor tensor, DType dtype, ReadOnlySpan<int> extents, string name, string meaning) =>
        throw new ArgumentException($"{name} is {tensor}, expected {dtype} {Shape.Describe(extents)} = {meaning}");
}
