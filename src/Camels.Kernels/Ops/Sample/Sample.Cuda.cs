namespace Camels.Kernels.Ops;

public static partial class Sample
{
    private static void ForwardCuda(
        DeviceStream stream, Tensor tokens, Tensor logProbabilities, Tensor logits, Tensor uniforms, in SampleSettings settings) =>
        throw CudaDevice.NoKernel("Sample.Forward");
}
