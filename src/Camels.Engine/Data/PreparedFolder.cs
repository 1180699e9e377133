namespace Camels.Engine.Data;

/// <summary>
/// A folder that holds prepared data or nothing, and changes from one to another in one step. Locked while this lives: who wants the same
/// data meanwhile (another rank, another run) waits and then finds it.
/// </summary>
internal sealed class PreparedFolder : IDisposable
{
    private readonly FileStream _lock;

    /// <summary>Waits for the lock. A folder of something else is exit code 2, an unwritable place 5.</summary>
    /// <param name="path">The folder.</param>
    /// <param name="waiting">Called once where another process has the lock.</param>
    /// <param name="cancellation">Ends the waiting.</param>
    public PreparedFolder(string path, Action waiting, CancellationToken cancellation)
    {
        Path = System.IO.Path.TrimEndingDirectorySeparator(System.IO.Path.GetFullPath(path));
        _lock = Guarded(() => Lock(waiting, cancellation));
        try
        {
            if (!Guarded(IsFree))
            {
                throw CamelsException.Usage($"{Path}: exists and is not a folder of prepared data; choose another one for the prepared data.");
            }
        }
        catch
        {
            _lock.Dispose();
            throw;
        }
    }

    public string Path { get; }

    private bool HasManifest => File.Exists(System.IO.Path.Combine(Path, PreparedManifest.FileName));

    private string Parent => System.IO.Path.GetDirectoryName(Path) ?? Path;

    /// <summary>True where the folder holds prepared data of that key.</summary>
    public bool Holds(string key) => HasManifest && PreparedManifest.IsCurrent(Path) && PreparedManifest.Read(Path).Key == key;

    /// <summary>Lets <paramref name="write"/> fill a new folder beside this one, which then takes its place; a failure leaves no trace.</summary>
    public TResult Replace<TResult>(Func<string, TResult> write)
    {
        TResult? result = default;
        AtomicFolder.Write(Path, neededBytes: 0, replace: true, folder => result = write(folder.Path));
        return result!;
    }

    public void Dispose() => _lock.Dispose();

    // What is in the way is deleted: it must be nothing but files that a preparation writes, and a manifest.json may be any program's.
    private bool IsFree()
    {
        if (File.Exists(Path) || !Directory.Exists(Path))
        {
            return !File.Exists(Path);
        }

        string[] names = [.. Directory.EnumerateFileSystemEntries(Path).Select(entry => System.IO.Path.GetFileName(entry))];
        bool hasTrain = PreparedDataWriter.NamesOf(PreparedData.TrainSplit).All(names.Contains);
        return names.Length == 0
            || (HasManifest && names.All(PreparedManifest.IsName) && !Directory.EnumerateDirectories(Path).Any()
                && (hasTrain || PreparedManifest.HasOwnKeys(Path)));
    }

    // The file stays: while it is removed, who has opened it already would lock a file that the next one no longer finds.
    private FileStream Lock(Action waiting, CancellationToken cancellation)
    {
        Directory.CreateDirectory(Parent);
        for (bool isFirst = true; ; isFirst = false)
        {
            cancellation.ThrowIfCancellationRequested();
            try
            {
                return new FileStream(System.IO.Path.Combine(Parent, $".{System.IO.Path.GetFileName(Path)}.lock"), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
            }
            catch (IOException failure) when (FileLock.IsTaken(failure))
            {
                if (isFirst)
                {
                    waiting();
                }

                cancellation.WaitHandle.WaitOne(TimeSpan.FromMilliseconds(100));
            }
        }
    }

    private T Guarded<T>(Func<T> write)
    {
        try
        {
            return write();
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw CamelsException.RunFailed($"{Path}: cannot be written: {failure.Message}", failure);
        }
    }
}
