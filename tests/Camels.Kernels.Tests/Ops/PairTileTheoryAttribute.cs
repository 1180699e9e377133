using Camels.Kernels.Interop;
using Xunit;

namespace Camels.Kernels.Tests.Ops;

/// <summary>A test that runs native/cpu: shown as skipped where the library, AVX-512 or the instruction that it needs is missing.</summary>
public sealed class PairTileTheoryAttribute : TheoryAttribute
{
    public PairTileTheoryAttribute(bool needsInstruction)
    {
        Skip = !CpuPath.UsesVector512 ? "needs AVX-512"
            : CpuLibrary.PairTile.IsNone ? $"needs {CpuLibrary.FileName}, which native/cpu/build makes where clang++ or g++ knows AVX512-BF16"
            : needsInstruction && !CpuBFloat16.HasInstruction ? "needs a processor with AVX512-BF16"
            : null;
    }
}
