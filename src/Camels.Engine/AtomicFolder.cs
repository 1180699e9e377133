using System.Globalization;
using Camels.Kernels.Interop;

namespace Camels.Engine;

/// <summary>
/// Writes a folder that is there entirely or not at all: under a temporary name beside it, every file and folder flushed to the disk, then
/// renamed. What was there before stays until then.
/// </summary>
public static class AtomicFolder
{
    private const string Partial = ".partial";
    private const string Replaced = ".replaced";

    /// <summary>Writes <paramref name="destination"/>.</summary>
    /// <param name="destination">The folder. One that is there and not empty is replaced, if <paramref name="replace"/>.</param>
    /// <param name="neededBytes">The bytes of all files, for the check of free space before and the message after; 0 where they are not known before.</param>
    /// <param name="replace">False: a folder that is there and not empty is refused with exit code 2.</param>
    /// <param name="fill">Writes the files.</param>
    /// <exception cref="CamelsException">The disk is full or not writable: exit code 5; the destination is then as it was.</exception>
    public static void Write(string destination, long neededBytes, bool replace, Action<FolderWriter> fill)
    {
        string target = Absolute(destination);
        if (!replace && (File.Exists(target) || HasEntries(target)))
        {
            throw CamelsException.Usage($"{destination} is there already and not empty; name another folder or remove it");
        }

        string partial = Beside(target, Partial);
        try
        {
            string parent = Directory.CreateDirectory(Path.GetDirectoryName(target)!).FullName;
            RemoveLeftovers(parent, Path.GetFileName(target));
            Directory.CreateDirectory(partial);
            RequireFreeSpace(partial, neededBytes, destination);
            fill(new FolderWriter(partial));
            FlushFolders(partial);
            Rename(partial, target);
        }
        catch (Exception problem) when (problem is IOException or UnauthorizedAccessException)
        {
            throw Explained(problem, destination, neededBytes, partial);
        }
        finally
        {
            RemoveQuietly(partial);
        }
    }

    /// <summary>Removes a folder so that a crash leaves it whole or hidden under a temporary name, never half there under its own.</summary>
    /// <exception cref="CamelsException">It cannot be removed: exit code 5.</exception>
    public static void Remove(string folder)
    {
        try
        {
            string hidden = Beside(Absolute(folder), Partial);
            Directory.Move(folder, hidden);
            Directory.Delete(hidden, recursive: true);
        }
        catch (Exception problem) when (problem is IOException or UnauthorizedAccessException)
        {
            throw CamelsException.RunFailed($"cannot remove {folder}: {problem.Message.ReplaceLineEndings(" ")}; remove it by hand", problem);
        }
    }

    /// <summary>Clears up after writers that were killed: what was being replaced is put back, what was being written is removed.</summary>
    /// <param name="parent">The folder in which folders were written; nobody else writes there.</param>
    /// <param name="name">The name of one folder, or * for all.</param>
    /// <exception cref="IOException">A leftover cannot be moved or removed.</exception>
    public static void RemoveLeftovers(string parent, string name = "*")
    {
        foreach (string replaced in Directory.GetDirectories(parent, $".{name}{Replaced}"))
        {
            string original = Path.Combine(parent, Path.GetFileName(replaced)[1..^Replaced.Length]);
            if (Directory.Exists(original))
            {
                Directory.Delete(replaced, recursive: true);
            }
            else
            {
                Directory.Move(replaced, original);
            }
        }

        foreach (string partial in Directory.GetDirectories(parent, $".{name}{Partial}"))
        {
            Directory.Delete(partial, recursive: true);
        }
    }

    /// <summary>Refuses when the disk of <paramref name="folder"/> has less than <paramref name="neededBytes"/> left.</summary>
    /// <param name="folder">A folder that is there.</param>
    /// <param name="neededBytes">What is to be written.</param>
    /// <param name="purpose">What for, for the message.</param>
    /// <exception cref="CamelsException">There is less: exit code 5.</exception>
    public static void RequireFreeSpace(string folder, long neededBytes, string purpose)
    {
        long free = FreeBytes(folder);
        if (free < neededBytes)
        {
            throw CamelsException.RunFailed(
                $"{purpose} needs {Megabytes(neededBytes)} and its disk has {Megabytes(free)} free; free space or write to another disk");
        }
    }

    private static void Rename(string partial, string target)
    {
        string replaced = Beside(target, Replaced);
        if (HasEntries(target))
        {
            Directory.Move(target, replaced);
        }
        else if (Directory.Exists(target))
        {
            Directory.Delete(target);
        }

        Directory.Move(partial, target);
        DiskFlush.Folder(Path.GetDirectoryName(target)!);
        RemoveQuietly(replaced);
    }

    private static void FlushFolders(string folder)
    {
        foreach (string inner in Directory.EnumerateDirectories(folder))
        {
            FlushFolders(inner);
        }

        DiskFlush.Folder(folder);
    }

    private static CamelsException Explained(Exception problem, string destination, long neededBytes, string partial)
    {
        string reason = problem.Message.ReplaceLineEndings(" ");
        string space = Directory.Exists(partial) ? $"{Megabytes(FreeBytes(partial))} free" : "free space unknown";
        return CamelsException.RunFailed(
            $"cannot write {destination}: {reason} ({(neededBytes > 0 ? $"needed {Megabytes(neededBytes)}, " : "")}{space}); what was there before is unchanged. "
            + "Free space or write to another disk",
            problem);
    }

    private static void RemoveQuietly(string folder)
    {
        try
        {
            if (Directory.Exists(folder))
            {
                Directory.Delete(folder, recursive: true);
            }
        }
        catch (Exception problem) when (problem is IOException or UnauthorizedAccessException)
        {
            // The next writer of this destination tries again; what it holds is not lost data.
        }
    }

    private static string Absolute(string folder) => Path.TrimEndingDirectorySeparator(Path.GetFullPath(folder));

    private static string Beside(string target, string suffix) =>
        Path.Combine(Path.GetDirectoryName(target)!, $".{Path.GetFileName(target)}{suffix}");

    private static bool HasEntries(string folder) => Directory.Exists(folder) && Directory.EnumerateFileSystemEntries(folder).Any();

    private static long FreeBytes(string folder) => new DriveInfo(folder).AvailableFreeSpace;

    private static string Megabytes(long bytes) => string.Create(CultureInfo.InvariantCulture, $"{bytes / 1e6:0.0} MB");
}
