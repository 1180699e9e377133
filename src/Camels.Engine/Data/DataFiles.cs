using System.Security.Cryptography;

namespace Camels.Engine.Data;

/// <summary>Opening and hashing of data files, with the errors of the contract.</summary>
internal static class DataFiles
{
    /// <summary>Opens for sequential reading; a missing or unreadable file is exit code 3.</summary>
    public static FileStream OpenRead(string path)
    {
        try
        {
            return new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read, bufferSize: 0, FileOptions.SequentialScan);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw CamelsException.BadInput($"{path}: cannot be opened: {failure.Message}", failure);
        }
    }

    /// <summary>SHA-256 of the file's bytes, lower-case hex.</summary>
    public static string Sha256(string path)
    {
        using FileStream stream = OpenRead(path);
        try
        {
            return Convert.ToHexStringLower(SHA256.HashData(stream));
        }
        catch (IOException failure)
        {
            throw CamelsException.BadInput($"{path}: cannot be read: {failure.Message}", failure);
        }
    }

    /// <summary>Writes a small new file down to the disk; a full or unwritable disk is exit code 5.</summary>
    public static void Write(string path, ReadOnlySpan<byte> bytes)
    {
        using TokenFileWriter<byte> writer = new(path);
        writer.Write(bytes);
        writer.Seal();
    }
}
