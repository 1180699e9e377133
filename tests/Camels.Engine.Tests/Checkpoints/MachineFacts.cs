using System.ComponentModel;
using System.Diagnostics;
using Xunit;

namespace Camels.Engine.Tests.Checkpoints;

/// <summary>A test that needs a program of the system; where it does not work, the test is shown as skipped, with the reason.</summary>
public sealed class ToolFactAttribute : FactAttribute
{
    public ToolFactAttribute(string program, string probe) =>
        Skip = Tool.Succeeds(program, probe) ? null : $"needs {program}, which does not run on this machine";
}

/// <summary>A test that mounts a small disk of its own.</summary>
public sealed class TmpfsFactAttribute : FactAttribute
{
    private const string NeedsMount = "needs the right to mount a tmpfs, as root has";

    public TmpfsFactAttribute()
    {
        try
        {
            new Tmpfs(megabytes: 1).Dispose();
        }
        catch (IOException)
        {
            Skip = NeedsMount;
        }
    }
}

/// <summary>A disk in memory, as small as a test wants it.</summary>
public sealed class Tmpfs : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public Tmpfs(int megabytes)
    {
        if (!Tool.Succeeds("mount", "-t", "tmpfs", "-o", $"size={megabytes}m", "camels-test", _folder.Path))
        {
            _folder.Dispose();
            throw new IOException("cannot mount a tmpfs");
        }
    }

    public string Path => _folder.Path;

    public void Dispose()
    {
        Tool.Succeeds("umount", _folder.Path);
        _folder.Dispose();
    }
}

internal static class Tool
{
    public static bool Succeeds(string program, params string[] arguments)
    {
        try
        {
            using Process process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true })!;
            process.StandardOutput.ReadToEnd();
            process.WaitForExit();
            return process.ExitCode == 0;
        }
        catch (Win32Exception)
        {
            return false;
        }
    }
}
