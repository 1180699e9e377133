using System.Text;

namespace Camels.Engine.Tests.Data;

/// <summary>A folder of one test, deleted after it.</summary>
internal sealed class TemporaryFolder : IDisposable
{
    public string Path { get; } = Directory.CreateTempSubdirectory("camels-data-").FullName;

    public void Dispose() => Directory.Delete(Path, recursive: true);

    public string File(string name, string text) => File(name, Encoding.UTF8.GetBytes(text));

    public string File(string name, byte[] bytes)
    {
        string path = At(name);
        System.IO.File.WriteAllBytes(path, bytes);
        return path;
    }

    public string At(string name) => System.IO.Path.Combine(Path, name);
}
