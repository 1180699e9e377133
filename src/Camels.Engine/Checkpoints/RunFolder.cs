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
    internal const string CheckpointsName = "checkpoints";
    internal const string ModelName = "model";

    private const string LockName = ".lock";
    private const string StatusName = "status.json";
    private const string PartialStatusName = StatusName + ".partial";
    private const string Starting = "starting";
    private const int MaximumStatusBytes = 1 << 20;
    private static readonly string[] _states = [Starting, "running", "finished", "interrupted", "failed"];

    private readonly FileStream _lock;
    private readonly DateTime _started = DateTime.UtcNow;

    private byte[]? _statusBefore;

    private RunFolder(string path, FileStream exclusive)
    {
        Path = path;
        _lock = exclusive;
    }

    /// <summary>The folder.</summary>
    public string Path { get; }

    /// <summary>False where it was moved or removed since it was locked: what is written then goes to a new folder of its name.</summary>
    public bool IsInPlace => File.Exists(Inside(LockName));

    /// <summary>The resolved recipe.</summary>
    public string RecipePath => Inside("recipe.yaml");

    /// <summary>One line per optimizer step.</summary>
    public string LogPath => Inside("log.jsonl");

    /// <summary>What the audit of the data found.</summary>
    public string AuditPath => Inside("audit.json");

    /// <summary>The folder of checkpoints.</summary>
    public string CheckpointsPath => Inside(CheckpointsName);

    /// <summary>The model at the end.</summary>
    public string ModelPath => Inside(ModelName);

    /// <summary>Creates or takes over a run folder and locks it.</summary>
    /// <param name="path">The folder.</param>
    /// <param name="resume">True: it may hold a run. False: nothing but what a run leaves that was refused before its first step.</param>
    /// <exception cref="CamelsException">It is in use or holds something else (2), or cannot be written (5).</exception>
    public static RunFolder Open(string path, bool resume)
    {
        string full = System.IO.Path.GetFullPath(path);
        bool isForeign = !File.Exists(System.IO.Path.Combine(full, LockName));
        if (File.Exists(full) || (isForeign && IsRefused(full, resume)))
        {
            throw NotEmpty(path);
        }

        RunFolder run = new(full, Lock(full));
        try
        {
            if (IsRefused(full, resume))
            {
                throw NotEmpty(path);
            }

            if (resume && StateIn(full) is not (null or Starting))
            {
                run._statusBefore = StrictJson.ReadBytes(run.Inside(StatusName), MaximumStatusBytes);
            }

            run.WriteStatus(new RunStatus(Starting, Step: 0, Steps: 0));
            return run;
        }
        catch
        {
            run.Dispose();
            throw;
        }
    }

    /// <summary>Replaces status.json: readers see the old one or the new one.</summary>
    /// <exception cref="CamelsException">It cannot be written: exit code 5.</exception>
    public void WriteStatus(RunStatus status) => ReplaceStatus(JsonText.Of(new
    {
        status.State,
        status.Step,
        status.Steps,
        status.Message,
        ProcessId = Environment.ProcessId,
        Host = Environment.MachineName,
        Started = Timestamp(_started),
        Updated = Timestamp(DateTime.UtcNow),
    }));

    /// <summary>Puts back the status of the run that was to be resumed. False where there was none.</summary>
    /// <exception cref="CamelsException">It cannot be written: exit code 5.</exception>
    public bool RestoreStatus()
    {
        if (_statusBefore is not null)
        {
            ReplaceStatus(_statusBefore);
        }

        return _statusBefore is not null;
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
            throw FileLock.IsTaken(problem) ? InUse(folder, problem) : Unwritable(folder, problem);
        }
    }

    private static CamelsException NotEmpty(string path) => CamelsException.Usage(!IsRun(path)
        ? $"{path} is not an empty folder, and holds no run to resume (no {StatusName} of one); name another output"
        : $"{path} is not an empty folder; continue the run in it with --resume, or name another output");

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

    private static bool IsRefused(string folder, bool resume) => IsUsed(folder) && !(resume && IsRun(folder));

    // A machine that lost power may have lost the status, but no checkpoint.
    private static bool IsRun(string folder) =>
        StateIn(folder) is not null || CheckpointFolders.Steps(System.IO.Path.Combine(folder, CheckpointsName)).Count > 0;

    // A run that was refused before its first step leaves its lock, its status and perhaps an empty folder: the next one takes them over.
    private static bool IsUsed(string folder) => Directory.Exists(folder) && Directory.EnumerateFileSystemEntries(folder).Any(path =>
        System.IO.Path.GetFileName(path) switch
        {
            LockName or PartialStatusName => false,
            StatusName => StateIn(folder) is null,
            CheckpointsName => File.Exists(path) || Directory.EnumerateFileSystemEntries(path).Any(),
            _ => true,
        });

    // Null where there is no status of a run: other programs write a status.json too.
    private static string? StateIn(string folder)
    {
        try
        {
            using JsonDocument status = StrictJson.ReadObject(System.IO.Path.Combine(folder, StatusName), MaximumStatusBytes);
            string? state = new JsonFields(status.RootElement, StatusName).Text("state");
            return _states.Contains(state) ? state : null;
        }
        catch (CamelsException)
        {
            return null;
        }
    }

    private void ReplaceStatus(byte[] json)
    {
        try
        {
            File.WriteAllBytes(Inside(PartialStatusName), json);
            File.Move(Inside(PartialStatusName), Inside(StatusName), overwrite: true);
        }
        catch (Exception problem) when (problem is IOException or UnauthorizedAccessException)
        {
            if (!OverwriteStatus(json))
            {
                throw Unwritable(Path, problem);
            }
        }
    }

    // A full disk has no room for another file, but that of the status has its block: "failed" is of most use there.
    private bool OverwriteStatus(byte[] json)
    {
        try
        {
            using FileStream status = new(Inside(StatusName), FileMode.Open, FileAccess.Write, FileShare.Read, bufferSize: 0);
            status.Write(json);
            status.SetLength(json.Length);
            return true;
        }
        catch (Exception problem) when (problem is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }

    private static string Timestamp(DateTime time) => time.ToString("yyyy-MM-ddTHH:mm:ssZ", CultureInfo.InvariantCulture);

    private string Inside(string name) => System.IO.Path.Combine(Path, name);
}
