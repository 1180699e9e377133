namespace Camels.Kernels.Ops;

public static partial class Nf4
{
    private static void DequantizeCuda(DeviceStream stream, Tensor y, Tensor codes, Tensor absmax) =>
        throw CudaDevice.NoKernel("Nf4.Dequantize");

    private static void DequantizeScalesCuda(DeviceStream stream, Tensor absmax, Tensor scales, Tensor nestedScales, Tensor offset) =>
        throw CudaDevice.NoKernel("Nf4.DequantizeScales");
}
