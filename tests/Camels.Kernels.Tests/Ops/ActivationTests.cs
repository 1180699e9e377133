using Camels.Kernels.Ops;
using Camels.Testing;
using Xunit;

namespace Camels.Kernels.Tests.Ops;

/// <summary>SwiGlu, Gelu and Relu at numbers that random inputs do not reach.</summary>
[Trait("Category", "Paths")]
public class ActivationTests
{
    // Nine of them: a vector and a scalar tail at any width.
    private static readonly float[] _extremes =
        [-3e38f, -1000, -89, -1e-40f, 0, 1e-40f, 89, 1000, 3e38f];

    [Theory]
    [InlineData("cpu")]
    [InlineData("emulated")]
    public void Silu_neither_overflows_nor_loses_large_numbers(string deviceName)
    {
        float[] expected = [-0f, -0f, -89 * MathF.Exp(-89), -0f, 0, 0, 89, 1000, 3e38f];
        float[] hidden = Run(deviceName, (device, tensors, x, y) => SwiGlu.Forward(device.Stream, hidden: y, gated: x, raised: Ones(tensors)));
        AssertClose(expected, hidden);
    }

    [Theory]
    [InlineData("cpu")]
    [InlineData("emulated")]
    public void The_gradient_of_silu_is_finite_everywhere(string deviceName)
    {
        float[] expected = [0, 0, -88 * MathF.Exp(-89), 0.5f, 0.5f, 0.5f, 1, 1, 1];
        float[] dGated = Run(deviceName, (device, tensors, x, y) => SwiGlu.Backward(
            device.Stream, dGated: y, dRaised: tensors.New(DType.F32, 9), dHidden: Ones(tensors), gated: x, raised: Ones(tensors)));
        AssertClose(expected, dGated);
    }

    [Theory]
    [InlineData("cpu")]
    [InlineData("emulated")]
    public void Gelu_and_its_gradient_are_finite_everywhere(string deviceName)
    {
        float[] gelu = Run(deviceName, (device, _, x, y) => Gelu.Forward(device.Stream, y: y, x: x));
        float[] gradient = Run(deviceName, (device, tensors, x, y) => Gelu.Backward(device.Stream, dx: y, dy: Ones(tensors), x: x));
        AssertClose([0, 0, 0, 0, 0, 0, 89, 1000, 3e38f], gelu);
        AssertClose([0, 0, 0, 0.5f, 0.5f, 0.5f, 1, 1, 1], gradient);
    }

    /// <summary>In a vector or in a scalar tail: a result must not depend on how many elements stand beside it.</summary>
    [Theory]
    [InlineData("cpu")]
    [InlineData("emulated")]
    public void An_element_has_the_same_bits_alone_and_among_others(string deviceName)
    {
        const int Elements = 64;
        using Device device = TestTensors.Open(deviceName);
        using TestTensors tensors = new(device);
        Tensor x = tensors.Of([.. Enumerable.Range(0, Elements).Select(i => (i * 0.37f) - 12)]);
        Tensor other = tensors.Normal(new Random(1), DType.F32, Elements);
        Tensor second = tensors.New(DType.F32, Elements);
        foreach (Action<Tensor, Tensor, Tensor> run in (Action<Tensor, Tensor, Tensor>[])[
            (y, x, _) => Gelu.Forward(device.Stream, y: y, x: x), (y, x, dy) => Gelu.Backward(device.Stream, dx: y, dy: dy, x: x),
            (y, x, raised) => SwiGlu.Forward(device.Stream, hidden: y, gated: x, raised: raised),
            (y, x, raised) => SwiGlu.Backward(
                device.Stream, dGated: y, dRaised: second.Rows(0, y.Shape[0]), dHidden: raised, gated: x, raised: raised)])
        {
            Tensor together = tensors.New(DType.F32, Elements);
            Tensor alone = tensors.New(DType.F32, Elements);
            run(together, x, other);
            for (int i = 0; i < Elements; i++)
            {
                run(alone.Rows(i, 1), x.Rows(i, 1), other.Rows(i, 1));
            }

            Assert.Equal(tensors.Read<int>(together), tensors.Read<int>(alone));
        }
    }

    [Theory]
    [InlineData("cpu")]
    [InlineData("emulated")]
    public void NaN_stays_NaN(string deviceName)
    {
        using Device device = TestTensors.Open(deviceName);
        using TestTensors tensors = new(device);
        Tensor x = tensors.Of([.. Enumerable.Repeat(float.NaN, 9)]);
        Tensor y = tensors.New(DType.F32, 9);
        foreach (Action forward in (Action[])[
            () => Gelu.Forward(device.Stream, y: y, x: x), () => Relu.Forward(device.Stream, y: y, x: x),
            () => SwiGlu.Forward(device.Stream, hidden: y, gated: x, raised: Ones(tensors)),
            () => Gelu.Backward(device.Stream, dx: y, dy: Ones(tensors), x: x)])
        {
            tensors.Fill(y, 0);
            forward();
            Assert.All(tensors.Read<float>(y), value => Assert.True(float.IsNaN(value)));
        }
    }

    /// <summary>x * P(x) with P through the complementary error function, to a few units in the last place in the lower tail too.</summary>
    [Theory]
    [InlineData("cpu")]
    [InlineData("emulated")]
    public void Gelu_keeps_its_relative_accuracy_in_the_lower_tail(string deviceName)
    {
        float[] inputs = [.. Enumerable.Range(0, 24_000).Select(i => -12f + (i * 0.001f))];
        using Device device = TestTensors.Open(deviceName);
        using TestTensors tensors = new(device);
        Tensor y = tensors.New(DType.F32, inputs.Length);
        Gelu.Forward(device.Stream, y: y, x: tensors.Of(inputs));
        float[] results = tensors.Read<float>(y);
        for (int i = 0; i < inputs.Length; i++)
        {
            double expected = inputs[i] * (inputs[i] < 0 ? Tail(-inputs[i]) : 1 - Tail(inputs[i]));
            Assert.InRange(
                Math.Abs(results[i] - expected), 0, 4 * Numbers.HalfUlp(DType.F32) * 2 * Math.Abs(expected));
        }
    }

    // The normal distribution's upper tail, t ≥ 0: below 3 from the series of the distribution, above as a continued fraction.
    private static double Tail(double t)
    {
        double density = Math.Exp(-t * t / 2) / Math.Sqrt(2 * Math.PI);
        if (t < 3)
        {
            double term = t;
            double sum = 0;
            for (int odd = 3; sum + term != sum; odd += 2)
            {
                sum += term;
                term *= t * t / odd;
            }

            return 0.5 - (density * sum);
        }

        double fraction = t;
        for (int k = 200; k >= 1; k--)
        {
            fraction = t + (k / fraction);
        }

        return density / fraction;
    }

    private static float[] Run(string deviceName, Action<Device, TestTensors, Tensor, Tensor> run)
    {
        using Device device = TestTensors.Open(deviceName);
        using TestTensors tensors = new(device);
        Tensor y = tensors.New(DType.F32, 9);
        run(device, tensors, tensors.Of(_extremes), y);
        return tensors.Read<float>(y);
    }

    private static Tensor Ones(TestTensors tensors) => tensors.Of([.. Enumerable.Repeat(1f, 9)]);

    private static void AssertClose(float[] expected, float[] actual)
    {
        for (int i = 0; i < expected.Length; i++)
        {
            Assert.InRange(actual[i], expected[i] - (1e-6 * Math.Abs(expected[i])) - 1e-39, expected[i] + (1e-6 * Math.Abs(expected[i])) + 1e-39);
        }
    }
}
