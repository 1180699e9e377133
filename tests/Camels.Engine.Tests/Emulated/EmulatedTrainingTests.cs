using System.Runtime.InteropServices;
using Camels.Engine.Layers;
using Camels.Engine.Models;
using Camels.Engine.Parameters;
using Camels.Engine.Tests.Models;
using Camels.Engine.Training;
using Camels.Kernels;
using Xunit;

namespace Camels.Engine.Tests.Emulated;

/// <summary>Training through the GPU's kernels and launches, run on the processor: the same engine, the same numbers, the same promises.</summary>
public class EmulatedTrainingTests
{
    /// <summary>
    /// Over 20 steps the losses stay as close to double precision as those of the cpu and of plain code, the larger of the two errors twice.
    /// </summary>
    [Theory]
    [InlineData("fp32", "sm_80")]
    [InlineData("bf16", "sm_90a")]
    public void Training_follows_the_cpu(string precisionName, string target)
    {
        const int Steps = 20;
        Precision precision = precisionName == "bf16" ? Precision.Bf16 : Precision.Fp32;
        double[] truth = Losses(Device.OpenReference(), Precision.Fp64, Steps);
        double plain = Largest(truth, Losses(Device.OpenPlain(), precision, Steps));
        double cpu = Largest(truth, Losses(Device.OpenCpu(threads: 2), precision, Steps));
        double emulated = Largest(truth, Losses(Device.OpenEmulated(target), precision, Steps));
        Assert.True(emulated <= 2 * Math.Max(plain, cpu), $"off by {emulated:E3}; the cpu by {cpu:E3}, plain code by {plain:E3}");
        Assert.True(truth[^1] < 0.9 * truth[0], $"nothing was learned: {truth[0]} to {truth[^1]}");
    }

    [Theory]
    [InlineData("llama", "fp32")]
    [InlineData("llama tied", "bf16")]
    [InlineData("opt with dropout", "bf16")]
    [InlineData("neox parallel", "fp32")]
    public void Schedules_lanes_per_call_and_recomputing_do_not_change_a_bit(string model, string precisionName)
    {
        byte[] expected = Train(model, precisionName, seed: 1, lanesPerCall: 0, recompute: false);
        Assert.Equal(expected, Train(model, precisionName, seed: 2, lanesPerCall: 0, recompute: false));
        Assert.Equal(expected, Train(model, precisionName, seed: 3, lanesPerCall: 1, recompute: false));
        Assert.Equal(expected, Train(model, precisionName, seed: 4, lanesPerCall: 2, recompute: true));
    }

    [Fact]
    public void A_step_allocates_no_device_memory()
    {
        using Device device = Device.OpenEmulated("sm_90a");
        using ILanguageModel model = TinyLlama.Create(device, Precision.Bf16);
        using Trainer trainer = NewTrainer(model, device, lanesPerCall: 2, recompute: false);
        _ = trainer.Step();
        (long allocations, long launches) = device.EmulatedCounts;
        for (int step = 0; step < 3; step++)
        {
            _ = trainer.Step();
        }

        Assert.Equal(allocations, device.EmulatedCounts.Allocations);
        Assert.NotEqual(launches, device.EmulatedCounts.Launches);
    }

    /// <summary>Rows of one length: from the second step on a pass is given as a whole, but for a step of fewer rows.</summary>
    [Fact]
    public void Recorded_passes_have_the_bits_of_launched_ones()
    {
        byte[] recorded = TrainOnEqualRows(isNeverRecorded: false, out long fewer);
        byte[] launched = TrainOnEqualRows(isNeverRecorded: true, out long more);
        Assert.Equal(launched, recorded);
        Assert.True(fewer < more, $"{fewer} launches, {more} without recording");
    }

    private static byte[] TrainOnEqualRows(bool isNeverRecorded, out long launches)
    {
        using Device device = Device.OpenEmulated("sm_90a");
        using ILanguageModel model = TinyLlama.Create(device, Precision.Bf16);
        Random random = new(6);
        byte[] trained = [.. Enumerable.Range(0, 12).Select(t => (byte)(t > 4 ? 1 : 0))];
        IEnumerable<TestDocument> documents = [.. Enumerable.Range(0, 40).Select(_ => new TestDocument([.. trained.Select(_ => random.Next(3, 53))], trained))];
        TestRows rows = new(documents, documentsPerRow: 2, batchSize: 4);
        using Trainer trainer = new(model, device, new TrainerSettings(TinyLlama.Recipe(4), Lanes: 4, LanesPerCall: 0, Steps: 20), rows, sources: 2);
        Pass quiet = trainer.Pass;
        Pass observed = new(quiet.Stream, quiet.Arena, quiet.Precision, quiet.Batch) { Observer = (_, _) => { } };
        List<byte> bytes = [];
        for (int step = 0; step < 5; step++)
        {
            trainer.Pass = isNeverRecorded && step % 2 == 0 ? observed : quiet;
            bytes.AddRange(BitConverter.GetBytes(trainer.Step().Loss));
        }

        foreach (Parameter parameter in trainer.Optimizer.Parameters)
        {
            float[] master = new float[parameter.Elements];
            HostTransfer.ToHost<float>(device.Stream, parameter.Master, master);
            bytes.AddRange(MemoryMarshal.AsBytes<float>(master));
        }

        launches = device.EmulatedCounts.Launches;
        return [.. bytes];
    }

    private static double Largest(double[] truth, double[] losses) =>
        truth.Zip(losses, (expected, actual) => Math.Abs(actual - expected)).Max();

    private static double[] Losses(Device device, Precision precision, int steps)
    {
        using (device)
        {
            using ILanguageModel model = TinyLlama.Create(device, precision);
            using Trainer trainer = NewTrainer(model, device, lanesPerCall: 0, recompute: false, batchSize: 2);
            return [.. Enumerable.Range(0, steps).Select(_ => trainer.Step().Loss)];
        }
    }

    // The bytes of every loss, norm and master after a few steps.
    private static byte[] Train(string name, string precisionName, int seed, int lanesPerCall, bool recompute)
    {
        Precision precision = precisionName == "bf16" ? Precision.Bf16 : Precision.Fp32;
        using Device device = Device.OpenEmulated("sm_80", seed);
        using ILanguageModel model = TinyModels.Create(name, device, precision);
        using Trainer trainer = NewTrainer(model, device, lanesPerCall, recompute);
        List<byte> bytes = [];
        for (int step = 0; step < 2; step++)
        {
            StepResult result = trainer.Step();
            Assert.True(result.IsFinite, $"step {result.Step} is not finite");
            bytes.AddRange(BitConverter.GetBytes(result.Loss));
            bytes.AddRange(BitConverter.GetBytes(result.GradientNorm));
        }

        foreach (Parameter parameter in trainer.Optimizer.Parameters)
        {
            float[] master = new float[parameter.Elements];
            HostTransfer.ToHost<float>(device.Stream, parameter.Master, master);
            bytes.AddRange(MemoryMarshal.AsBytes<float>(master));
        }

        return [.. bytes];
    }

    private static Trainer NewTrainer(ILanguageModel model, Device device, int lanesPerCall, bool recompute, int batchSize = 4)
    {
        TestRows rows = new(TinyLlama.Documents(count: 24, longest: 24), documentsPerRow: 2, batchSize);
        return new Trainer(model, device, new TrainerSettings(TinyLlama.Recipe(batchSize), Lanes: 4, lanesPerCall, Steps: 20, recompute), rows, sources: 2);
    }
}
