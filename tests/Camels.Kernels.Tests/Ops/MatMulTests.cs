using System.Runtime.InteropServices;
using Camels.Kernels.Ops;
using Camels.Testing;
using Xunit;

namespace Camels.Kernels.Tests.Ops;

/// <summary>The order of every sum of the matrix product, to the bit.</summary>
[Trait("Category", "Paths")]
public sealed class MatMulTests : IDisposable
{
    private readonly Device _cpu = Device.OpenCpu(threads: 2);
    private readonly List<DeviceMemory> _memory = [];

    public void Dispose()
    {
        _memory.ForEach(block => block.Dispose());
        _cpu.Dispose();
    }

    [Theory]
    [InlineData(1, 1, 1)]
    [InlineData(2, 0, 3)]
    [InlineData(9, 33, 50)]
    [InlineData(65, 1100, 17)]
    [InlineData(7, 5000, 3)]            // more steps than are packed at once
    [InlineData(1040, 4097, 2)]         // more rows than are packed at once
    [InlineData(130, 7, 443)]
    [InlineData(600, 600, 260)]         // the right factor is packed by each tile
    public void Every_result_is_one_chain(int rows, int steps, int columns)
    {
        Tensor x = Random(DType.F32, rows, steps);
        Tensor weight = Random(DType.F32, columns, steps);
        Tensor transposed = Transposed(weight);
        Tensor y = Random(DType.F32, rows, columns);
        Tensor sum = Random(DType.F32, rows, columns);
        float[] before = sum.AsSpan<float>().ToArray();

        MatMul.Forward(_cpu.Stream, y: y, x: x, weight: weight);
        for (int i = 0; i < before.Length; i += Stride(before.Length))
        {
            Assert.Equal(Chain(0, x, weight, i / columns, i % columns, 0, steps), y.AsSpan<float>()[i]);
        }

        MatMul.BackwardInputSum(_cpu.Stream, dxSum: sum, dy: x, weight: transposed);
        for (int i = 0; i < before.Length; i += Stride(before.Length))
        {
            Assert.Equal(Chain(before[i], x, weight, i / columns, i % columns, 0, steps), sum.AsSpan<float>()[i]);
        }

        MatMul.BackwardInput(_cpu.Stream, dx: sum, dy: x, weight: transposed);
        Assert.Equal(Bytes(y), Bytes(sum));
    }

    [Theory]
    [InlineData(3, 5, new[] { 0, 5, 5, 40, 1100, 1101, 1101, 1101, 1107 })]
    [InlineData(130, 50, new[] { 0, 5, 5, 40, 1100, 1101, 1101, 1101, 1107 })]
    [InlineData(20, 4097, new[] { 0, 5, 5, 40, 1100, 1101, 1101, 1101, 1107 })]
    [InlineData(300, 200, new[] { 0, 5, 5, 40, 1100, 1101, 1101, 1101, 1107 })]
    [InlineData(300, 200, new[] { 0, 100, 200, 350, 500, 700, 701, 900, 1024 })]        // all lanes share one block of k
    [InlineData(300, 200, new[] { 0, 500, 1000, 1500, 2000, 2100, 2200, 2300, 2400 })]  // pairs of lanes do
    [InlineData(90, 110, new[] { 0, 1025, 2050, 5000, 5000, 5000, 5000, 5000, 5001 })]  // a lane takes several blocks
    public void A_weights_gradient_is_a_tree_over_lanes(int outputs, int channels, int[] bounds)
    {
        int rows = bounds[^1];
        Tensor dy = Random(DType.F32, rows, outputs);
        Tensor x = Random(DType.F32, rows, channels);
        Tensor sum = Random(DType.F32, outputs, channels);
        float[] before = sum.AsSpan<float>().ToArray();
        Tensor left = Transposed(dy);
        Tensor right = Transposed(x);

        MatMul.BackwardWeight(_cpu.Stream, dWeightSum: sum, dy: dy, x: x, laneBounds: Integers(bounds));
        for (int i = 0; i < before.Length; i += Stride(before.Length))
        {
            float[] lanes = [.. Enumerable.Range(0, 8).Select(
                lane => Chain(0, left, right, i / channels, i % channels, bounds[lane], bounds[lane + 1]))];
            float tree = ((lanes[0] + lanes[1]) + (lanes[2] + lanes[3])) + ((lanes[4] + lanes[5]) + (lanes[6] + lanes[7]));
            Assert.Equal(before[i] + tree, sum.AsSpan<float>()[i]);
        }
    }

