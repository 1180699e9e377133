using Camels.Kernels.Interop;
using Camels.Kernels.Ops;
using Camels.Testing;
using Xunit;

namespace Camels.Kernels.Tests.Devices;

/// <summary>Work that is recorded once and given as a whole from then on: the bits of single launches, and never another work's.</summary>
public class RepeatedWorkTests
{
    private const int Rows = 20;
    private const int Channels = 48;

    [Theory]
    [InlineData("sm_80")]
    [InlineData("sm_90a")]
    public void Given_as_a_whole_it_has_the_bits_of_single_launches(string target)
    {
        byte[] expected = Run(target, isRepeated: false, out long launches);
        Assert.Equal(expected, Run(target, isRepeated: true, out long recorded));

        // Launched when it came first, and when it was recorded.
        Assert.Equal(launches / 5 * 2, recorded);
    }

    [Fact]
    public void Other_pointers_or_sizes_are_another_work()
    {
        using Device device = Device.OpenEmulated();
        using TestTensors tensors = new(device);
        Tensor x = tensors.Of([.. Enumerable.Range(0, Rows).Select(i => (float)i)]);
        Tensor y = tensors.New(DType.F32, Rows);
        Tensor z = tensors.New(DType.F32, Rows);
        Tensor to = y;
        int rows = Rows;
        using RepeatedWork<(nint To, int Rows)> work = new(
            device.Stream, () => Add.Forward(device.Stream, y: to.Rows(0, rows), x: x.Rows(0, rows), residual: to.Rows(0, rows)));
        List<float> sums = [];
        foreach ((Tensor place, int count) in (IEnumerable<(Tensor, int)>)[(y, Rows), (y, Rows), (y, Rows), (z, Rows), (y, Rows), (y, 5), (y, 5), (y, 5), (z, Rows), (z, Rows)])
        {
            (to, rows) = (place, count);
            work.Run((to.Address, rows));
            sums.Add(tensors.Read<float>(place)[2] + tensors.Read<float>(place)[Rows - 1]);
        }

        Assert.Equal([21, 42, 63, 21, 84, 86, 88, 90, 42, 63], sums);
    }

    [Fact]
    public void Work_that_fails_while_it_is_recorded_is_not_taken_for_another()
    {
        using Device device = Device.OpenEmulated();
        using TestTensors tensors = new(device);
        Tensor y = tensors.Of(1f);
        bool fails = false;
        using RepeatedWork<int> work = new(device.Stream, () =>
        {
            Add.Forward(device.Stream, y: y, x: y, residual: y);
            _ = fails ? throw new InvalidOperationException("as the test says") : 0;
            Add.Forward(device.Stream, y: y, x: y, residual: y);
        });
        work.Run(1);
        work.Run(1);
        work.Run(2);
        fails = true;
        Assert.Throws<InvalidOperationException>(() => work.Run(2));
        Assert.Equal([64f], tensors.Read<float>(y));
        fails = false;
        work.Run(1);
        Assert.Equal([256f], tensors.Read<float>(y));
        work.Run(2);
        work.Run(2);
        Assert.Equal([4096f], tensors.Read<float>(y));
    }

    [Theory]
    [InlineData(true, "waits while it records")]
    [InlineData(false, "allocates while it records")]
    public void Work_that_a_driver_cannot_record_is_seen(bool waits, string explanation)
    {
        using Device device = Device.OpenEmulated();
        using TestTensors tensors = new(device);
        Tensor y = tensors.Of(1f);
        using RepeatedWork<int> work = new(device.Stream, () =>
        {
            Relu.Forward(device.Stream, y: y, x: y);
            if (waits)
            {
                device.Stream.Synchronize();
            }
            else
            {
                DeviceMemory.AllocateUninitialised(device, 1024).Dispose();
            }
        });
        work.Run(1);
        Assert.Contains(explanation, Assert.Throws<NativeException>(() => work.Run(1)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Memory_that_is_gone_is_seen()
    {
        using Device device = Device.OpenEmulated();
        DeviceMemory memory = DeviceMemory.Allocate(device, 4 * Channels);
        Tensor y = memory.View(0, DType.F32, Channels);
        using RepeatedWork<int> work = new(device.Stream, () => Relu.Forward(device.Stream, y: y, x: y));
        work.Run(1);
        work.Run(1);
        device.Stream.Synchronize();
        memory.Dispose();
        work.Run(1);
        Assert.Equal(NativeFailure.DeviceLost, Assert.Throws<NativeException>(device.Stream.Synchronize).Failure);
    }

    // A sum that goes on from what the work left last time, over three kernels and a fill.
    private static byte[] Run(string target, bool isRepeated, out long launches)
    {
        using Device device = Device.OpenEmulated(target);
        using TestTensors tensors = new(device);
        Random random = new(4);
        Tensor x = tensors.Normal(random, DType.BF16, Rows, Channels);
        Tensor weight = tensors.Normal(random, DType.BF16, Channels);
        Tensor matrix = tensors.Normal(random, DType.BF16, Channels, Channels);
        Tensor normed = tensors.New(DType.BF16, Rows, Channels);
        Tensor rstd = tensors.New(DType.F32, Rows);
        void Work()
        {
            HostTransfer.Fill(device.Stream, normed, 0xFF);
            RmsNorm.Forward(device.Stream, y: normed, rstd: rstd, x: x, weight: weight, eps: 0.1f);
            MatMul.BackwardInputSum(device.Stream, dxSum: x, dy: normed, weight: matrix);
            Gelu.Forward(device.Stream, y: x, x: x);
        }

        using RepeatedWork<int> work = new(device.Stream, Work);
        for (int i = 0; i < 5; i++)
        {
            if (isRepeated)
            {
                work.Run(7);
            }
            else
            {
                Work();
            }
        }

        byte[] bytes = tensors.Read<byte>(x);
        launches = device.EmulatedCounts.Launches;
        return bytes;
    }
}
