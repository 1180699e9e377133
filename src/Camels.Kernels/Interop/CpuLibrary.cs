namespace Camels.Kernels.Interop;

/// <summary>The library of native/cpu, which lies beside the program where a compiler was at hand when it was built.</summary>
internal static unsafe class CpuLibrary
{
    /// <summary>The name of the file.</summary>
    public const string FileName = "libcamels_cpu.so";

    private static readonly nint _library = NativeLibraries.LoadBeside(FileName);
    private static readonly delegate* unmanaged<long, float> _peak = (delegate* unmanaged<long, float>)Find("camels_pair_peak_bf16");

    /// <summary>The tile of AVX512-BF16: on another processor running it ends the process.</summary>
    public static CpuPairTile PairTile { get; } = new(Find("camels_pair_tile_bf16"));

    /// <summary>The same sums in instructions of AVX-512F.</summary>
    public static CpuPairTile SpelledOutPairTile { get; } = new(Find("camels_pair_tile_f32"));

    /// <summary>
    /// Operations of <paramref name="iterations"/> rounds of bfloat16 dot products in registers, which are computed: the ceiling of
    /// <see cref="PairTile"/>, which runs where that does.
    /// </summary>
    public static double RunPairPeak(long iterations)
    {
        const int OperationsPerIteration = 24 * 16 * 2 * 2;
        _ = _peak(iterations);
        return (double)iterations * OperationsPerIteration;
    }

    private static nint Find(string function) => _library == 0 ? 0 : NativeLibraries.Find(_library, function);
}