    [Theory]
    [InlineData(DType.F32, 33, 50)]
    [InlineData(DType.BF16, 33, 50)]
    [InlineData(DType.F16, 7, 33)]
    [InlineData(DType.F32, 1100, 150)]
    [InlineData(DType.BF16, 1100, 150)]
    public void A_row_has_the_same_bits_alone_and_in_any_batch(DType dtype, int channels, int outputs)
    {
        const int MostRows = 443;
        Tensor x = Random(dtype, MostRows, channels);
        Tensor dy = Random(dtype, MostRows, outputs);
        Tensor weight = Random(dtype, outputs, channels);
        Tensor y = Random(dtype, MostRows, outputs);
        Tensor dx = Random(dtype, MostRows, channels);
        Tensor one = Random(dtype, 1, outputs);
        Tensor dOne = Random(dtype, 1, channels);
        foreach (int rows in (int[])[2, 7, 64, MostRows])
        {
            MatMul.Forward(_cpu.Stream, y: y.Rows(0, rows), x: x.Rows(0, rows), weight: weight);
            MatMul.BackwardInput(_cpu.Stream, dx: dx.Rows(0, rows), dy: dy.Rows(0, rows), weight: weight);
            for (int n = 0; n < rows; n += Math.Max(1, rows / 50))
            {
                MatMul.Forward(_cpu.Stream, y: one, x: x.Rows(n, 1), weight: weight);
                MatMul.BackwardInput(_cpu.Stream, dx: dOne, dy: dy.Rows(n, 1), weight: weight);
                Assert.Equal(Bytes(one), Bytes(y.Rows(n, 1)));
                Assert.Equal(Bytes(dOne), Bytes(dx.Rows(n, 1)));
            }
        }
    }

    [Fact]
    public void A_narrow_sum_is_rounded_once()
    {
        Tensor dy = Random(DType.BF16, 5, 70);
        Tensor weight = Random(DType.BF16, 70, 9);
        Tensor narrow = Random(DType.BF16, 5, 9);
        Tensor wide = Random(DType.F32, 5, 9);
        Cast.Forward(_cpu.Stream, y: wide, x: narrow);
        MatMul.BackwardInputSum(_cpu.Stream, dxSum: narrow, dy: dy, weight: weight);

        Tensor wideDy = Random(DType.F32, 5, 70);
        Tensor wideWeight = Random(DType.F32, 70, 9);
        Cast.Forward(_cpu.Stream, y: wideDy, x: dy);
        Cast.Forward(_cpu.Stream, y: wideWeight, x: weight);
        MatMul.BackwardInputSum(_cpu.Stream, dxSum: wide, dy: wideDy, weight: wideWeight);
        Tensor expected = Random(DType.BF16, 5, 9);
        Cast.Forward(_cpu.Stream, y: expected, x: wide);
        Assert.Equal(Bytes(expected), Bytes(narrow));
    }

    /// <summary>In singles an epilogue rounds where separate operators do: the same bits, whatever way the product takes.</summary>
    [Theory]
    [InlineData(1, 1, 1)]
    [InlineData(7, 33, 50)]             // few rows
    [InlineData(3, 5000, 21)]           // more steps than are packed at once
    [InlineData(65, 1100, 17)]          // several blocks of k
    [InlineData(1040, 4097, 2)]
    [InlineData(130, 7, 443)]
    public void An_epilogue_has_the_bits_of_what_it_replaces(int rows, int steps, int columns)
    {
        Tensor x = Random(DType.F32, rows, steps);
        Tensor weight = Random(DType.F32, columns, steps);
        Tensor bias = Random(DType.F32, 1, columns).Reshape(columns);
        Tensor residual = Random(DType.F32, rows, columns);
        Tensor expectedBefore = Random(DType.F32, rows, columns);
        Tensor expected = Random(DType.F32, rows, columns);
        Tensor before = Random(DType.F32, rows, columns);
        Tensor y = Random(DType.F32, rows, columns);
        MatMul.Forward(_cpu.Stream, y: expectedBefore, x: x, weight: weight);
        Span<float> sums = expectedBefore.AsSpan<float>();
        for (int i = 0; i < sums.Length; i++)
        {
            sums[i] += bias.AsSpan<float>()[i % columns];
        }

        Gelu.Forward(_cpu.Stream, y: expected, x: expectedBefore);
        Add.Forward(_cpu.Stream, y: expected, x: expected, residual: residual);
        Epilogue all = new() { Bias = bias, Activation = Activation.Gelu, Residual = residual, BeforeActivation = before };
        MatMul.Forward(_cpu.Stream, y: y, x: x, weight: weight, all);
        Assert.Equal(Bytes(expectedBefore), Bytes(before));
        Assert.Equal(Bytes(expected), Bytes(y));

        MatMul.Forward(_cpu.Stream, y: residual, x: x, weight: weight, all);
        Assert.Equal(Bytes(expected), Bytes(residual));
    }

