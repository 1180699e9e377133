using Camels.Kernels.Interop;

namespace Camels.Engine.Data;

/// <summary>A folder that holds prepared data or nothing, and changes from one to another in one step.</summary>
internal sealed class PreparedFolder
{
    public PreparedFolder(string path)
    {
        Path = System.IO.Path.TrimEndingDirectorySeparator(System.IO.Path.GetFullPath(path));
        bool isFree = !File.Exists(Path)
            && (!Directory.Exists(Path) || HasManifest || !Directory.EnumerateFileSystemEntries(Path).Any());
        if (!isFree)
        {
            throw CamelsException.Usage($"{Path}: exists and is not a folder of prepared data; choose another one for the prepared data.");
        }
    }

    public string Path { get; }

    private bool HasManifest => File.Exists(System.IO.Path.Combine(Path, PreparedManifest.FileName));

    /// <summary>True where the folder holds prepared data of that key.</summary>
    public bool Holds(string key) => HasManifest && PreparedManifest.Read(Path).Key == key;

    /// <summary>Lets <paramref name="write"/> fill a new folder beside this one, which then takes its place; a failure leaves no trace.</summary>
    public TResult Replace<TResult>(Func<string, TResult> write)
    {
        string partial = $"{Path}.partial-{Guid.NewGuid():N}";
        try
        {
            Directory.CreateDirectory(partial);
            TResult result = write(partial);
            FolderFlush.Flush(partial);
            TakePlace(partial);
            return result;
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw CamelsException.RunFailed($"{Path}: cannot be written: {failure.Message}", failure);
        }
        finally
        {
            DeleteIfThere(partial);
        }
    }

    private void TakePlace(string partial)
    {
        string old = $"{Path}.old-{Guid.NewGuid():N}";
        if (Directory.Exists(Path))
        {
            Directory.Move(Path, old);
        }

        Directory.Move(partial, Path);
        FolderFlush.Flush(System.IO.Path.GetDirectoryName(Path)!);
        DeleteIfThere(old);
    }

    private static void DeleteIfThere(string folder)
    {
        if (Directory.Exists(folder))
        {
            Directory.Delete(folder, recursive: true);
        }
    }
}
