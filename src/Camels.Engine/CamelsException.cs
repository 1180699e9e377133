namespace Camels.Engine;

/// <summary>Exit codes of the program: what kind of thing went wrong.</summary>
public enum ExitCode
{
    /// <summary>Done.</summary>
    Done = 0,

    /// <summary>Wrong usage or recipe.</summary>
    Usage = 2,

    /// <summary>Bad input data or model files, or the audit refused.</summary>
    BadInput = 3,

    /// <summary>Something is missing on this machine: device, driver, library.</summary>
    MissingOnMachine = 4,

    /// <summary>The run failed: non-finite step, lost rank, disk full or unwritable.</summary>
    RunFailed = 5,

    /// <summary>A check or gate did not hold.</summary>
    CheckFailed = 6,

    /// <summary>Interrupted; a checkpoint was written first.</summary>
    Interrupted = 130,
}

/// <summary>
/// A failure that is explained to the user in one or two lines and ends the program with <see cref="Code"/>. The message says what was
/// wrong, where (file, line, record, tensor) and what to do.
/// </summary>
public sealed class CamelsException(ExitCode code, string message, Exception? inner = null) : Exception(message, inner)
{
    /// <summary>The exit code of the program.</summary>
    public ExitCode Code { get; } = code;

    /// <summary>Wrong usage or recipe: exit code 2.</summary>
    public static CamelsException Usage(string message) => new(ExitCode.Usage, message);

    /// <summary>Bad input data or model files: exit code 3.</summary>
    public static CamelsException BadInput(string message, Exception? inner = null) => new(ExitCode.BadInput, message, inner);

    /// <summary>The run failed: exit code 5.</summary>
    public static CamelsException RunFailed(string message, Exception? inner = null) => new(ExitCode.RunFailed, message, inner);
}
