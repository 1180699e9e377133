using Camels.Kernels.Interop;
using Camels.Kernels.Ops;
using Xunit;

namespace Camels.Kernels.Tests.Devices;

/// <summary>What the code above the driver's table asks of it, and what it makes of the answers.</summary>
[Collection(RecordingDriver.Alone)]
public class CudaDeviceTests
{
    [Fact]
    public void A_launch_passes_addresses_and_numbers_and_allocates_nothing()
    {
        using Device device = Open(RecordingDriver.Create());
        RecordingDriver.KeptArguments = 4;
        using DeviceMemory memory = DeviceMemory.Allocate(device, 3 * 4096);
        Tensor x = memory.View(0, DType.F32, 1000);
        Tensor y = memory.View(4096, DType.F32, 1000);
        Add.Forward(device.Stream, y: y, x: x, residual: y);
        Assert.Equal(0, AllocatedBytes(() => Add.Forward(device.Stream, y: y, x: x, residual: y)));
        Assert.Equal(3, RecordingDriver.Launches);
        Assert.Equal(1, RecordingDriver.ModuleLoads);
        Assert.Equal(1u, RecordingDriver.LastGridX);
        Assert.Equal([y.Address, x.Address, y.Address, 1000], RecordingDriver.LastArguments);
    }

    [Fact]
    public void Nothing_is_launched_for_an_empty_tensor()
    {
        using Device device = Open(RecordingDriver.Create());
        using DeviceMemory memory = DeviceMemory.Allocate(device, 0);
        Tensor none = memory.View(0, DType.BF16, 0, 5);
        Add.Forward(device.Stream, y: none, x: none, residual: none);
        Assert.Equal(0, RecordingDriver.Launches);
    }

    [Fact]
    public void Arguments_of_another_number_or_size_are_refused()
    {
        using Device device = Open(RecordingDriver.Create());
        KernelSet add = new("add", "add_forward");
        ArgumentException refusal = Assert.Throws<ArgumentException>(
            () => device.Stream.Launch(add[DType.F32], new LaunchSize(1, 256), 1L, 2L, 3L, 4));
        Assert.Equal("add_forward_f32 takes parameters of 8, 8, 8, 8 bytes, not 8, 8, 8, 4", refusal.Message);
        Assert.Throws<ArgumentException>(() => device.Stream.Launch(add[DType.F32], new LaunchSize(1, 256), 1L, 2L, 3L));
        Assert.Throws<ArgumentException>(() => add[DType.F64]);
    }

    [Fact]
    public void A_file_that_the_driver_refuses_does_not_hide_the_others()
    {
        using Device device = Open(RecordingDriver.Create());
        RecordingDriver.RefusedLoad = 2;
        KernelFileFacts[] files = [.. KernelFileFacts.Of(device)];
        Assert.Equal(KernelImage.FilesFor("sm_80"), files.Select(file => file.Origin.Split('.')[0]));
        KernelFileFacts refused = Assert.Single(files, file => file.Problem is not null);
        Assert.Same(files[1], refused);
        Assert.Empty(refused.Kernels);
        Assert.StartsWith("the CUDA driver refuses the kernels of add.sm_80.ptx: CUDA_ERROR_OF_TEST", refused.Problem, StringComparison.Ordinal);
        Assert.All(files.Except([refused]), file => Assert.NotEmpty(file.Kernels));
    }

