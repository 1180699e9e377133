namespace Camels.Engine.Checkpoints;

/// <summary>A whole checkpoint, open for reading: every file has the digest of its manifest.</summary>
public sealed class TrainingState : IDisposable
{
    private TrainingState(string path, CheckpointManifest manifest, TensorFiles tensors)
    {
        Path = path;
        Manifest = manifest;
        Tensors = tensors;
    }

    /// <summary>The checkpoint's folder.</summary>
    public string Path { get; }

    /// <summary>The folder of its model.</summary>
    public string ModelPath => System.IO.Path.Combine(Path, CheckpointFolders.ModelName);

    /// <summary>Step, origin and files.</summary>
    public CheckpointManifest Manifest { get; }

    /// <summary>Master weights, moments, counters, random state and data cursor under the names they were written with.</summary>
    public TensorFiles Tensors { get; }

    /// <summary>Opens a checkpoint and checks every file.</summary>
    /// <exception cref="CamelsException">It is not whole; the message names the file: exit code 3.</exception>
    public static TrainingState Open(string path)
    {
        CheckpointManifest manifest = CheckpointManifest.Read(path);
        manifest.RequireFiles(path);
        return new TrainingState(path, manifest, TensorFiles.Open(path, manifest.StatePaths(path)));
    }

    /// <summary>The newest checkpoint that is whole.</summary>
    /// <param name="folder">The folder of a run's checkpoints.</param>
    /// <param name="warn">Receives a line for each newer one that is not.</param>
    /// <returns>The checkpoint, or null where there is none at all.</returns>
    /// <exception cref="CamelsException">There are some, and none is whole: exit code 3.</exception>
    public static TrainingState? OpenNewest(string folder, Action<string> warn)
    {
        RemoveLeftovers(folder);
        IReadOnlyList<long> steps = CheckpointFolders.Steps(folder);
        foreach (long step in steps)
        {
            try
            {
                return OpenStep(System.IO.Path.Combine(folder, CheckpointFolders.NameOf(step)), step);
            }
            catch (CamelsException problem) when (problem.Code == ExitCode.BadInput)
            {
                warn($"a checkpoint is not whole and is passed over: {problem.Message}");
            }
        }

        return steps.Count == 0
            ? null
            : throw CamelsException.BadInput($"none of the {steps.Count} checkpoints in {folder} is whole; to start again, move them away");
    }

    /// <inheritdoc/>
    public void Dispose() => Tensors.Dispose();

    // A writer that was killed while it replaced a checkpoint has left it under another name.
    private static void RemoveLeftovers(string folder)
    {
        try
        {
            if (Directory.Exists(folder))
            {
                AtomicFolder.RemoveLeftovers(folder);
            }
        }
        catch (Exception problem) when (problem is IOException or UnauthorizedAccessException)
        {
            throw CamelsException.RunFailed($"cannot write to {folder}: {problem.Message.ReplaceLineEndings(" ")}", problem);
        }
    }

    private static TrainingState OpenStep(string path, long step)
    {
        TrainingState state = Open(path);
        if (state.Manifest.Step == step)
        {
            return state;
        }

        state.Dispose();
        throw CamelsException.BadInput($"{path}: its {CheckpointManifest.Name} is of step {state.Manifest.Step}");
    }
}