    [Fact]
    public void An_epilogues_tensors_are_checked()
    {
        Tensor x = Random(DType.F32, 3, 4);
        Tensor weight = Random(DType.F32, 5, 4);
        Tensor y = Random(DType.F32, 3, 5);
        Refused("Bias is F32 (3, 5)", y, new Epilogue { Bias = y });
        Refused("Residual is F32 (5, 4)", y, new Epilogue { Residual = weight });
        Refused("BeforeActivation is BF16 (3, 5)", y, new Epilogue { BeforeActivation = Random(DType.BF16, 3, 5) });
        void Refused(string message, Tensor result, Epilogue epilogue) => Assert.Contains(
            message, Assert.Throws<ArgumentException>(() => MatMul.Forward(_cpu.Stream, y: result, x: x, weight: weight, epilogue)).Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public void Steady_state_allocates_no_managed_memory()
    {
        Tensor x = Random(DType.BF16, 70, 40);
        Tensor weight = Random(DType.BF16, 90, 40);
        Tensor y = Random(DType.BF16, 70, 90);
        Tensor sum = Random(DType.F32, 90, 40);
        Tensor bounds = Integers([0, 30, 70]);
        void Step()
        {
            MatMul.Forward(_cpu.Stream, y: y, x: x, weight: weight);
            MatMul.BackwardInputSum(_cpu.Stream, dxSum: x, dy: y, weight: weight);
            MatMul.BackwardWeight(_cpu.Stream, dWeightSum: sum, dy: y, x: x, laneBounds: bounds);
        }

        Step();
        long managed = GC.GetAllocatedBytesForCurrentThread();
        Step();
        Assert.Equal(managed, GC.GetAllocatedBytesForCurrentThread());
    }

    private static int Stride(int elements) => Math.Max(1, elements / 400);

    private static float Chain(float start, Tensor left, Tensor right, int i, int j, int first, int end)
    {
        ReadOnlySpan<float> a = left.Rows(i, 1).AsSpan<float>();
        ReadOnlySpan<float> b = right.Rows(j, 1).AsSpan<float>();
        bool fused = CpuPath.UsesVector512 || CpuPath.UsesVector256;
        float sum = start;
        for (int k = first; k < end; k++)
        {
            sum = fused ? MathF.FusedMultiplyAdd(a[k], b[k], sum) : sum + (a[k] * b[k]);
        }

        return sum;
    }

    private static byte[] Bytes(Tensor tensor) => tensor.DType.Bytes() == 4
        ? MemoryMarshal.AsBytes(tensor.AsSpan<float>()).ToArray()
        : MemoryMarshal.AsBytes(tensor.AsSpan<ushort>()).ToArray();

    private Tensor Random(DType dtype, int rows, int columns)
    {
        Tensor tensor = New(dtype, rows, columns);
        Random random = new(rows + (7 * columns) + _memory.Count);
        for (long i = 0; i < tensor.Elements; i++)
        {
            Numbers.Write(tensor, i, Numbers.Round((2 * random.NextDouble()) - 1, dtype));
        }

        return tensor;
    }

    private Tensor Transposed(Tensor matrix)
    {
        Tensor transposed = New(matrix.DType, matrix.Shape[1], matrix.Shape[0]);
        Transpose.Forward(_cpu.Stream, y: transposed, x: matrix);
        return transposed;
    }

    private Tensor Integers(int[] values)
    {
        Tensor tensor = New(DType.I32, values.Length);
        values.CopyTo(tensor.AsSpan<int>());
        return tensor;
    }

    private Tensor New(DType dtype, params int[] extents)
    {
        DeviceMemory block = DeviceMemory.Allocate(_cpu, new Shape(extents).Elements * dtype.Bytes());
        _memory.Add(block);
        return block.View(0, dtype, extents);
    }
}
