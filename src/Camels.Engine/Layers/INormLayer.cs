using Camels.Kernels;

namespace Camels.Engine.Layers;

/// <summary>A normalisation of rows: root mean square, or mean and deviation.</summary>
public interface INormLayer
{
    /// <summary>y (N, C) from x (N, C).</summary>
    Tensor Forward(Pass pass, Tensor x, out NormSaved saved);

    /// <summary>dx (N, C) from dy (N, C), written over dy; adds to the weights' gradients.</summary>
    Tensor Backward(Pass pass, Tensor dy, in NormSaved saved);
}

/// <summary>What a norm's backward needs again: x (N, C), 1 / deviation of its rows (N) and, where it is subtracted, their mean (N).</summary>
public readonly record struct NormSaved(Tensor X, Tensor Rstd, Tensor Mean);
