using Camels.Kernels.Ops;
using Xunit;

namespace Camels.Kernels.Tests.Ops;

/// <summary>What the fused head promises beyond its formula.</summary>
[Trait("Category", "Paths")]
public sealed class LossHeadTests : IDisposable
{
    private const int Rows = 12;
    private const int Channels = 20;
    private const int Vocabulary = 2600;        // more than one tile, and no whole number of blocks
    private const int Trained = 9;

    private readonly Device _cpu = Device.OpenCpu(threads: 2);
    private readonly List<DeviceMemory> _memory = [];
    private readonly Tensor _x;
    private readonly Tensor _weight;
    private readonly Tensor _trainedRows;
    private readonly Tensor _labels;
    private readonly Tensor _scales;
    private readonly Tensor _lanes;

    public LossHeadTests()
    {
        _x = Random(Rows, Channels);
        _weight = Random(Vocabulary, Channels);
        _scales = Random(Trained);
        _trainedRows = Integers([0, 2, 3, 4, 6, 7, 8, 10, 11]);
        _labels = Integers([0, 2599, 2048, 511, 512, 1300, 7, 2047, 99]);
        _lanes = Integers([0, 3, 3, 8, 9]);
    }

    public void Dispose()
    {
        _memory.ForEach(block => block.Dispose());
        _cpu.Dispose();
    }

    [Fact]
    public void The_size_of_the_workspace_changes_no_bit()
    {
        Result whole = Run(LossHead.WorkspaceElements(Trained, Channels, Vocabulary));
        Result least = Run(LossHead.LeastWorkspaceElements(Trained, Channels, Vocabulary));
        Result between = Run(LossHead.LeastWorkspaceElements(Trained, Channels, Vocabulary) + (Trained * 512 * 2));
        foreach (Result result in (Result[])[least, between])
        {
            Assert.Equal(whole.Losses, result.Losses);
            Assert.Equal(whole.Dx, result.Dx);
            Assert.Equal(whole.DWeightSum, result.DWeightSum);
        }
    }

    [Fact]
    public void Losses_are_the_negative_log_probabilities_of_generation()
    {
        Tensor logits = Random(Rows, Vocabulary);
        Tensor tokens = Integers(new int[Rows]);
        Tensor logProbabilities = Random(Rows);
        MatMul.Forward(_cpu.Stream, y: logits, x: _x, weight: _weight);
        Sample.Forward(
            _cpu.Stream, tokens: tokens, logProbabilities: logProbabilities, logits: logits, uniforms: New(DType.F32, Rows),
            new SampleSettings { Temperature = 0, TopK = 0, TopP = 1 });

        Tensor losses = Random(Rows);
        LossHead.Forward(
            _cpu.Stream, losses: losses, x: _x, weight: _weight, trainedRows: Integers([.. Enumerable.Range(0, Rows)]), labels: tokens,
            workspace: New(DType.F32, (int)LossHead.WorkspaceElements(Rows, Channels, Vocabulary)));
        for (int n = 0; n < Rows; n++)
        {
            Assert.Equal(-logProbabilities.AsSpan<float>()[n], losses.AsSpan<float>()[n]);
        }
    }

    [Fact]
    public void A_token_has_the_same_bits_alone()
    {
        Result all = Run(LossHead.WorkspaceElements(Trained, Channels, Vocabulary));
        for (int m = 0; m < Trained; m++)
        {
            int row = _trainedRows.AsSpan<int>()[m];
            Tensor loss = Random(1);
            Tensor dx = Random(1, Channels);
            LossHead.ForwardBackward(
                _cpu.Stream, losses: loss, dx: dx, dWeightSum: Random(Vocabulary, Channels), x: _x.Rows(row, 1), weight: _weight,
                trainedRows: Integers([0]), labels: _labels.Rows(m, 1), scales: _scales.Rows(m, 1), trainedLaneBounds: Integers([0, 1]),
                workspace: New(DType.F32, (int)LossHead.WorkspaceElements(1, Channels, Vocabulary)));
            Assert.Equal(all.Losses[m], loss.AsSpan<float>()[0]);
            Assert.Equal(all.Dx.AsSpan(row * Channels, Channels), dx.AsSpan<float>());
        }
    }

    [Fact]
    public void Rows_that_are_not_trained_get_no_gradient()
    {
        Result result = Run(LossHead.WorkspaceElements(Trained, Channels, Vocabulary));
        foreach (int row in (int[])[1, 5, 9])
        {
            Assert.All(result.Dx[(row * Channels)..((row + 1) * Channels)], value => Assert.Equal(0f, value));
        }
    }

    [Fact]
    public void A_word_that_is_impossible_does_not_spoil_the_others_and_nan_stays_nan()
    {
        _weight.Rows(1400, 1).AsSpan<float>().Fill(float.NegativeInfinity);
        _x.AsSpan<float>().Fill(0.5f);
        Assert.All(Run(LossHead.WorkspaceElements(Trained, Channels, Vocabulary)).Losses, loss => Assert.True(float.IsFinite(loss)));

        _x.AsSpan<float>()[0] = float.NaN;
        float[] losses = Run(LossHead.WorkspaceElements(Trained, Channels, Vocabulary)).Losses;
        Assert.True(float.IsNaN(losses[0]));
        Assert.All(losses[1..], loss => Assert.True(float.IsFinite(loss)));
    }

    [Theory]
    [InlineData(-100)]
    [InlineData(Vocabulary)]
    public void A_label_outside_the_vocabulary_is_named(int label)
    {
        _labels.AsSpan<int>()[3] = label;
        ArgumentException failure = Assert.Throws<ArgumentException>(() => Run(LossHead.WorkspaceElements(Trained, Channels, Vocabulary)));
        Assert.Contains($"row 4 (trained token 3) has label {label}", failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Steady_state_allocates_no_managed_memory()
    {
        Tensor losses = Random(Trained);
        Tensor dx = Random(Rows, Channels);
        Tensor sum = Random(Vocabulary, Channels);
        Tensor workspace = New(DType.F32, (int)LossHead.WorkspaceElements(Trained, Channels, Vocabulary));
        Step(losses, dx, sum, workspace);
        long managed = GC.GetAllocatedBytesForCurrentThread();
        Step(losses, dx, sum, workspace);
        Assert.Equal(managed, GC.GetAllocatedBytesForCurrentThread());
    }

    private Result Run(long workspaceElements)
    {
        Tensor losses = Random(Trained);
        Tensor dx = Random(Rows, Channels);
        Tensor sum = New(DType.F32, Vocabulary, Channels);
        Step(losses, dx, sum, New(DType.F32, (int)workspaceElements));
        return new Result(losses.AsSpan<float>().ToArray(), dx.AsSpan<float>().ToArray(), sum.AsSpan<float>().ToArray());
    }

    private void Step(Tensor losses, Tensor dx, Tensor sum, Tensor workspace) => LossHead.ForwardBackward(
        _cpu.Stream, losses: losses, dx: dx, dWeightSum: sum, x: _x, weight: _weight, trainedRows: _trainedRows, labels: _labels,
        scales: _scales, trainedLaneBounds: _lanes, workspace: workspace);

    private Tensor Random(params int[] extents)
    {
        Tensor tensor = New(DType.F32, extents);
        Random random = new(_memory.Count);
        foreach (ref float value in tensor.AsSpan<float>())
        {
            value = (2 * random.NextSingle()) - 1;
        }

        return tensor;
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

    private sealed record Result(float[] Losses, float[] Dx, float[] DWeightSum);
}
