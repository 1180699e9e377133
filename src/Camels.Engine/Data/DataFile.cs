namespace Camels.Engine.Data;

/// <summary>
/// The bytes of one data file from start to end: a file of the disk, what a .gz holds, or an entry of a .zip. Whatever goes wrong is exit
/// code 3 and names the file.
/// </summary>
/// <param name="name">Path; for an entry of an archive, the archive's path, a slash and the entry's.</param>
/// <param name="stream">Owned.</param>
/// <param name="expansion">Checks what comes out of an archive; null for a plain file.</param>
/// <param name="input">Told of the progress; null where a file is read once more than progress counts.</param>
internal sealed class DataFile(string name, Stream stream, Expansion? expansion, DatasetInput? input) : IDisposable
{
    private bool _isStarted;

    public string Name => name;

    public void Dispose() => stream.Dispose();

    /// <summary>
    /// Fills <paramref name="target"/>, or as much of it as the file has left: an archive hands out a few bytes at a time, and who looks for the end of
    /// a long record looks at all of it each time. 0 at the end of the file.
    /// </summary>
    public int Read(Span<byte> target)
    {
        int read;
        try
        {
            read = stream.ReadAtLeast(target, target.Length, throwOnEndOfStream: false);
        }
        catch (Exception failure) when (failure is IOException or InvalidDataException)
        {
            string what = expansion is null ? $"cannot be read: {failure.Message}" : "is damaged or cut short, so it cannot be unpacked";
            throw CamelsException.BadInput($"{name}: {what}.", failure);
        }

        if (!_isStarted)
        {
            _isStarted = true;
            FileKind.RequireText(name, target[..read], isUnpacked: expansion is not null);
        }

        input?.CountBytes(expansion is null ? read : expansion.Take(name, target[..read]));
        return read;
    }
}
