using Camels.Kernels.Ops;
using Camels.Testing;
using Xunit;

namespace Camels.Kernels.Tests.Emulated;

/// <summary>What goes element by element, or block by block, has the bits of the CPU: the same operations, each rounded alike.</summary>
public class CpuBitTests
{
    private static readonly DType[] _types = [DType.F32, DType.BF16, DType.F16];

    public static TheoryData<int> Sizes => [1, 63, 65, 443, BlockCodes.BlockElements, (3 * BlockCodes.BlockElements) + 17, 64 * 600];

    [Theory]
    [InlineData("AdamW")]
    [InlineData("Add")]
    [InlineData("BlockCodes")]
    [InlineData("Cast")]
    [InlineData("Dropout")]
    [InlineData("Nf4")]
    [InlineData("Relu")]
    [InlineData("Sgd")]
    public void Kernels_have_the_bits_of_the_cpu(string op)
    {
        using Device cpu = Device.OpenCpu(threads: 2);
        using Device emulated = Device.OpenEmulated();
        foreach (OpCase opCase in OpCases.All[op]())
        {
            foreach (DType dtype in _types)
            {
                OpChecks.GivesEqualBits(opCase, cpu, emulated, dtype);
            }
        }
    }

    [Theory]
    [MemberData(nameof(Sizes))]
    public void Random_rounding_does_too(int elements) => AssertEqual(tensors =>
    {
        Tensor x = tensors.Normal(new Random(elements), DType.F32, elements);
        Tensor y = tensors.New(DType.BF16, elements);
        Cast.Stochastic(tensors.Stream, y: y, x: x, seed: 5, firstElement: 3);
        return [y];
    });

    [Theory]
    [MemberData(nameof(Sizes))]
    public void Quantising_weights_does_too(int elements)
    {
        foreach (DType dtype in _types)
        {
            AssertEqual(tensors =>
            {
                int blocks = Nf4.Blocks(elements);
                Tensor x = tensors.Normal(new Random(elements), dtype, elements);
                HostTransfer.Zero(tensors.Stream, new Tensor(x.Address, dtype, new Shape(Math.Min(70, elements))));
                Tensor codes = tensors.New(DType.U8, Nf4.CodeBytes(elements));
                Tensor absmax = tensors.New(DType.F32, blocks);
                Tensor scales = tensors.New(DType.U8, blocks);
                Tensor nestedScales = tensors.New(DType.F32, Nf4.NestedBlocks(blocks));
                Tensor offset = tensors.New(DType.F32, 1);
                Nf4.Quantize(tensors.Stream, codes: codes, absmax: absmax, x: x);
                Nf4.QuantizeScales(tensors.Stream, scales: scales, nestedScales: nestedScales, offset: offset, absmax: absmax);
                return [codes, absmax, scales, nestedScales, offset];
            });
        }
    }

    [Theory]
    [MemberData(nameof(Sizes))]
    public void Steps_of_narrow_moments_do_too(int elements)
    {
        foreach (DType dtype in _types)
        {
            AssertEqual(tensors => Step(tensors, dtype, DType.BF16, elements));
            AssertEqual(tensors => Step(tensors, dtype, DType.U8, elements));
        }
    }

    /// <summary>Every code of both tables, which the kernels compute for themselves.</summary>
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Codes_stand_for_the_same_values(bool isSigned) => AssertEqual(tensors =>
    {
        Tensor codes = tensors.Of(DType.U8, Enumerable.Range(0, 256).Select(i => (byte)i).ToArray());
        Tensor x = tensors.New(DType.F32, 256);
        Tensor back = tensors.New(DType.U8, 256);
        Tensor scales = tensors.Of(1f);
        BlockCodes.Decode(tensors.Stream, x: x, codes: codes, scales: scales, isSigned);
        BlockCodes.Encode(tensors.Stream, codes: back, scales: scales, x: x, isSigned);
        Assert.Equal(tensors.Read<byte>(codes), tensors.Read<byte>(back));
        return [x];
    });

    private static Tensor[] Step(TestTensors tensors, DType dtype, DType narrow, int elements)
    {
        int blocks = narrow == DType.U8 ? BlockCodes.Blocks(elements) : 0;
        Random random = new(elements);
        Tensor master = tensors.Normal(random, DType.F32, elements);
        Tensor weight = dtype == DType.F32 ? master : tensors.New(dtype, elements);
        Tensor first = tensors.New(narrow, elements);
        Tensor second = tensors.New(narrow, elements);
        Tensor firstScales = tensors.New(DType.F32, blocks);
        Tensor secondScales = tensors.New(DType.F32, blocks);
        Tensor workspace = tensors.New(DType.F32, AdamW.NarrowWorkspaceElements(tensors.Device));
        NarrowMoments moments = blocks == 0 ? new(first, second, default, default) : new(first, second, firstScales, secondScales);
        for (int step = 1; step <= 3; step++)
        {
            Tensor gradient = tensors.Normal(random, DType.F32, elements);
            AdamW.UpdateNarrow(tensors.Stream, weight, master, moments, gradient, workspace, seed: (uint)step, new AdamWSettings
            {
                LearningRate = 0.01,
                Beta1 = 0.9,
                Beta2 = 0.95,
                Epsilon = 1e-8,
                WeightDecay = 0.1,
                GradientScale = 0.3,
                Step = step,
            });
            Assert.All(tensors.Values(gradient), g => Assert.Equal(0, g));
        }

        return [weight, master, first, second, firstScales, secondScales];
    }

    private static void AssertEqual(Func<TestTensors, Tensor[]> work)
    {
        using Device cpu = Device.OpenCpu(threads: 2);
        using Device emulated = Device.OpenEmulated("sm_80", new PtxOptions { ChecksRaces = true });
        using TestTensors ofCpu = new(cpu);
        using TestTensors ofEmulated = new(emulated);
        Tensor[] expected = work(ofCpu);
        Tensor[] actual = work(ofEmulated);
        for (int i = 0; i < expected.Length; i++)
        {
            Assert.True(ofCpu.Read<byte>(expected[i]).AsSpan().SequenceEqual(ofEmulated.Read<byte>(actual[i])), $"tensor {i}, {expected[i]}, differs");
        }
    }
}
