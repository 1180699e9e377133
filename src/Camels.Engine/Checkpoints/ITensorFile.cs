namespace Camels.Engine.Checkpoints;

/// <summary>A file with tensors under names, open for reading.</summary>
public interface ITensorFile : IDisposable
{
    /// <summary>The file.</summary>
    string Path { get; }

    /// <summary>The tensors, in the order of the file.</summary>
    IReadOnlyList<StoredTensor> Tensors { get; }

    /// <summary>Opens a file of the kind that its name says: .bin and .pt are PyTorch's, everything else is safetensors.</summary>
    /// <exception cref="CamelsException">It is missing, unreadable or malformed: exit code 3.</exception>
    static ITensorFile Open(string path) => System.IO.Path.GetExtension(path) is ".bin" or ".pt" or ".pth"
        ? TorchFile.Open(path)
        : SafetensorsFile.Open(path);
}
