using Camels.Kernels.Ops;
using Camels.Testing;
using Xunit;

namespace Camels.Kernels.Tests.Emulated;

/// <summary>What GPU products promise to the bit: a row's numbers are its own, and gradients of weights are trees over lanes.</summary>
public class ProductBitTests
{
    private const int MostRows = 140;      // more than a tile of either kind

    // Strides that copies of 16 bytes take, and such as they do not.
    public static TheoryData<string, DType, int, int> Shapes => new()
    {
        { "sm_80", DType.BF16, 48, 136 },
        { "sm_80", DType.F16, 33, 50 },
        { "sm_80", DType.F32, 20, 40 },
        { "sm_90a", DType.BF16, 72, 264 },
        { "sm_90a", DType.BF16, 7, 33 },
    };

    [Theory]
    [MemberData(nameof(Shapes))]
    public void A_row_has_the_same_bits_alone_and_in_any_batch(string target, DType dtype, int channels, int outputs)
    {
        using Device device = Device.OpenEmulated(target);
        using TestTensors tensors = new(device);
        Tensor x = tensors.Normal(new Random(1), dtype, MostRows, channels);
        Tensor dy = tensors.Normal(new Random(2), dtype, MostRows, outputs);
        Tensor weight = tensors.Normal(new Random(3), dtype, outputs, channels);
        Tensor y = tensors.New(dtype, MostRows, outputs);
        Tensor dx = tensors.New(dtype, MostRows, channels);
        MatMul.Forward(device.Stream, y: y, x: x, weight: weight);
        MatMul.BackwardInput(device.Stream, dx: dx, dy: dy, weight: weight);
        foreach ((int first, int rows) in (IEnumerable<(int, int)>)[(0, 1), (139, 1), (77, 2), (100, 33)])
        {
            Tensor someY = tensors.New(dtype, rows, outputs);
            Tensor someDx = tensors.New(dtype, rows, channels);
            MatMul.Forward(device.Stream, y: someY, x: x.Rows(first, rows), weight: weight);
            MatMul.BackwardInput(device.Stream, dx: someDx, dy: dy.Rows(first, rows), weight: weight);
            Assert.Equal(tensors.Read<byte>(y.Rows(first, rows)), tensors.Read<byte>(someY));
            Assert.Equal(tensors.Read<byte>(dx.Rows(first, rows)), tensors.Read<byte>(someDx));
        }
    }

    [Theory]
    [InlineData("sm_80", DType.BF16, 16, 24)]
    [InlineData("sm_80", DType.F32, 9, 140)]
    [InlineData("sm_90a", DType.BF16, 136, 16)]
    public void A_weights_gradient_is_a_tree_over_lanes(string target, DType dtype, int channels, int outputs)
    {
        int[] bounds = [0, 5, 5, 40, 110, 111, 111, 111, 117];
        using Device device = Device.OpenEmulated(target);
        using TestTensors tensors = new(device);
        Tensor x = tensors.Normal(new Random(1), dtype, bounds[^1], channels);
        Tensor dy = tensors.Normal(new Random(2), dtype, bounds[^1], outputs);
        Tensor before = tensors.Normal(new Random(3), DType.F32, outputs, channels);
        Tensor all = tensors.Normal(new Random(3), DType.F32, outputs, channels);
        MatMul.BackwardWeight(device.Stream, dWeightSum: all, dy: dy, x: x, laneBounds: tensors.Of(bounds));

        float[][] lanes = [.. Enumerable.Range(0, 8).Select(Lane)];
        float[] expected = [.. tensors.Read<float>(before).Select(
            (old, i) => old + (((lanes[0][i] + lanes[1][i]) + (lanes[2][i] + lanes[3][i])) + ((lanes[4][i] + lanes[5][i]) + (lanes[6][i] + lanes[7][i]))))];
        Assert.Equal(expected, tensors.Read<float>(all));

        float[] Lane(int lane)
        {
            int rows = bounds[lane + 1] - bounds[lane];
            Tensor sum = tensors.New(DType.F32, outputs, channels);
            MatMul.BackwardWeight(
                device.Stream, dWeightSum: sum, dy: dy.Rows(bounds[lane], rows), x: x.Rows(bounds[lane], rows), laneBounds: tensors.Of(0, rows));
            return tensors.Read<float>(sum);
        }
    }

    [Theory]
    [InlineData("sm_80")]
    [InlineData("sm_90a")]
    public void A_sum_continues_the_chain_of_what_was_there(string target)
    {
        using Device device = Device.OpenEmulated(target);
        using TestTensors tensors = new(device);
        Tensor dy = tensors.Normal(new Random(1), DType.BF16, 40, 64);
        Tensor weight = tensors.Normal(new Random(2), DType.BF16, 64, 24);
        Tensor whole = tensors.New(DType.F32, 40, 24);
        Tensor parts = tensors.New(DType.F32, 40, 24);
        CudaProduct.RunColumns(device.Stream, new CudaMatrix(whole), new CudaMatrix(dy), new CudaMatrix(weight), steps: 64, adds: false);
        for (int first = 0; first < 64; first += 32)
        {
            Tensor columns = new(dy.Address + (first * dy.DType.Bytes()), dy.DType, new Shape(40, 32));
            CudaProduct.RunColumns(
                device.Stream, new CudaMatrix(parts), new CudaMatrix(columns, Stride: 64), new CudaMatrix(weight.Rows(first, 32)), steps: 32,
                adds: first > 0);
        }

        Assert.Equal(tensors.Read<byte>(whole), tensors.Read<byte>(parts));
    }

    [Fact]
    public void Ten_schedules_give_the_same_bits()
    {
        byte[][] results = [.. Enumerable.Range(1, 10).Select(seed => Results("sm_80", seed))];
        Assert.All(results, result => Assert.Equal(results[0], result));
    }

    private static byte[] Results(string target, int seed)
    {
        using Device device = Device.OpenEmulated(target, seed);
        using TestTensors tensors = new(device);
        Tensor x = tensors.Normal(new Random(1), DType.BF16, 34, 40);
        Tensor dy = tensors.Normal(new Random(2), DType.BF16, 34, 136);
        Tensor weight = tensors.Normal(new Random(3), DType.BF16, 136, 40);
        Tensor y = tensors.New(DType.BF16, 34, 136);
        Tensor dx = tensors.New(DType.BF16, 34, 40);
        Tensor sum = tensors.New(DType.F32, 136, 40);
        MatMul.Forward(device.Stream, y: y, x: x, weight: weight);
        MatMul.BackwardInput(device.Stream, dx: dx, dy: dy, weight: weight);
        MatMul.BackwardWeight(device.Stream, dWeightSum: sum, dy: dy, x: x, laneBounds: tensors.Of(0, 20, 34));
        return [.. tensors.Read<byte>(y), .. tensors.Read<byte>(dx), .. tensors.Read<byte>(sum)];
    }
}
