using Camels.Kernels.Ops;
using Camels.Testing;
using Xunit;

namespace Camels.Kernels.Tests.Ops;

[Trait("Category", "Paths")]
public class RopeTests
{
    [Theory]
    [InlineData(-1)]
    [InlineData(4)]
    public void A_position_outside_the_tables_is_named(int position)
    {
        using Device cpu = Device.OpenCpu(threads: 1);
        using TestTensors tensors = new(cpu);
        Tensor x = tensors.New(DType.F32, 3, 4);
        Tensor table = tensors.New(DType.F32, 4, 2);
        ArgumentException error = Assert.Throws<ArgumentException>(() => Rope.Forward(
            cpu.Stream, y: x, x: x, positions: tensors.Of(0, 1, position), cosines: table, sines: table, headWidth: 4));
        Assert.Equal($"positions[2] is {position}, outside the 4 positions of the tables", error.Message);
    }

    [Theory]
    [InlineData(3, 1)]
    [InlineData(0, 1)]
    [InlineData(2, 2)]
    public void Heads_that_do_not_fit_are_refused(int headWidth, int pairs)
    {
        using Device cpu = Device.OpenCpu(threads: 1);
        using TestTensors tensors = new(cpu);
        Tensor x = tensors.New(DType.F32, 1, 4);
        Tensor table = tensors.New(DType.F32, 4, pairs);
        ArgumentException error = Assert.Throws<ArgumentException>(() => Rope.Forward(
            cpu.Stream, y: x, x: x, positions: tensors.Of(0), cosines: table, sines: table, headWidth));
        Assert.Contains("headWidth", error.Message, StringComparison.Ordinal);
    }

    /// <summary>A quarter turn: (a, b) becomes (−b, a), columns behind the rotated ones stay, and the backward turns back.</summary>
    [Theory]
    [InlineData("cpu")]
    [InlineData("emulated")]
    public void Pairs_are_half_a_rotation_apart(string deviceName)
    {
        using Device device = TestTensors.Open(deviceName);
        using TestTensors tensors = new(device);
        Tensor x = tensors.Of(1f, 2, 3, 4, 5, 6).Reshape(1, 6);
        Tensor y = tensors.New(DType.F32, 1, 6);
        Tensor cosines = tensors.New(DType.F32, 1, 2);
        Tensor sines = tensors.Of(1f, 1).Reshape(1, 2);
        Rope.Forward(device.Stream, y: y, x: x, positions: tensors.Of(0), cosines: cosines, sines: sines, headWidth: 6);
        Assert.Equal([-3f, -4, 1, 2, 5, 6], tensors.Read<float>(y));
        Rope.Backward(device.Stream, dx: y, dy: y, positions: tensors.Of(0), cosines: cosines, sines: sines, headWidth: 6);
        Assert.Equal(tensors.Read<float>(x), tensors.Read<float>(y));
    }
}
