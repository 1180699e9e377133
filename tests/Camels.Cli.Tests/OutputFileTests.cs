using System.Diagnostics;
using Camels.Engine;
using Camels.Kernels.Interop;
using Xunit;

namespace Camels.Cli.Tests;

/// <summary>What --output names is written as a shell's redirection would write it, and what is no file is left alone.</summary>
public sealed class OutputFileTests
{
    private static string[] Generate(SmallRun small, string prompts, string output) =>
        ["generate", "--model", small.Model, "--prompts", prompts, "--output", output, "--max-new-tokens", "1", "--threads", "1"];

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void A_link_stays_one_and_its_target_is_written(bool isThere)
    {
        using SmallRun small = new();
        string prompts = small.Write("prompts.jsonl", """{"prompt":"a"}""");
        string inner = Directory.CreateDirectory(Path.Combine(small.Root, "far", "inner")).FullName;
        string real = Path.Combine(small.Root, "far", "real.jsonl");
        if (isThere)
        {
            File.WriteAllText(real, "old");
        }

        // Through a link to a folder, where ".." is not the folder that the link is in.
        string folder = Path.Combine(small.Root, "near");
        _ = Directory.CreateSymbolicLink(folder, inner);
        string link = Path.Combine(folder, "link.jsonl");
        _ = File.CreateSymbolicLink(Path.Combine(inner, "second.jsonl"), "../real.jsonl");
        _ = File.CreateSymbolicLink(link, "second.jsonl");

        (ExitCode code, _, string error) = small.Run(Generate(small, prompts, link));
        Assert.True(code == ExitCode.Done, error);
        Assert.Contains("\"completion\"", File.ReadAllText(real), StringComparison.Ordinal);
        Assert.Equal("second.jsonl", new FileInfo(link).LinkTarget);
        Assert.Equal(["inner", "real.jsonl"], Directory.GetFileSystemEntries(Path.Combine(small.Root, "far")).Select(Path.GetFileName).Order());
    }

    [Theory]
    [InlineData("")]
    [InlineData(".partial")]
    public void A_pipe_is_refused_and_not_opened(string suffix)
    {
        using SmallRun small = new();
        string prompts = small.Write("prompts.jsonl", """{"prompt":"a"}""");
        string output = Path.Combine(small.Root, "out");
        string pipe = MakePipe(output + suffix);
        foreach (string[] arguments in (string[][])[Generate(small, prompts, output), Generate(small, prompts, LinkTo(output))])
        {
            (ExitCode code, _, string error) = small.Run(arguments);
            Assert.True(code == ExitCode.Usage, error);
        }

        Assert.Equal(PathKind.Other, PathFacts.KindOf(pipe));
    }

    [Fact]
    public void Measurements_are_not_written_into_a_pipe_or_a_folder()
    {
        using SmallRun small = new();
        string pipe = MakePipe(Path.Combine(small.Root, "pipe"));
        foreach (string output in (string[])[pipe, LinkTo(pipe), small.Root])
        {
            Assert.Equal(ExitCode.Usage, small.Run("bench", "kernels", "--filter", "SumOfSquares", "--threads", "1", "--output", output).Code);
        }
    }

    [Fact]
    public void A_circle_of_links_and_the_prompts_under_another_name_are_refused()
    {
        using SmallRun small = new();
        string prompts = small.Write("out.jsonl.partial", """{"prompt":"a"}""");
        string circle = Path.Combine(small.Root, "circle");
        _ = File.CreateSymbolicLink(circle, "circle");
        Assert.Equal(ExitCode.Usage, small.Run(Generate(small, prompts, circle)).Code);
        Assert.Equal(ExitCode.Usage, small.Run(Generate(small, prompts, LinkTo(prompts))).Code);
        Assert.Equal(ExitCode.Usage, small.Run(Generate(small, prompts, Path.Combine(small.Root, "out.jsonl"))).Code);
        Assert.Equal("""{"prompt":"a"}""", File.ReadAllText(prompts));
    }

    [Fact]
    public void Files_folders_and_devices_are_told_apart()
    {
        using SmallRun small = new();
        Assert.Equal(PathKind.File, PathFacts.KindOf(LinkTo(small.Data)));
        Assert.Equal(PathKind.Folder, PathFacts.KindOf(LinkTo(small.Model)));
        Assert.Equal(PathKind.Nothing, PathFacts.KindOf(LinkTo($"{small.Root}/nowhere")));
        Assert.Equal(PathKind.Nothing, PathFacts.KindOf($"{small.Data}/under a file"));
        Assert.Equal(PathKind.Other, PathFacts.KindOf("/dev/null"));
        Assert.Equal(Path.GetFullPath("relative"), PathFacts.Resolve("relative"));
    }

    private static string LinkTo(string path)
    {
        string link = $"{path}.link";
        _ = File.CreateSymbolicLink(link, path);
        return link;
    }

    private static string MakePipe(string path)
    {
        using Process process = Process.Start("mkfifo", [path]);
        process.WaitForExit();
        return path;
    }
}
