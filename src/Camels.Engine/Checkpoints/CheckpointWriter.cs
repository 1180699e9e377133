using System.Diagnostics;
using System.Globalization;

namespace Camels.Engine.Checkpoints;

/// <summary>What a checkpoint is written from.</summary>
public sealed record CheckpointToWrite
{
    /// <summary>Optimizer steps done.</summary>
    public required long Step { get; init; }

    /// <summary>The model as others read it.</summary>
    public required ModelToWrite Model { get; init; }

    /// <summary>Everything else that resuming needs: master weights, moments, counters, random state, data cursor.</summary>
    public required IReadOnlyList<TensorToWrite> State { get; init; }

    /// <summary>Where and from what it was computed.</summary>
    public required CheckpointOrigin Origin { get; init; }
}

/// <summary>Writes the checkpoints of a run, whole or not at all, and removes old ones.</summary>
/// <param name="folder">The folder of the run's checkpoints; nobody else writes there.</param>
/// <param name="keep">How many to keep, at least 1.</param>
public sealed class CheckpointWriter(string folder, int keep)
{
    private const string RehearsalName = "rehearsal";
    private const int RoomForManifest = 1 << 16;

    private readonly HashSet<long> _passedOver = [];

    /// <summary>Checkpoints after the step that a run resumes from are not whole. They do not count as kept, and go when one after them is saved.</summary>
    public void PassOver(long resumedFrom) => _passedOver.UnionWith(CheckpointFolders.Steps(folder).Where(step => step > resumedFrom));

    /// <summary>Writes a checkpoint, flushes it to the disk, then removes those that are older than the newest ones to keep.</summary>
    /// <returns>The checkpoint's folder.</returns>
    /// <exception cref="CamelsException">The disk is full or not writable: exit code 5; the checkpoints before are whole.</exception>
    public string Save(CheckpointToWrite checkpoint)
    {
        string path = Path.Combine(folder, CheckpointFolders.NameOf(checkpoint.Step));
        Write(path, checkpoint);

        // A checkpoint of a later step is one that resuming skipped as broken: it does not count as kept.
        _ = _passedOver.Remove(checkpoint.Step);
        ILookup<bool, long> present = CheckpointFolders.Steps(folder).Where(step => step <= checkpoint.Step).ToLookup(_passedOver.Contains);
        foreach (long step in present[false].Skip(keep).Concat(present[true]))
        {
            AtomicFolder.Remove(Path.Combine(folder, CheckpointFolders.NameOf(step)));
        }

        return path;
    }

    /// <summary>
    /// Before the first step: refuses a disk that cannot hold what the run will keep, then writes a checkpoint, reads it back and removes it.
    /// </summary>
    /// <param name="checkpoint">A checkpoint as the run will write them.</param>
    /// <param name="checkpointsToCome">How many the run will write.</param>
    /// <returns>The bytes of a checkpoint, and the seconds that writing and reading it took.</returns>
    /// <exception cref="CamelsException">The disk has no room or is not writable: exit code 5.</exception>
    public (long Bytes, double Seconds) Rehearse(CheckpointToWrite checkpoint, long checkpointsToCome)
    {
        CreateFolder();
        long bytes = NeededBytes(checkpoint);

        // The newest one is written before the oldest is removed, and the run's own model folder comes last.
        long present = Math.Min(CheckpointFolders.Steps(folder).Count(step => !_passedOver.Contains(step)), keep);
        long added = Math.Clamp(checkpointsToCome, 1, keep + 1L - present);
        long modelBytes = HuggingFaceFolder.NeededBytes(checkpoint.Model);
        string purpose = string.Create(CultureInfo.InvariantCulture, $"{folder}, with {added} more checkpoints at a time and the model,");
        AtomicFolder.RequireFreeSpace(folder, checked((added * bytes) + modelBytes), purpose);

        long start = Stopwatch.GetTimestamp();
        string path = Path.Combine(folder, RehearsalName);
        Write(path, checkpoint);
        TrainingState.Open(path).Dispose();
        AtomicFolder.Remove(path);
        return (bytes, Stopwatch.GetElapsedTime(start).TotalSeconds);
    }

    private void Write(string path, CheckpointToWrite checkpoint)
    {
        CreateFolder();
        AtomicFolder.Write(path, NeededBytes(checkpoint), replace: true, writer =>
        {
            HuggingFaceFolder.Write(writer.Subfolder(CheckpointFolders.ModelName), checkpoint.Model);
            List<List<TensorToWrite>> files = SafetensorsWriter.Split(checkpoint.State, checkpoint.Model.MaximumFileBytes);
            for (int i = 0; i < files.Count; i++)
            {
                SafetensorsWriter.Write(writer, CheckpointFolders.StateName(i, files.Count), files[i]);
            }

            writer.WriteFile(CheckpointManifest.Name, new CheckpointManifest(checkpoint.Step, checkpoint.Origin, writer.Written).ToJson());
        });
    }

    private void CreateFolder()
    {
        try
        {
            Directory.CreateDirectory(folder);
            AtomicFolder.RemoveLeftovers(folder);
        }
        catch (Exception problem) when (problem is IOException or UnauthorizedAccessException)
        {
            throw CamelsException.RunFailed($"cannot write to {folder}: {problem.Message.ReplaceLineEndings(" ")}", problem);
        }
    }

    private static long NeededBytes(CheckpointToWrite checkpoint) =>
        HuggingFaceFolder.NeededBytes(checkpoint.Model) + SafetensorsWriter.FileBytes(checkpoint.State) + RoomForManifest
        + checkpoint.Origin.Recipe.Length;
}
