using Camels.Cli.Quickstart;
using Camels.Kernels;
using Xunit;

namespace Camels.Cli.Tests;

public sealed class QuickstartTasksTests
{
    private const ulong Seed = 42;

    [Fact]
    public void Held_out_prompts_are_not_in_the_training_set()
    {
        IReadOnlyList<QuickstartExample> heldOut = QuickstartTasks.HeldOut(examplesPerTask: 200, Seed);
        QuickstartExample[] training = [.. QuickstartTasks.Training(examples: 80_000, heldOut, Seed)];
        HashSet<string> trained = [.. training.Select(example => example.Prompt)];
        Assert.Equal(80_000, trained.Count);
        Assert.DoesNotContain(heldOut, example => trained.Contains(example.Prompt));
        Assert.True(QuickstartTasks.All.Count >= 15);
        Assert.All(QuickstartTasks.All, task => Assert.Equal(200, heldOut.Count(example => example.Task == task.Name)));
        Assert.All(QuickstartTasks.All, task => Assert.InRange(training.Count(example => example.Task == task.Name), 2000, 10_000));
    }

    [Fact]
    public void The_answer_depends_on_the_prompt()
    {
        foreach (IGrouping<string, QuickstartExample> task in QuickstartTasks.HeldOut(examplesPerTask: 200, Seed).GroupBy(example => example.Task))
        {
            int commonest = task.CountBy(example => example.Answer).Max(answer => answer.Value);
            Assert.True(commonest <= 60, $"{task.Key}: always answering the same is right {commonest} times of 200");
        }
    }

    [Fact]
    public void A_device_for_looking_gets_a_taste()
    {
        using Device reference = Device.OpenReference();
        using Device cpu = Device.OpenCpu(threads: 1);
        Assert.InRange(QuickstartScale.Of(reference).Steps, 1, 10);
        Assert.True(QuickstartScale.Of(cpu).Learns);
    }

    [Fact]
    public void A_seed_gives_the_same_examples()
    {
        IReadOnlyList<QuickstartExample> heldOut = QuickstartTasks.HeldOut(examplesPerTask: 3, Seed);
        Assert.Equal(heldOut, QuickstartTasks.HeldOut(examplesPerTask: 3, Seed));
        Assert.Equal(QuickstartTasks.Training(50, heldOut, Seed), QuickstartTasks.Training(50, heldOut, Seed));
        Assert.NotEqual(heldOut, QuickstartTasks.HeldOut(examplesPerTask: 3, Seed + 1));
    }
}
