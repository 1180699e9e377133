namespace Camels.Kernels.Ops;

public static partial class Add
{
    private const int Threads = 256;
    private const int BytesPerThread = 16;

    private static readonly KernelSet _forward = new("add", "add_forward");

    private static void ForwardCuda(DeviceStream stream, Tensor y, Tensor x, Tensor residual) => stream.Launch(
        _forward[x.DType], LaunchSize.Covering(x.Elements, Threads, BytesPerThread / x.DType.Bytes()), y, x, residual, x.Elements);
}
