using Camels.Kernels.Interop;

namespace Camels.Kernels;

/// <summary>One kernel as the driver's compiler made it for a GPU.</summary>
/// <param name="Name">Its name in the PTX.</param>
/// <param name="Registers">Registers of a thread.</param>
/// <param name="LocalBytes">Memory that a thread keeps registers in for lack of them; 0 in a kernel that is as it should be.</param>
public sealed record KernelFact(string Name, int Registers, int LocalBytes);

/// <summary>One file of kernels as the driver's compiler made it for a GPU.</summary>
/// <param name="Origin">Where it was read from.</param>
/// <param name="Log">What the compiler said.</param>
/// <param name="Kernels">Its kernels; none where the driver refuses the file.</param>
/// <param name="Problem">Why the driver refuses it; null where it does not.</param>
public sealed record KernelFileFacts(string Origin, string Log, IReadOnlyList<KernelFact> Kernels, string? Problem = null)
{
    /// <summary>The lines of the log that tell of a slow kernel.</summary>
    public IEnumerable<string> Complaints =>
        Log.Split('\n').Where(line => line.Contains("Potential Performance Loss", StringComparison.Ordinal)).Select(line => line.Trim());

    /// <summary>Loads every file of kernels on a GPU; each takes the driver a moment the first time. One that is refused does not hide the others.</summary>
    public static IEnumerable<KernelFileFacts> Of(Device device) => KernelImage.FilesFor(device.Cuda!.Target).Select(file => Of(device.Cuda, file));

    private static KernelFileFacts Of(CudaDevice cuda, string file)
    {
        try
        {
            KernelModule module = cuda.Module(file);
            return new KernelFileFacts(module.Origin, module.Log, [.. module.Entries.Select(entry => FactOf(module.Find(entry)))]);
        }
        catch (NativeException refusal) when (refusal.Failure == NativeFailure.Missing)
        {
            return new KernelFileFacts(file, Log: "", Kernels: [], refusal.Message);
        }
    }

    private static KernelFact FactOf(KernelFunction function) => new(function.Name, function.Registers, function.LocalBytes);
}
