using Camels.Kernels.Interop;
using Camels.Kernels.Ops;
using Camels.Testing;
using Xunit;

namespace Camels.Kernels.Tests.Devices;

/// <summary>What is not there and what breaks: one clear message, and the kind of failure that decides the exit code.</summary>
public class CudaFailureTests
{
    [Fact]
    public void No_driver_is_said_with_the_librarys_name()
    {
        Assert.Null(CudaDriver.FromLibraries(["libcamels_nosuch.so.1", "libcamels_nosuch.so"], out string reason));
        Assert.Equal("no CUDA driver library (libcamels_nosuch.so.1) on this machine", reason);
    }

    [Fact]
    public void A_driver_that_lacks_functions_is_said_with_their_names()
    {
        Assert.Null(CudaDriver.FromLibraries(["libm.so.6"], out string reason));
        Assert.Matches(
            "^the CUDA driver of this machine lacks cuInit, cuDriverGetVersion, cuGetErrorName and [0-9]+ others: update it to CUDA 11.8 or later$", reason);
    }

    [Fact]
    public void A_kernel_that_traps_ends_the_device_and_is_named()
    {
        using Device device = Device.OpenEmulated();
        using TestTensors tensors = new(device);
        Embedding.Forward(device.Stream, y: tensors.New(DType.F32, 1, 8), ids: tensors.Of(3), weight: tensors.New(DType.F32, 3, 8));
        NativeException lost = Assert.Throws<NativeException>(device.Stream.Synchronize);
        Assert.Equal(NativeFailure.DeviceLost, lost.Failure);
        Assert.Contains("embedding_forward_f32", lost.Message, StringComparison.Ordinal);
        Assert.Contains("stopped itself", lost.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', lost.Message);
        Assert.Throws<NativeException>(device.Stream.Synchronize);
    }

    [Fact]
    public void A_device_with_too_little_memory_says_what_was_asked_and_what_is_free()
    {
        using Device device = Device.OpenEmulated("sm_80", new PtxOptions { MemoryBytes = 64 << 20 });
        string message = Assert.Throws<InsufficientMemoryException>(() => DeviceMemory.Allocate(device, 60 << 20)).Message;
        Assert.Matches("^62,914,560 bytes were asked of the GPU, [0-9,]+ of its 67,108,864 are free: ", message);
        using DeviceMemory fits = DeviceMemory.Allocate(device, 1 << 20);
    }
}
