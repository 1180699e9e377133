using System.Text.RegularExpressions;
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
        GivesEqualBits(opCase, one, two, dtype);
        GivesEqualBits(opCase, two, two, dtype);
    }

    /// <summary>Two devices, or two runs on one, give the same bits.</summary>
    public static void GivesEqualBits(OpCase opCase, Device first, Device second, DType dtype)
    {
        using OpRun expected = RunAll(opCase, first, dtype, dtype);
        using OpRun actual = RunAll(opCase, second, dtype, dtype);
        foreach (OpTensor tensor in Compared(opCase))
        {
            Assert.True(
                expected.Bytes(tensor.Name).AsSpan().SequenceEqual(actual.Bytes(tensor.Name)),
                $"{opCase} {dtype}: {tensor.Name} differs between {Describe(first)} and {Describe(second)}");
        }
    }

    /// <summary>Writing an output over an input, where the operator permits it, changes no bit.</summary>
    public static void WorksInPlace(OpCase opCase, Device device, DType dtype)
    {
        foreach ((string output, string input) in opCase.InPlace)
        {
            using OpRun apart = new(opCase, device, dtype, dtype);
            using OpRun inPlace = new(opCase, device, dtype, dtype);
            if (inPlace[output].DType != inPlace[input].DType)
            {
                continue;
            }

            bool isBackward = opCase.Find(output).Role is OpRole.Gradient or OpRole.GradientSum;
            apart.RunForward();
            if (isBackward)
            {
                inPlace.RunForward();
                apart.RunBackward();
            }

            inPlace[output] = inPlace[input];
            (isBackward ? opCase.Backward! : opCase.Forward!)(inPlace);
            inPlace.CheckGuards();
            foreach (OpTensor tensor in Compared(opCase))
            {
                bool isOfBackward = tensor.Role is OpRole.Gradient or OpRole.GradientSum;
                Assert.True(
                    (isOfBackward && !isBackward) || apart.Bytes(tensor.Name).AsSpan().SequenceEqual(inPlace.Bytes(tensor.Name)),
                    $"{opCase} {dtype} {device.Name}: {tensor.Name} changes when {output} is {input}");
            }
        }
    }

    /// <summary>
    /// A tensor of another type or other extents is refused, and the message names that tensor, begins with the one that does not fit it, or
    /// says that the type is wrong. Of the <paramref name="resizable"/> one the operator takes any size.
    /// </summary>
    public static void RefusesMismatches(OpCase opCase, string? resizable)
    {
        using Device reference = Device.OpenReference();
        using Device planning = Device.OpenPlanning();
        foreach (OpTensor tensor in opCase.Tensors)
        {
            using OpRun run = new(opCase, reference, DType.F32, DType.F32);
            run.Stream = planning.Stream;
            Tensor right = run[tensor.Name];
            run[tensor.Name] = new Tensor(right.Address, right.DType == DType.I32 ? DType.F32 : DType.I32, right.Shape);
            AssertRefused(run, tensor);
            if (tensor.Role is not (OpRole.Indices or OpRole.Workspace) && tensor.Name != resizable)
            {
                int[] extents = [.. tensor.Extents];
                extents[^1]++;
                run[tensor.Name] = new Tensor(right.Address, right.DType, new Shape(extents));
                AssertRefused(run, tensor);
            }
        }
    }

    /// <summary>Nothing is allocated on the managed heap once everything is compiled.</summary>
    public static void AllocatesNothing(OpCase opCase, DType dtype)
    {
        using Device one = Device.OpenCpu(threads: 1);      // all work on this thread, whose allocations are counted
        using OpRun run = RunAll(opCase, one, dtype, dtype);
        long before = GC.GetAllocatedBytesForCurrentThread();
        run.RunForward();
        opCase.Backward?.Invoke(run);
        long allocatedBytes = GC.GetAllocatedBytesForCurrentThread() - before;
        Assert.True(allocatedBytes == 0, $"{opCase} {dtype}: {allocatedBytes} bytes were allocated");
    }

    private static void AssertRefused(OpRun run, OpTensor tensor)
    {
        Exception? refusal = Record.Exception(() =>
        {
            run.RunForward();
            run.Case.Backward?.Invoke(run);
        });
        string message = refusal is ArgumentException ? refusal.Message : "";
        Assert.True(
            Names(tensor, message),
            $"{run.Case}: {tensor.Name} as {run[tensor.Name]} is not refused by name, but gives: {refusal?.ToString() ?? "no error"}");
    }

    // An operator takes its type and sizes from one tensor; where that is the changed one, it is the next tensor that does not fit.
    private static bool Names(OpTensor changed, string message) =>
        Regex.IsMatch(message, $@"\b{changed.Name}\b") || Regex.IsMatch(message, @"^(\w+ is \w+ \(|a tensor of I32 |queries need )");

    private static string Describe(Device device) => $"{device.Name} {device.KernelPath} ({device.Workers?.Count ?? 1} threads)";

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
