using Camels.Engine.Layers;
using Camels.Engine.Parameters;
using Camels.Kernels;

namespace Camels.Engine.Models;

/// <summary>The only loop over blocks. It owns the life of activations: what a block's backward needs stays until then, the rest goes.</summary>
/// <typeparam name="TBlock">The family's block.</typeparam>
/// <typeparam name="TSaved">What the block's backward needs again.</typeparam>
/// <param name="blocks">The blocks.</param>
/// <param name="units">Their weights, one unit a block.</param>
public sealed class Decoder<TBlock, TSaved>(TBlock[] blocks, ParameterUnit[] units)
    where TBlock : IBlock<TSaved>
{
    private readonly TSaved[] _saved = new TSaved[blocks.Length];
    private readonly Tensor[] _inputs = new Tensor[blocks.Length];

    /// <summary>Runs all blocks and keeps what <see cref="Backward"/> needs: (N, C) to (N, C).</summary>
    public Tensor Forward(Pass pass, Tensor x)
    {
        for (int l = 0; l < blocks.Length; l++)
        {
            pass.Observer?.Invoke(Pass.HiddenName(l), x);
            _inputs[l] = x;
            x = pass.Recompute ? ForwardToRecompute(pass, l) : blocks[l].Forward(pass, x, out _saved[l]);
        }

        return x;
    }

    /// <summary>Runs all blocks and keeps nothing but the result, which is written over <paramref name="x"/>: for generation and validation.</summary>
    public void ForwardOnly(Pass pass, Tensor x)
    {
        for (int l = 0; l < blocks.Length; l++)
        {
            pass.Observer?.Invoke(Pass.HiddenName(l), x);
            long mark = pass.Arena.Mark();
            HostTransfer.Copy(pass.Stream, destination: x, source: blocks[l].Forward(pass, x, out _));
            pass.Arena.Rewind(mark);
        }
    }

    /// <summary>The gradient of the first block's input from that of the last one's output, written over <paramref name="dx"/> (N, C).</summary>
    public void Backward(Pass pass, Tensor dx)
    {
        for (int l = blocks.Length - 1; l >= 0; l--)
        {
            long mark = pass.Arena.Mark();
            if (pass.Recompute)
            {
                _ = blocks[l].Forward(pass, _inputs[l], out _saved[l]);
            }

            Tensor dInput = blocks[l].Backward(pass, dx, in _saved[l]);
            HostTransfer.Copy(pass.Stream, destination: dx, source: dInput);
            pass.Arena.Rewind(mark);
            pass.GradientsDone?.Invoke(units[l]);
        }
    }

    // Of the block's activations only the output stays.
    private Tensor ForwardToRecompute(Pass pass, int l)
    {
        Tensor y = pass.NewLike(_inputs[l]);
        long mark = pass.Arena.Mark();
        HostTransfer.Copy(pass.Stream, destination: y, source: blocks[l].Forward(pass, _inputs[l], out _));
        pass.Arena.Rewind(mark);
        return y;
    }
}