    [Fact]
    public void A_block_that_needs_more_shared_memory_than_the_gpu_has_is_refused_in_words()
    {
        using Device device = Open(RecordingDriver.Create());
        RecordingDriver.SharedBytes = 101_376;
        KernelSet add = new("add", "add_forward");
        device.Stream.Launch(add[DType.F32], new LaunchSize(1, 256, SharedBytes: 101_376), 1L, 2L, 3L, 4L);
        NativeException refusal = Assert.Throws<NativeException>(
            () => device.Stream.Launch(add[DType.F32], new LaunchSize(1, 256, SharedBytes: 101_377), 1L, 2L, 3L, 4L));
        Assert.Equal(NativeFailure.Missing, refusal.Failure);
        Assert.StartsWith(
            "add_forward_f32 needs 101,377 bytes of shared memory in a block, of which this GPU has 101,376: ", refusal.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(5_000_001)]         // more than a half of the pinned memory
    [InlineData(20_000_003)]
    public void Transfers_of_any_size_arrive_and_come_back(int bytes)
    {
        using Device device = Open(RecordingDriver.Create());
        using DeviceMemory memory = DeviceMemory.Allocate(device, bytes + 7);
        Tensor tensor = memory.View(0, DType.F32, (bytes + 7) / 4);
        byte[] source = new byte[bytes];
        new Random(1).NextBytes(source);
        HostTransfer.BytesToDevice(device.Stream, tensor, offsetBytes: 3, source);
        byte[] back = new byte[bytes];
        int allocations = RecordingDriver.Allocations;
        Assert.Equal(0, AllocatedBytes(() => HostTransfer.BytesToHost(device.Stream, tensor, offsetBytes: 3, back)));
        Assert.Equal(allocations, RecordingDriver.Allocations);
        Assert.True(source.AsSpan().SequenceEqual(back));
    }

    [Fact]
    public void Memory_is_zeroed_and_given_back()
    {
        using (Device device = Open(RecordingDriver.Create()))
        {
            using DeviceMemory memory = DeviceMemory.Allocate(device, 1000);
            byte[] bytes = new byte[1000];
            HostTransfer.BytesToHost(device.Stream, memory.View(0, DType.F32, 250), offsetBytes: 0, bytes);
            Assert.Equal(new byte[1000], bytes);
        }

        Assert.Equal(0, RecordingDriver.LiveBlocks);
    }

    [Fact]
    public void Too_little_memory_says_what_was_asked_and_what_is_free()
    {
        using Device device = Open(RecordingDriver.Create());
        RecordingDriver.FreeBytes = 5000;
        string message = Assert.Throws<InsufficientMemoryException>(() => DeviceMemory.Allocate(device, 1_000_000)).Message;
        Assert.Contains("1,000,000 bytes were asked of the GPU, 5,000 of its 17,179,869,184 are free", message, StringComparison.Ordinal);
        Assert.Contains("lanes_per_call", message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(7, 5, 12000, "GPU 0 (Test GPU) has compute capability 7.5; the kernels need 8.0 or later")]
    [InlineData(8, 0, 11070, "the CUDA driver of this machine is version 11.7; the kernels need 11.8 or later: update it")]
    public void What_is_too_old_is_missing(int major, int minor, int version, string message)
    {
        CudaDriver driver = RecordingDriver.Create();
        (RecordingDriver.Major, RecordingDriver.Minor, RecordingDriver.Version) = (major, minor, version);
        NativeException refusal = Assert.Throws<NativeException>(() => Open(driver));
        Assert.Equal(NativeFailure.Missing, refusal.Failure);
        Assert.Equal(message, refusal.Message);
    }

    [Theory]
    [InlineData(8, 0, 12080, "sm_80")]
    [InlineData(8, 9, 12080, "sm_80")]
    [InlineData(9, 0, 12000, "sm_90a")]
    [InlineData(9, 0, 11080, "sm_80")]
    [InlineData(10, 0, 12080, "sm_80")]
    public void Capability_and_driver_choose_the_kernels(int major, int minor, int version, string target)
    {
        CudaDriver driver = RecordingDriver.Create();
        (RecordingDriver.Major, RecordingDriver.Minor, RecordingDriver.Version) = (major, minor, version);
        using Device device = Open(driver);
        Assert.Equal(target, device.KernelPath);
    }

    [Fact]
    public void A_gpu_that_is_not_there_is_missing()
    {
        CudaDriver driver = RecordingDriver.Create();
        RecordingDriver.Devices = 2;
        NativeException refusal = Assert.Throws<NativeException>(() => Device.OpenOn(driver, DeviceKind.Cuda, ordinal: 2, "cuda:2"));
        Assert.Equal("cuda:2 is not there: the CUDA driver shows 2 GPUs, cuda:0 to cuda:1", refusal.Message);
        RecordingDriver.InitStatus = CudaStatus.NoDevice;
        Assert.Contains("shows no GPU", Assert.Throws<NativeException>(() => Open(driver)).Message, StringComparison.Ordinal);
        RecordingDriver.InitStatus = CudaStatus.Unknown;
        Assert.Equal(
            "the CUDA driver of this machine does not start: CUDA_ERROR_OF_TEST: as the test says",
            Assert.Throws<NativeException>(() => Open(driver)).Message);
    }

    [Fact]
    public void A_kernel_that_traps_is_a_lost_device()
    {
        using Device device = Open(RecordingDriver.Create());
        RecordingDriver.StickyStatus = CudaStatus.LaunchFailed;
        NativeException lost = Assert.Throws<NativeException>(device.Stream.Synchronize);
        Assert.Equal(NativeFailure.DeviceLost, lost.Failure);
        Assert.Equal("the GPU stopped: CUDA_ERROR_OF_TEST: as the test says (seen by cuStreamSynchronize)", lost.Message);
    }

    private static Device Open(CudaDriver driver) => Device.OpenOn(driver, DeviceKind.Cuda, ordinal: 0, "cuda:0");

    private static long AllocatedBytes(Action action)
    {
        action();
        long before = GC.GetAllocatedBytesForCurrentThread();
        action();
        return GC.GetAllocatedBytesForCurrentThread() - before;
    }
}
