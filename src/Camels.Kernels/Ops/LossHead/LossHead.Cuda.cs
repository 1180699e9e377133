namespace Camels.Kernels.Ops;

public static partial class LossHead
{
    private const int Threads = 128;
    private const int ThreadsPerSum = 32;

    private static readonly KernelSet _gather = new("loss_head", "loss_head_gather");
    private static readonly KernelSet _scatter = new("loss_head", "loss_head_scatter");
    private static readonly KernelSet _gradient = new("loss_head", "loss_head_gradient");
    private static readonly Kernel _sums = new("loss_head", "loss_head_sums");
    private static readonly Kernel _losses = new("loss_head", "loss_head_losses");

    private static void ForwardCuda(
        DeviceStream stream, Tensor losses, Tensor x, Tensor weight, Tensor trainedRows, Tensor labels, Tensor workspace)
    {
        int tokens = trainedRows.Shape[0];
        LossHeadCudaSpace space = new(workspace, tokens, weight.Shape[1], weight.Shape[0]);
        stream.Launch(
            _gather[x.DType], new LaunchSize(tokens, Threads), space.X(x.DType), x, trainedRows, x.Shape[0], x.Shape[1]);
        for (int tile = 0; tile < space.Tiles; tile++)
        {
            (int first, int columns) = space.ColumnsOf(tile);
            CudaMatrix logits = space.Logits(tile, DType.F32);
            FillTileCuda(stream, space, tile, weight);
            stream.Launch(
                _sums, LaunchSize.Covering((long)tokens * ThreadsPerSum, Threads), space.Largest, space.Sums, space.LabelLogits, logits.Elements,
                labels, logits.Stride, tokens, weight.Shape[0], first, columns);
        }

        stream.Launch(_losses, LaunchSize.Covering(tokens, Threads), losses, space.Largest, space.Sums, space.LabelLogits, tokens);
    }

    private static void ForwardBackwardCuda(
        DeviceStream stream, Tensor losses, Tensor dx, Tensor dWeightSum, Tensor x, Tensor weight, Tensor trainedRows, Tensor labels,
        Tensor scales, Tensor trainedLaneBounds, Tensor workspace)
    {
        ForwardCuda(stream, losses, x, weight, trainedRows, labels, workspace);
        int tokens = trainedRows.Shape[0];
        LossHeadCudaSpace space = new(workspace, tokens, weight.Shape[1], weight.Shape[0]);
        for (int tile = 0; tile < space.Tiles; tile++)
        {
            (int first, int columns) = space.ColumnsOf(tile);
            if (!space.Keeps(tile))
            {
                FillTileCuda(stream, space, tile, weight);
            }

            CudaMatrix logits = space.Logits(tile, DType.F32);
            CudaMatrix gradients = space.Logits(tile, x.DType);
            stream.Launch(
                _gradient[x.DType], new LaunchSize(tokens, Threads), logits.Elements, space.Largest, space.Sums, labels, scales, logits.Stride,
                first, columns);
            CudaProduct.RunColumns(
                stream, new CudaMatrix(space.Dx), gradients, new CudaMatrix(weight.Rows(first, columns)), steps: columns, adds: tile > 0);
            if (!dWeightSum.IsNone)
            {
                CudaProduct.RunLanes(
                    stream, new CudaMatrix(dWeightSum.Rows(first, columns)), gradients, new CudaMatrix(space.X(x.DType)), trainedLaneBounds);
            }
        }

        HostTransfer.Zero(stream, dx);
        stream.Launch(_scatter[x.DType], new LaunchSize(tokens, Threads), dx, space.Dx, trainedRows, x.Shape[1]);
    }

    // The same chains as MatMul.Forward.
    private static void FillTileCuda(DeviceStream stream, LossHeadCudaSpace space, int tile, Tensor weight)
    {
        (int first, int columns) = space.ColumnsOf(tile);
        CudaProduct.Run(
            stream, space.Logits(tile, DType.F32), new CudaMatrix(space.X(weight.DType)), new CudaMatrix(weight.Rows(first, columns)),
            steps: weight.Shape[1]);
    }
}
