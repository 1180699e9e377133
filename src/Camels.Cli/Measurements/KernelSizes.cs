using Camels.Kernels;

namespace Camels.Cli.Measurements;

/// <summary>The sizes that <c>bench kernels</c> times: a model's, and those of square matrix products.</summary>
/// <param name="Tokens">N.</param>
/// <param name="Rows">Rows, documents and lanes that the tokens are divided into.</param>
/// <param name="Channels">C.</param>
/// <param name="Features">F.</param>
/// <param name="Heads">H.</param>
/// <param name="Vocabulary">V.</param>
/// <param name="Squares">Sides of square products.</param>
internal sealed record KernelSizes(int Tokens, int Rows, int Channels, int Features, int Heads, int Vocabulary, int[] Squares)
{
    /// <summary>What suits a device: a 110 M LLaMA on the CPU, a 7 B LLaMA on a GPU, a toy on the emulated device.</summary>
    public static KernelSizes Of(Device device) => device.Kind switch
    {
        DeviceKind.Cuda => new(Tokens: 16_384, Rows: 8, Channels: 4096, Features: 11_008, Heads: 32, Vocabulary: 32_000, [4096, 8192]),
        DeviceKind.CudaEmulated => new(Tokens: 32, Rows: 2, Channels: 64, Features: 96, Heads: 2, Vocabulary: 100, [64]),
        _ => new(Tokens: 1024, Rows: 4, Channels: 768, Features: 2048, Heads: 12, Vocabulary: 32_000, [1024, 2048]),
    };

    /// <summary>Memory in which any one case of these sizes has room.</summary>
    public static long ArenaBytesOf(Device device) => device.Kind switch
    {
        DeviceKind.Cuda => 8L << 30,
        DeviceKind.CudaEmulated => 64L << 20,
        _ => 1L << 30,
    };
}
