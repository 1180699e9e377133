namespace Camels.Kernels.Ops;

/// <summary>
/// losses[m] = logsumexp(logits) − logits[labels[m]] with logits = x[trainedRows[m]] · weightᵀ: the head and the masked cross-entropy in one,
/// over trained tokens only, in tiles of the vocabulary. The logits have the bits that <see cref="MatMul.Forward"/> gives in single precision.
/// </summary>
public static partial class LossHead
{
    /// <summary>Most logits that are kept from the first pass over the vocabulary for the second: 128 MiB of singles.</summary>
    private const long KeptLogits = 32L << 20;

    /// <summary>Fewest columns of logits that are in memory at once.</summary>
    private const int FewestColumns = CpuLogSumExp.BlockElements;

    /// <summary>
    /// Elements of the workspace for so many trained tokens at the most: F32, or F64 beside F64. The logits in it are bounded by a constant,
    /// or by some columns for each token where there are more than 2¹⁶ of these.
    /// </summary>
    public static long WorkspaceElements(int trainedTokens, int channels, int vocabulary) =>
        FixedElements(trainedTokens, channels)
        + Math.Max(LeastLogits(trainedTokens, vocabulary), Math.Min((long)trainedTokens * vocabulary, KeptLogits));

    /// <summary>Elements with which every tile of logits is computed twice; the results are the same.</summary>
    internal static long LeastWorkspaceElements(int trainedTokens, int channels, int vocabulary) =>
        FixedElements(trainedTokens, channels) + LeastLogits(trainedTokens, vocabulary);

    // Gathered rows of x and of dx, and three numbers for each token.
    private static long FixedElements(int trainedTokens, int channels) => (2L * trainedTokens * channels) + (3L * trainedTokens);

    private static long LeastLogits(int trainedTokens, int vocabulary) =>
        Math.Max(vocabulary, (long)trainedTokens * Math.Min(vocabulary, FewestColumns));

    /// <summary>Writes losses (M) from x (N, C), weight (V, C), trainedRows (M) and labels (M).</summary>
    public static void Forward(
        DeviceStream stream, Tensor losses, Tensor x, Tensor weight, Tensor trainedRows, Tensor labels, Tensor workspace)
    {
        Check(stream, losses, x, weight, trainedRows, labels, workspace);

        switch (stream.Device.Kind)
        {
            case DeviceKind.Reference: ForwardReference<double>(losses, x, weight, trainedRows, labels, workspace); break;
            case DeviceKind.Plain: ForwardReference<float>(losses, x, weight, trainedRows, labels, workspace); break;
            case DeviceKind.Cpu: ForwardCpu(stream, losses, x, weight, trainedRows, labels, workspace); break;
            case DeviceKind.Planning: break;
            default: ForwardCuda(stream, losses, x, weight, trainedRows, labels, workspace); break;
        }
    }

    /// <summary>
    /// Writes losses (M) and dx (N, C), zero in rows that are not trained, and adds to dWeightSum (V, C) the gradients of the sum over m of
    /// scales[m] · losses[m]. trainedLaneBounds (lanes + 1) are the first m of the lanes and M. Where dWeightSum is none, the weight's gradient
    /// is not formed.
    /// </summary>
    public static void ForwardBackward(
        DeviceStream stream, Tensor losses, Tensor dx, Tensor dWeightSum, Tensor x, Tensor weight, Tensor trainedRows, Tensor labels,
        Tensor scales, Tensor trainedLaneBounds, Tensor workspace)
    {
        Check(stream, losses, x, weight, trainedRows, labels, workspace);
        (int rows, int channels) = x.Rank2();
        (int vocabulary, _) = weight.Rank2();
        dx.Require(x.DType, [rows, channels]);
        if (!dWeightSum.IsNone)
        {
            dWeightSum.Require(DTypes.StatisticsOf(x.DType), [vocabulary, channels]);
        }

        scales.Require(DTypes.StatisticsOf(x.DType), [trainedRows.Rank1()]);
        trainedLaneBounds.Require(DType.I32, [trainedLaneBounds.Rank1()]);

        switch (stream.Device.Kind)
        {
            case DeviceKind.Reference:
                ForwardBackwardReference<double>(losses, dx, dWeightSum, x, weight, trainedRows, labels, scales, workspace, workspace);
                break;
            case DeviceKind.Plain:
                ForwardBackwardReference<float>(
                    losses, dx, dWeightSum, x, weight, trainedRows, labels, scales, workspace,
                    gradient: new Tensor(workspace.Address, x.DType, workspace.Shape));
                break;
            case DeviceKind.Cpu:
                ForwardBackwardCpu(
                    stream, losses, dx, dWeightSum, x, weight, trainedRows, labels, scales, trainedLaneBounds, workspace);
                break;
            case DeviceKind.Planning: break;
            default:
                ForwardBackwardCuda(stream, losses, dx, dWeightSum, x, weight, trainedRows, labels, scales, trainedLaneBounds, workspace);
                break;
        }
    }

    private static void Check(
        DeviceStream stream, Tensor losses, Tensor x, Tensor weight, Tensor trainedRows, Tensor labels, Tensor workspace)
    {
        (int rows, int channels) = x.Rank2();
        (int vocabulary, _) = weight.Rank2();
        int trainedTokens = trainedRows.Rank1();
        weight.Require(x.DType, [vocabulary, channels]);
        losses.Require(DTypes.StatisticsOf(x.DType), [trainedTokens]);
        trainedRows.Require(DType.I32, [trainedTokens]);
        labels.Require(DType.I32, [trainedTokens]);
        workspace.RequireLike(DTypes.StatisticsOf(x.DType), workspace);
        if (workspace.Elements < LeastWorkspaceElements(trainedTokens, channels, vocabulary))
        {
            throw new ArgumentException(
                $"workspace is {workspace}, expected at least {LeastWorkspaceElements(trainedTokens, channels, vocabulary)} elements");
        }

        if (stream.Device.IsHost)
        {
            CheckIndices(trainedRows.AsSpan<int>(), labels.AsSpan<int>(), rows, vocabulary);
        }
    }

    private static void CheckIndices(ReadOnlySpan<int> trainedRows, ReadOnlySpan<int> labels, int rows, int vocabulary)
    {
        for (int m = 0; m < labels.Length; m++)
        {
            if ((uint)trainedRows[m] >= (uint)rows)
            {
                throw new ArgumentException($"trained token {m} is row {trainedRows[m]} of {rows} rows");
            }

            if ((uint)labels[m] >= (uint)vocabulary)
            {
                throw new ArgumentException($"row {trainedRows[m]} (trained token {m}) has label {labels[m]} in a vocabulary of {vocabulary}");
            }
        }
    }
}
