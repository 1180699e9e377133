namespace Camels.Kernels.Ops;

public static partial class BlockCodes
{
    // Of native/include/codes.cuh.
    private const int Threads = 256;
    private const int TableBytes = 2048;
    private const int PlacesBytes = 128;

    private static readonly Kernel _encode = new("block_codes", "block_codes_encode_f32");
    private static readonly Kernel _decode = new("block_codes", "block_codes_decode_f32");

    /// <summary>A launch of a block of threads for each block of elements, with room for so many tables in shared memory.</summary>
    internal static LaunchSize SizeCuda(long elements, int tables) =>
        new(Blocks(elements), Threads, SharedBytes: tables * (TableBytes + PlacesBytes));

    private static void EncodeCuda(DeviceStream stream, Tensor codes, Tensor scales, Tensor x, bool isSigned)
    {
        CudaParts.RequireSingles(x);
        stream.Launch(_encode, SizeCuda(x.Elements, tables: 1), codes, scales, x, x.Elements, isSigned ? 1 : 0);
    }

    private static void DecodeCuda(DeviceStream stream, Tensor x, Tensor codes, Tensor scales, bool isSigned)
    {
        CudaParts.RequireSingles(x);
        stream.Launch(_decode, SizeCuda(x.Elements, tables: 1), x, codes, scales, x.Elements, isSigned ? 1 : 0);
    }
}
