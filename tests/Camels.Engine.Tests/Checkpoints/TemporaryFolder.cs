namespace Camels.Engine.Tests.Checkpoints;

/// <summary>A folder of one test, removed at its end.</summary>
public sealed class TemporaryFolder : IDisposable
{
    public string Path { get; } = Directory.CreateTempSubdirectory("camels-tests-").FullName;

    public string this[string name] => System.IO.Path.Combine(Path, name);

    public string WriteFile(string name, ReadOnlySpan<byte> bytes)
    {
        File.WriteAllBytes(this[name], bytes);
        return this[name];
    }

    public void Dispose() => Directory.Delete(Path, recursive: true);
}
