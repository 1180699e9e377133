namespace Camels.Kernels.Ops;

public static unsafe partial class MatMul
{
    private static void ForwardCpu(DeviceStream stream, Tensor y, Tensor x, Tensor weight, in Epilogue epilogue) =>
        ProductCpu(stream, y, x, CpuOperand.RowsOf(weight), accumulate: false, epilogue);

    private static void BackwardInputCpu(DeviceStream stream, Tensor dx, Tensor dy, Tensor weight, bool sums) =>
        ProductCpu(stream, dx, dy, CpuOperand.ColumnsOf(weight), accumulate: sums, epilogue: default);

    private static void BackwardWeightCpu(DeviceStream stream, Tensor dWeightSum, Tensor dy, Tensor x, Tensor laneBounds)
    {
        RequireCpuType(x);
        CpuLaneProduct.Run(stream.Device, dWeightSum, CpuOperand.ColumnsOf(dy), CpuOperand.ColumnsOf(x), steps: x.Shape[0], laneBounds);
    }

    private static void ProductCpu(DeviceStream stream, Tensor result, Tensor left, CpuOperand right, bool accumulate, in Epilogue epilogue)
    {
        RequireCpuType(left);
        (int rows, int columns) = result.Rank2();
        CpuEpilogue last = result.DType == left.DType && (result.DType != DType.F32 || !epilogue.IsNone) ? new CpuEpilogue(result, epilogue) : default;
        if (result.DType == DType.F32 && epilogue.Residual.Address != result.Address)
        {
            CpuProduct.Run(stream.Device, result, CpuOperand.RowsOf(left), right, left.Shape[1], accumulate, last);
            return;
        }

        // Sums that cannot wait in the result until their chains are complete, in narrow ones or those that hold the residual, wait elsewhere, some
        // rows at a time.
        int rowsAtOnce = Math.Max(1, CpuScratch.SharedElements / Math.Max(columns, 1));
        for (int row = 0; row < rows; row += rowsAtOnce)
        {
            Tensor narrow = result.Rows(row, Math.Min(rowsAtOnce, rows - row));
            Tensor wide = new((nint)stream.Device.Scratch.Result, DType.F32, narrow.Shape);
            if (accumulate)
            {
                Cast.Forward(stream, y: wide, x: narrow);
            }

            CpuProduct.Run(
                stream.Device, wide, CpuOperand.RowsOf(left.Rows(row, narrow.Shape[0])), right, left.Shape[1], accumulate, last.At(row, column: 0));
        }
    }

    private static void RequireCpuType(Tensor tensor)
    {
        if (tensor.DType is not (DType.F32 or DType.BF16 or DType.F16))
        {
            throw CpuParts.Unsupported(tensor);
        }
    }
}
