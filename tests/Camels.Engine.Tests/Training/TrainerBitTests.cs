using Camels.Engine.Tests.Models;
using Xunit;

namespace Camels.Engine.Tests.Training;

/// <summary>What must not change a bit of a training run, in every family and precision: threads, lanes per call, recomputation, resuming.</summary>
public class TrainerBitTests
{
    [Theory]
    [MemberData(nameof(TinyModels.MainInEveryPrecision), MemberType = typeof(TinyModels))]
    public void Threads_lanes_per_call_recomputing_and_resuming_do_not_change_a_bit(string model, string precision)
    {
        ToyRun run = new(model, precision);
        byte[] expected = run.Bytes();
        foreach (ToyRun other in (ToyRun[])
            [
                run with { Threads = 1 }, run with { LanesPerCall = 1 }, run with { LanesPerCall = 2 }, run with { Recompute = true },
                run with { LanesPerCall = 2, Recompute = true }, run with { ResumesEveryStep = true },
            ])
        {
            Assert.True(expected.AsSpan().SequenceEqual(other.Bytes()), $"{other} changes bits");
        }
    }

    [Fact]
    public void Another_seed_gives_another_result()
    {
        ToyRun run = new("llama tied", "fp32");
        Assert.NotEqual(run.Bytes(), (run with { Seed = 8 }).Bytes());
    }
}
