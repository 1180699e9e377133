using Camels.Kernels;
using Xunit;

namespace Camels.Testing;

/// <summary>The checks that every case of every operator must pass.</summary>
public static class OpChecks
{
    private const int ProbedElements = 24;

    // The largest error of a handful of numbers is a matter of luck, for plain code as for ours: small cases take it over several draws.
    private const int SmallElements = 1024;
    private const int SeedsOfSmallCases = 16;

    /// <summary>
    /// The error of <paramref name="device"/> against double precision is at most twice that of plain code in the same type, or twice the
    /// rounding of the largest result where plain code happens to be exact. NaN-poisoned outputs and guards are checked on the way.
    /// </summary>
    public static void AgreesWithReference(OpCase opCase, Device device, DType dtype)
    {
        using Device reference = Device.OpenReference();
        using Device plain = Device.OpenPlain();
        Dictionary<string, (double Error, double PlainError, double Largest)> worst = Compared(opCase).ToDictionary(t => t.Name, _ => (0.0, 0.0, 0.0));
        int seeds = opCase.Tensors.Max(t => new Shape(t.Extents).Elements) < SmallElements ? SeedsOfSmallCases : 1;
        for (int seed = 1; seed <= seeds; seed++)
        {
            using OpRun truth = RunAll(opCase, reference, DType.F64, dtype, seed);
            using OpRun yardstick = RunAll(opCase, plain, dtype, dtype, seed);
            using OpRun actual = RunAll(opCase, device, dtype, dtype, seed);
            foreach ((string name, (double error, double plainError, double largest)) in worst)
            {
                double[] expected = truth.Values(name);
                worst[name] = (
                    Math.Max(error, LargestError(actual.Values(name), expected)),
                    Math.Max(plainError, LargestError(yardstick.Values(name), expected)),
                    Math.Max(largest, expected.Length == 0 ? 0 : expected.Max(Math.Abs)));
            }
        }

        foreach ((string name, (double error, double plainError, double largest)) in worst)
        {
            OpRole role = opCase.Find(name).Role;
            DType stored = role is OpRole.Statistic or OpRole.GradientSum or OpRole.State ? DTypes.StatisticsOf(dtype) : dtype;
            double tolerance = 2 * Math.Max(plainError, Numbers.HalfUlp(stored) * largest);
            Assert.True(
                error <= tolerance,
                $"{opCase} {dtype} {device.Name} ({CpuPath.Name}): {name} is off by {error:E3}, plain code by {plainError:E3}, "
                + $"largest value {largest:E3}, tolerance {tolerance:E3}");
        }
    }

    /// <summary>The backward agrees with central differences of the forward, in double precision on the reference device.</summary>
    public static void AgreesWithFiniteDifferences(OpCase opCase)
    {
        if (opCase.Backward is null || !opCase.HasFiniteDifferences)
        {
            return;
        }

        using Device reference = Device.OpenReference();
        using OpRun start = RunAll(opCase, reference, DType.F64, DType.F64);
        using OpRun moved = new(opCase, reference, DType.F64, DType.F64);
        foreach (OpTensor gradient in opCase.Tensors.Where(t => t.Role is OpRole.Gradient or OpRole.GradientSum))
        {
            double[] analytic = start.Values(gradient.Name);
            if (gradient.Role == OpRole.GradientSum)
            {
                using OpRun untouched = new(opCase, reference, DType.F64, DType.F64);
                double[] initial = untouched.Values(gradient.Name);
                analytic = [.. analytic.Zip(initial, (after, before) => after - before)];
            }

            double scale = Math.Max(1e-3, analytic.Length == 0 ? 0 : analytic.Max(Math.Abs));
            foreach (long i in Probed(analytic.Length))
            {
                double numeric = CentralDifference(moved, gradient.Of!, i);
                Assert.True(
                    Math.Abs(numeric - analytic[i]) <= 1e-6 * scale,
                    $"{opCase}: {gradient.Name}[{i}] is {analytic[i]:E6}, finite differences give {numeric:E6}");
            }
        }
    }

    /// <summary>One and several threads, and two runs, give the same bits.</summary>
    public static void IsRepeatable(OpCase opCase, DType dtype)
    {
        using Device one = Device.OpenCpu(threads: 1);
        using Device two = Device.OpenCpu(threads: 2);
        using OpRun first = RunAll(opCase, one, dtype, dtype);
        foreach (Device device in (Device[])[two, two])
        {
            using OpRun second = RunAll(opCase, device, dtype, dtype);
            foreach (OpTensor tensor in Compared(opCase))
            {
                Assert.True(
                    first.Bytes(tensor.Name).AsSpan().SequenceEqual(second.Bytes(tensor.Name)),
                    $"{opCase} {dtype}: {tensor.Name} differs between 1 and {device.Workers.Count} threads");
            }
        }
    }

    private static IEnumerable<OpTensor> Compared(OpCase opCase) => opCase.Tensors.Where(
        t => t.Role is OpRole.Output or OpRole.Statistic or OpRole.Gradient or OpRole.GradientSum or OpRole.State);

    private static OpRun RunAll(OpCase opCase, Device device, DType dtype, DType valuesOf, int seed = 1)
    {
        OpRun run = new(opCase, device, dtype, valuesOf, seed);
        run.RunForward();
        if (opCase.Backward is not null)
        {
            run.RunBackward();
        }

        run.CheckGuards();
        return run;
    }

    private static double LargestError(double[] actual, double[] expected)
    {
        double largest = 0;
        for (int i = 0; i < expected.Length; i++)
        {
            double error = Math.Abs(actual[i] - expected[i]);
            if (actual[i].Equals(expected[i]))
            {
                continue;                    // equal infinities too
            }

            largest = double.IsNaN(error) ? double.PositiveInfinity : Math.Max(largest, error);
        }

        return largest;
    }

    private static IEnumerable<long> Probed(int length)
    {
        int step = Math.Max(1, length / ProbedElements);
        for (long i = 0; i < length; i += step)
        {
            yield return i;
        }
    }

    // d/dx of the sum over all outputs of output * upstream.
    private static double CentralDifference(OpRun run, string input, long element)
    {
        const double Step = 1e-5;
        return (Objective(run, input, element, Step) - Objective(run, input, element, -Step)) / (2 * Step);
    }

    private static double Objective(OpRun run, string input, long element, double step)
    {
        double unmoved = Numbers.Read(run[input], element);
        Numbers.Write(run[input], element, unmoved + step);
        run.RunForward();
        Numbers.Write(run[input], element, unmoved);
        double sum = 0;
        foreach (OpTensor upstream in run.Case.Tensors.Where(t => t.Role == OpRole.Upstream))
        {
            double[] output = run.Values(upstream.Of!);
            double[] weight = run.Values(upstream.Name);
            for (int i = 0; i < output.Length; i++)
            {
                sum += output[i] * weight[i];
            }
        }

        return sum;
    }
}
