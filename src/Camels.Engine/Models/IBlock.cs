using Camels.Engine.Layers;
using Camels.Kernels;

namespace Camels.Engine.Models;

/// <summary>The repeated part of a model.</summary>
/// <typeparam name="TSaved">What its backward needs again.</typeparam>
public interface IBlock<TSaved>
{
    /// <summary>The block's output (N, C) from its input (N, C).</summary>
    Tensor Forward(Pass pass, Tensor x, out TSaved saved);

    /// <summary>The gradient of the input (N, C) from that of the output (N, C); adds to the weights' gradients. May write over dy.</summary>
    Tensor Backward(Pass pass, Tensor dy, in TSaved saved);
}
