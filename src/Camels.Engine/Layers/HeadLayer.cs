using Camels.Engine.Parameters;
using Camels.Kernels;
using Camels.Kernels.Ops;

namespace Camels.Engine.Layers;

/// <summary>logits = x · weightᵀ over the first <see cref="Vocabulary"/> rows of weight (V, E), and the loss of the trained tokens.</summary>
public sealed class HeadLayer(Parameter weight)
{
    /// <summary>
    /// Tokens that can be predicted, at most V. Checkpoints have rows beyond the tokenizer for the sake of a round number; they take no part
    /// in the softmax.
    /// </summary>
    public int Vocabulary { get; set; } = weight.Extents[0];

    /// <summary>Writes losses (M) and returns dx (N, E) from x (N, E); adds to the weight's gradient.</summary>
    public Tensor ForwardBackward(Pass pass, Tensor x, Tensor losses)
    {
        TokenBatch batch = pass.Batch;
        Tensor dx = pass.NewLike(x);
        long mark = pass.Arena.Mark();
        LossHead.ForwardBackward(
            pass.Stream, losses: losses, dx: dx, dWeightSum: weight.IsTrained ? weight.Gradient.Rows(0, Vocabulary) : default, x: x,
            weight: weight.Weight.Rows(0, Vocabulary),
            trainedRows: batch.TrainedRows, labels: batch.Labels, scales: batch.Scales, trainedLaneBounds: batch.TrainedLaneBounds,
            workspace: NewWorkspace(pass));
        pass.Arena.Rewind(mark);
        return dx;
    }

    /// <summary>Writes losses (M) of x (N, E).</summary>
    public void Losses(Pass pass, Tensor x, Tensor losses) => LossHead.Forward(
        pass.Stream, losses: losses, x: x, weight: weight.Weight.Rows(0, Vocabulary), trainedRows: pass.Batch.TrainedRows,
        labels: pass.Batch.Labels, workspace: NewWorkspace(pass));

    /// <summary>Writes logits (S, Vocabulary), in the wide type, of x (S, E).</summary>
    public void Logits(Pass pass, Tensor logits, Tensor x) =>
        MatMul.Forward(pass.Stream, y: logits, x: x, weight: weight.Weight.Rows(0, Vocabulary));

    // In two dimensions: the elements of a large model's workspace have no number of 32 bits.
    private Tensor NewWorkspace(Pass pass)
    {
        const int Columns = 1024;
        long elements = LossHead.WorkspaceElements(pass.Batch.TrainedTokens, weight.Extents[1], Vocabulary);
        return pass.NewStatistic(checked((int)((elements + Columns - 1) / Columns)), Columns);
    }
}
