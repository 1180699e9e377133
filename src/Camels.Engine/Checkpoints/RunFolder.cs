using System.Globalization;
using System.Text.Json;

namespace Camels.Engine.Checkpoints;

/// <summary>How a run is doing, for people and scripts that watch it.</summary>
/// <param name="State">starting, running, finished, interrupted or failed.</param>
/// <param name="Step">Optimizer steps done.</param>
/// <param name="Steps">Optimizer steps of the whole run.</param>
/// <param name="Message">What went wrong, or null.</param>
public sealed record RunStatus(string State, long Step, long Steps, string? Message = null);

/// <summary>The folder of one run, locked while this is not disposed. The lock ends with the process, however that ends.</summary>
public sealed class RunFolder : IDisposable
{
    private const string LockName = ".lock";
    private const string StatusName = "status.json";
    private const int MaximumStatusBytes = 1 << 20;
    private readonly FileStream _lock;
    private readonly DateTime _started = DateTime.UtcNow;

    private RunFolder(string path, FileStream exclusive)
    {
        Path = path;
        _lock = exclusive;
    }

    /// <summary>The folder.</summary>
    public string Path { get; }

    /// <summary>The resolved recipe.</summary>
    public string RecipePath => Inside("recipe.yaml");

    /// <summary>One line per optimizer step.</summary>
    public string LogPath => Inside("log.jsonl");

    /// <summary>What the audit of the data found.</summary>
    public string AuditPath => Inside("audit.json");

    /// <summary>The folder of checkpoints.</summary>
    public string CheckpointsPath => Inside("checkpoints");

    /// <summary>The model at the end.</summary>
    public string ModelPath => Inside("model");

    /// <summary>The report.</summary>
    public string ReportPath => Inside("report.html");

    /// <summary>Creates or takes over a run folder and locks it.</summary>
    /// <param name="path">The folder.</param>
    /// <param name="resume">False: a folder with anything in it is refused.</param>
    /// <exception cref="CamelsException">It is in use or not empty (2), or cannot be written (5).</exception>
    public static RunFolder Open(string path, bool resume)
    {
        string full = System.IO.Path.GetFullPath(path);
        bool isForeign = !File.Exists(System.IO.Path.Combine(full, LockName));
        if (File.Exists(full) || (isForeign && !resume && IsUsed(full)))
        {
            throw NotEmpty(path);
        }

        RunFolder run = new(full, Lock(full));
        if (!resume && IsUsed(full))
        {
            run.Dispose();
            throw NotEmpty(path);
        }

        run.WriteStatus(new RunStatus("starting", Step: 0, Steps: 0));
        return run;
    }

    /// <summary>Replaces status.json: readers see the old one or the new one.</summary>
    /// <exception cref="CamelsException">It cannot be written: exit code 5.</exception>
    public void WriteStatus(RunStatus status)
    {
        byte[] json = JsonText.Of(new
        {
            status.State,
            status.Step,
            status.Steps,
            status.Message,
            ProcessId = Environment.ProcessId,
            Host = Environment.MachineName,
            Started = Timestamp(_started),
            Updated = Timestamp(DateTime.UtcNow),
        });
        string path = Inside(StatusName);
        try
        {
            File.WriteAllBytes(path + ".partial", json);
            File.Move(path + ".partial", path, overwrite: true);
        }
        catch (Exception problem) when (problem is IOException or UnauthorizedAccessException)
        {
            throw Unwritable(Path, problem);
        }
    }

    /// <summary>Unlocks the folder.</summary>
    public void Dispose() => _lock.Dispose();

    // The system drops this lock with the process. The file stays: removing it would let two processes lock two files of one name.
    private static FileStream Lock(string folder)
    {
        try
        {
            Directory.CreateDirectory(folder);
        }
        catch (Exception problem) when (problem is IOException or UnauthorizedAccessException)
        {
            throw Unwritable(folder, problem);
        }

        string path = System.IO.Path.Combine(folder, LockName);
        try
        {
            return new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        }
        catch (UnauthorizedAccessException problem)
        {
            throw Unwritable(folder, problem);
        }
        catch (IOException problem)
        {
            throw File.Exists(path) ? InUse(folder, problem) : Unwritable(folder, problem);
        }
    }

    private static CamelsException NotEmpty(string path) =>
        CamelsException.Usage($"{path} is not an empty folder; continue the run in it with --resume, or name another output");

    private static CamelsException Unwritable(string folder, Exception problem) =>
        CamelsException.RunFailed($"cannot write to {folder}: {problem.Message.ReplaceLineEndings(" ")}", problem);

    private static CamelsException InUse(string folder, Exception problem) => new(
        ExitCode.Usage, $"{folder} is in use by {Owner(folder)}; wait until it ends, or name another output", problem);

    private static string Owner(string folder)
    {
        try
        {
            using JsonDocument status = StrictJson.ReadObject(System.IO.Path.Combine(folder, StatusName), MaximumStatusBytes);
            JsonFields fields = new(status.RootElement, StatusName);
            long process = fields.Integer64("process_id", 0, int.MaxValue);
            return string.Create(CultureInfo.InvariantCulture, $"process {process} on {fields.Text("host")}, since {fields.Text("started")}");
        }
        catch (CamelsException)
        {
            return "another process";
        }
    }

    private static bool IsUsed(string folder) =>
        Directory.Exists(folder) && Directory.EnumerateFileSystemEntries(folder).Any(path => System.IO.Path.GetFileName(path) != LockName);

    private static string Timestamp(DateTime time) => time.ToString("yyyy-MM-ddTHH:mm:ssZ", CultureInfo.InvariantCulture);

    private string Inside(string name) => System.IO.Path.Combine(Path, name);
}
