using Camels.Kernels;
using Camels.Kernels.Ops;

namespace Camels.Engine.Layers;

/// <summary>
/// In training y = x / (1 − share) with that share of its elements zero; x itself elsewhere. Which ones is a function of the pass's seed, the token's
/// key and the name, so that recomputing, packing and threads do not change them. Being linear, it is its own backward.
/// </summary>
public sealed class DropoutLayer(string name, double share)
{
    private readonly ulong _stream = RandomBits.StreamOf(name);

    /// <summary>True where the pass leaves something out.</summary>
    public bool IsActive(Pass pass) => share > 0 && pass.DropoutSeed is not null;

    /// <summary>y (N, C), which is x (N, C) itself where nothing is left out.</summary>
    public Tensor Forward(Pass pass, Tensor x)
    {
        if (!IsActive(pass))
        {
            return x;
        }

        Tensor y = pass.NewLike(x);
        Write(pass, y, x);
        return y;
    }

    /// <summary>The same, written over x (N, C).</summary>
    public void ForwardInPlace(Pass pass, Tensor x)
    {
        if (IsActive(pass))
        {
            Write(pass, x, x);
        }
    }

    /// <summary>The residual that the layer before adds itself: none where this layer comes between the two.</summary>
    public Tensor ResidualBefore(Pass pass, Tensor residual) => IsActive(pass) ? default : residual;

    /// <summary>y (N, C) = residual + the same, where this layer comes between the two; elsewhere the sum is already there.</summary>
    public void ForwardBeforeResidual(Pass pass, Tensor y, Tensor residual)
    {
        if (IsActive(pass))
        {
            Write(pass, y, y);
            Add.Forward(pass.Stream, y: y, x: y, residual: residual);
        }
    }

    private void Write(Pass pass, Tensor y, Tensor x) => Dropout.Forward(
        pass.Stream, y: y, x: x, keys: pass.Batch.DropoutKeys, seed: RandomBits.At(pass.DropoutSeed!.Value, _stream, counter: 0), share,
        factor: (float)(1 / (1 - share)));
}
