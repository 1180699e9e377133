using Camels.Kernels.Interop;

namespace Camels.Kernels;

/// <summary>What this machine offers to <c>--device cuda</c>.</summary>
/// <param name="Problem">Why there is nothing to use, in one sentence; null where a GPU is usable.</param>
/// <param name="DriverVersion">As in "12.8"; null without a driver.</param>
/// <param name="Gpus">The GPUs that the driver shows, usable or not.</param>
public sealed record CudaMachine(string? Problem, string? DriverVersion, IReadOnlyList<CudaProperties> Gpus)
{
    /// <summary>Asks the driver; opens no GPU. Never throws for what is missing.</summary>
    public static CudaMachine Read()
    {
        CudaDriver? driver = CudaDriver.FromMachine(out string reason);
        return driver is null ? new CudaMachine(reason, DriverVersion: null, Gpus: []) : Read(driver);
    }

    internal static CudaMachine Read(CudaDriver driver)
    {
        string? version = null;
        List<CudaProperties> gpus = [];
        try
        {
            int count = CudaContext.CountDevices(driver);
            int number = CudaContext.Version(driver);
            version = FormattableString.Invariant($"{number / 1000}.{number % 1000 / 10}");
            for (int ordinal = 0; ordinal < count; ordinal++)
            {
                gpus.Add(CudaContext.Properties(driver, ordinal));
            }

            if (count == 0)
            {
                return new CudaMachine("the CUDA driver shows no GPU", version, gpus);
            }

            _ = CudaContext.TargetOf(driver, gpus[0]);
            return new CudaMachine(Problem: null, version, gpus);
        }
        catch (NativeException problem)
        {
            return new CudaMachine(problem.Message, version, gpus);
        }
    }
}
