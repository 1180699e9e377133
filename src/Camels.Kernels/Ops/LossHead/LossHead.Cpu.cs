namespace Camels.Kernels.Ops;

public static unsafe partial class LossHead
{
    private static void ForwardCpu(
        DeviceStream stream, Tensor losses, Tensor x, Tensor weight, Tensor trainedRows, Tensor labels, Tensor workspace)
    {
        LossHeadSpace space = new(workspace, trainedRows.Shape[0], weight.Shape[1], weight.Shape[0]);
        Gather(stream, space.X(x.DType), x, trainedRows);
        SumTiles(stream, space, weight, labels);
        WriteLosses(losses, space);
    }

    private static void ForwardBackwardCpu(
        DeviceStream stream, Tensor losses, Tensor dx, Tensor dWeightSum, Tensor x, Tensor weight, Tensor trainedRows, Tensor labels,
        Tensor scales, Tensor trainedLaneBounds, Tensor workspace)
    {
        ForwardCpu(stream, losses, x, weight, trainedRows, labels, workspace);
        LossHeadSpace space = new(workspace, trainedRows.Shape[0], weight.Shape[1], weight.Shape[0]);
        for (int tile = 0; tile < space.Tiles; tile++)
        {
            (int first, int columns) = space.ColumnsOf(tile);
            Tensor logits = space.Logits(tile);
            if (!space.Keeps(tile))
            {
                FillTile(stream, logits, space.X(x.DType), weight.Rows(first, columns));
            }

            FormGradients(stream, new TileRows(space, tile, labels), scales, x.DType);
            Tensor gradients = space.Gradients(tile, x.DType);
            CpuProduct.Run(
                stream.Device, space.Dx, CpuOperand.RowsOf(gradients), CpuOperand.ColumnsOf(weight.Rows(first, columns)), steps: columns,
                accumulate: tile > 0);
            if (!dWeightSum.IsNone)
            {
                CpuLaneProduct.Run(
                    stream.Device, dWeightSum.Rows(first, columns), CpuOperand.ColumnsOf(gradients), CpuOperand.ColumnsOf(space.X(x.DType)),
                    steps: trainedRows.Shape[0], trainedLaneBounds);
            }
        }

        HostTransfer.Zero(stream, dx);
        Scatter(stream, dx, space.Dx, trainedRows);
    }

    // First pass over the vocabulary.
    private static void SumTiles(DeviceStream stream, LossHeadSpace space, Tensor weight, Tensor labels)
    {
        space.Sums.Fill(new CpuLogSumExp());
        for (int tile = 0; tile < space.Tiles; tile++)
        {
            (int first, int columns) = space.ColumnsOf(tile);
            FillTile(stream, space.Logits(tile), space.X(weight.DType), weight.Rows(first, columns));
            SumWork work = new() { Tile = new TileRows(space, tile, labels) };
            stream.Device.Workers.Run(ref work, work.Tile.Parts.Count);
        }
    }

    // The same chains as MatMul.Forward.
    private static void FillTile(DeviceStream stream, Tensor logits, Tensor x, Tensor weight) =>
        CpuProduct.Run(
            stream.Device, logits, CpuOperand.RowsOf(x), CpuOperand.RowsOf(weight), steps: weight.Shape[1], accumulate: false);

    // Gradients have the type of x, as they have wherever a layer's output passes between operators.
    private static void FormGradients(DeviceStream stream, TileRows tile, Tensor scales, DType dtype)
    {
        switch (dtype)
        {
            case DType.F32: FormGradients<CpuF32>(stream, tile, scales); break;
            case DType.BF16: FormGradients<CpuBF16>(stream, tile, scales); break;
            default: FormGradients<CpuF16>(stream, tile, scales); break;
        }
    }

    private static void FormGradients<T>(DeviceStream stream, TileRows tile, Tensor scales)
        where T : struct, ICpuElements
    {
        GradientWork<T> work = new() { Tile = tile, Scales = scales.Pointer<float>() };
        stream.Device.Workers.Run(ref work, tile.Parts.Count);
    }

    private static void WriteLosses(Tensor losses, LossHeadSpace space)
    {
        Span<float> loss = losses.AsSpan<float>();
        for (int m = 0; m < loss.Length; m++)
        {
            loss[m] = -space.Sums[m].LogProbability(space.LabelLogits[m]);
        }
    }

    private static void Gather(DeviceStream stream, Tensor gathered, Tensor x, Tensor rows)
    {
        for (int m = 0; m < rows.Shape[0]; m++)
        {
            Cast.Forward(stream, y: gathered.Rows(m, count: 1), x: x.Rows(rows.Pointer<int>()[m], count: 1));
        }
    }

    private static void Scatter(DeviceStream stream, Tensor dx, Tensor gathered, Tensor rows)
    {
        for (int m = 0; m < rows.Shape[0]; m++)
        {
            Cast.Forward(stream, y: dx.Rows(rows.Pointer<int>()[m], count: 1), x: gathered.Rows(m, count: 1));
        }
    }
}
