using Camels.Kernels.Interop;
using Camels.Kernels.Ops;
using Camels.Testing;
using Xunit;

namespace Camels.Kernels.Tests.Emulated;

/// <summary>What memory-bound kernels promise beside their results: bits that know nothing of alignment, lanes in groups, refusals.</summary>
public class MemoryBoundKernelTests
{
    public static TheoryData<string> OperatorsOfRows => ["RmsNorm", "LayerNorm", "Bias", "Rope", "Embedding", "Transpose", "SwiGlu"];

    /// <summary>One element further everything is loaded element by element: the same threads must do the same sums.</summary>
    [Theory]
    [MemberData(nameof(OperatorsOfRows))]
    public void Alignment_does_not_change_a_bit(string op)
    {
        using Device device = Device.OpenEmulated();
        foreach (DType dtype in (DType[])[DType.F32, DType.BF16])
        {
            string[] whole = Results(device, op, dtype, skippedElements: 0);
            string[] askew = Results(device, op, dtype, skippedElements: 1);
            Assert.Equal(whole, askew);
        }
    }

    /// <summary>Sums of 32 lanes do not fit the scratch memory at once: the tree goes on over groups of lanes, with the bits of two halves.</summary>
    [Fact]
    public void Lanes_in_groups_are_the_same_tree()
    {
        const int Lanes = 32;
        const int Channels = 6144;
        using Device device = Device.OpenEmulated();
        using TestTensors tensors = new(device);
        Tensor dy = tensors.Normal(new Random(1), DType.BF16, Lanes, Channels);
        Assert.True(new CudaLaneSums(device.Stream, Bounds(tensors, Lanes), Channels, vectors: 1).Groups > 1);

        float[] together = Sum(0, Lanes);
        float[] halves = [.. Sum(0, Lanes / 2).Zip(Sum(Lanes / 2, Lanes / 2), (left, right) => left + right)];
        Assert.Equal(halves, together);

        float[] Sum(int first, int lanes)
        {
            Tensor sum = tensors.New(DType.F32, Channels);
            Bias.Backward(device.Stream, dBiasSum: sum, dy: dy.Rows(first, lanes), laneBounds: Bounds(tensors, lanes));
            return tensors.Read<float>(sum);
        }
    }

    [Fact]
    public void An_id_outside_the_vocabulary_ends_the_launch()
    {
        using Device device = Device.OpenEmulated();
        using TestTensors tensors = new(device);
        Assert.Throws<NativeException>(() =>
        {
            Embedding.Forward(
                device.Stream, y: tensors.New(DType.F32, 3, 2), ids: tensors.Of(0, 5, 1), weight: tensors.New(DType.F32, 5, 2));
            device.Stream.Synchronize();
        });
    }

    [Fact]
    public void A_position_outside_the_tables_ends_the_launch()
    {
        using Device device = Device.OpenEmulated();
        using TestTensors tensors = new(device);
        Tensor x = tensors.New(DType.F32, 2, 4);
        Tensor table = tensors.New(DType.F32, 4, 2);
        Assert.Throws<NativeException>(() =>
        {
            Rope.Forward(device.Stream, y: x, x: x, positions: tensors.Of(0, 4), cosines: table, sines: table, headWidth: 4);
            device.Stream.Synchronize();
        });
    }

    private static Tensor Bounds(TestTensors tensors, int lanes) => tensors.Of([.. Enumerable.Range(0, lanes + 1)]);

    // All results as text: their bits.
    private static string[] Results(Device device, string op, DType dtype, int skippedElements)
    {
        const int Rows = 5;
        const int Columns = 600;
        using TestTensors tensors = new(device);
        Random random = new(7);
        List<Tensor> outputs = [];
        Tensor dy = In(Rows, Columns);
        Tensor x = In(Rows, Columns);
        Tensor weight = In(Columns);
        Tensor lanes = tensors.Of(0, 3, 5);
        Tensor rstd = tensors.Normal(random, DType.F32, Rows);
        switch (op)
        {
            case "RmsNorm":
                RmsNorm.Forward(device.Stream, y: Out(Rows, Columns), rstd: Wide(Rows), x: x, weight: weight, eps: 0.1f);
                RmsNorm.Backward(
                    device.Stream, dx: Out(Rows, Columns), dWeightSum: Wide(Columns), dy: dy, x: x, weight: weight, rstd: rstd, laneBounds: lanes);
                break;
            case "LayerNorm":
                LayerNorm.Forward(
                    device.Stream, y: Out(Rows, Columns), mean: Wide(Rows), rstd: Wide(Rows), x: x, weight: weight, bias: In(Columns), eps: 0.1f);
                LayerNorm.Backward(
                    device.Stream, dx: Out(Rows, Columns), dWeightSum: Wide(Columns), dBiasSum: Wide(Columns), dy: dy, x: x, weight: weight,
                    mean: rstd, rstd: rstd, laneBounds: lanes);
                break;
            case "Bias":
                Bias.Backward(device.Stream, dBiasSum: Wide(Columns), dy: dy, laneBounds: lanes);
                break;
            case "Rope":
                Rope.Forward(
                    device.Stream, y: Out(Rows, Columns), x: x, positions: tensors.Of(0, 1, 2, 0, 1), cosines: tensors.Normal(random, DType.F32, 3, 24),
                    sines: tensors.Normal(random, DType.F32, 3, 24), headWidth: 120);
                break;
            case "Embedding":
                Embedding.Forward(device.Stream, y: Out(3, Columns), ids: tensors.Of(4, 0, 4), weight: x);
                Embedding.Backward(
                    device.Stream, dWeightSum: Wide(2, Columns), dy: dy, ids: tensors.Of(1, 0, 1, 1, 1), order: tensors.Of(1, 0, 2, 3, 4),
                    laneBounds: lanes);
                break;
            case "Transpose":
                Transpose.Forward(device.Stream, y: Out(Columns, 8), x: In(8, Columns));
                break;
            default:
                SwiGlu.Forward(device.Stream, hidden: Out(8, Columns), gated: In(8, Columns), raised: In(8, Columns));
                break;
        }

        return [.. outputs.Select(output => Convert.ToHexString(tensors.Read<byte>(output)))];

        Tensor In(params int[] extents) => tensors.Normal(random, dtype, skippedElements, extents);

        Tensor Out(params int[] extents) => Kept(tensors.New(dtype, skippedElements, extents));

        Tensor Wide(params int[] extents) => Kept(tensors.New(DType.F32, skippedElements, extents));

        Tensor Kept(Tensor tensor)
        {
            outputs.Add(tensor);
            return tensor;
        }
    }
}
