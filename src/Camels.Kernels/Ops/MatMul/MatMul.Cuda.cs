namespace Camels.Kernels.Ops;

public static partial class MatMul
{
    private static void ForwardCuda(DeviceStream stream, Tensor y, Tensor x, Tensor weight, in Epilogue epilogue) =>
        CudaProduct.Run(stream, new CudaMatrix(y), new CudaMatrix(x), new CudaMatrix(weight), steps: x.Shape[1], epilogue);

    private static void BackwardInputCuda(DeviceStream stream, Tensor dx, Tensor dy, Tensor weight, bool sums) =>
        CudaProduct.RunColumns(stream, new CudaMatrix(dx), new CudaMatrix(dy), new CudaMatrix(weight), steps: dy.Shape[1], adds: sums);

    private static void BackwardWeightCuda(DeviceStream stream, Tensor dWeightSum, Tensor dy, Tensor x, Tensor laneBounds) =>
        CudaProduct.RunLanes(stream, new CudaMatrix(dWeightSum), new CudaMatrix(dy), new CudaMatrix(x), laneBounds);
}
