namespace Camels.Kernels.Interop;

/// <summary>The library of native/cpu, which lies beside the program where a compiler was at hand when it was built.</summary>
internal static unsafe class CpuLibrary
{
    /// <summary>The name of the file.</summary>
    public const string FileName = "libcamels_cpu.so";

    /// <summary>Operations of an iteration of <see cref="RunPairPeak"/>: 24 registers of 16 sums, two multiplications and two additions each.</summary>
    public const int PairPeakOperations = 24 * 16 * 4;

    private static readonly nint _library = NativeLibraries.LoadBeside(FileName);
    private static readonly delegate* unmanaged<long, float> _peak = (delegate* unmanaged<long, float>)Find("camels_pair_peak_bf16");

    /// <summary>The tile of AVX512-BF16: on another processor running it ends the process.</summary>
    public static CpuPairTile PairTile { get; } = new(Find("camels_pair_tile_bf16"));

    /// <summary>The same sums in instructions of AVX-512F.</summary>
    public static CpuPairTile SpelledOutPairTile { get; } = new(Find("camels_pair_tile_f32"));

    /// <summary>Dot products in registers: the ceiling of <see cref="PairTile"/>, which runs where that does.</summary>
    public static void RunPairPeak(long iterations) => _ = _peak(iterations);

    private static nint Find(string function) => _library == 0 ? 0 : NativeLibraries.Find(_library, function);
}
