using Xunit;

namespace Camels.Kernels.Tests.PtxMachine;

/// <summary>The instructions of sm_90a: tensor copies, mbarriers and products of warpgroups.</summary>
public sealed class PtxHopperTests
{
    [Theory]
    [InlineData(64, 64, 64)]
    [InlineData(1, 1, 8)]
    [InlineData(100, 70, 520)]
    public void A_product_through_the_copy_engine_agrees_with_plain_loops(int rows, int columns, int inner)
    {
        foreach (int seed in Enumerable.Range(1, 5))
        {
            (float[] result, float[] expected) = Product("product_right", rows, columns, inner, new PtxOptions { Seed = seed });
            Assert.Equal(expected, result);
        }
    }

    [Theory]
    [InlineData(0, 0x1234u, 0x1234u)]
    [InlineData(128, 0x0410u, 0x0410u)]
    [InlineData(128, 0x0480u, 0x0490u)]
    [InlineData(128, 0x07F0u, 0x0780u)]
    [InlineData(64, 0x0480u, 0x0490u)]
    [InlineData(64, 0x0600u, 0x0600u)]
    [InlineData(32, 0x0480u, 0x0490u)]
    [InlineData(32, 0x0500u, 0x0500u)]
    public void Swizzles_permute_address_bits(int bytes, uint address, uint expected) => Assert.Equal(expected, PtxTensorMap.Swizzle(address, bytes));

    [Theory]
    [InlineData(24, true)]
    [InlineData(32, false)]
    public void A_block_shares_out_the_registers_that_it_started_with(int kept, bool suffices)
    {
        // 384 threads start with 168 each: 128 x 24 + 256 x 240 is all of it, and less than a multiprocessor has.
        using PtxRun run = new($$"""
            {{PtxSnippet.Head}}
            .visible .entry k()
            .maxntid 384, 1, 1
            .minnctapersm 1
            {
                .reg .b32 %t;
                .reg .pred %p;
                mov.u32 %t, %tid.x;
                setp.lt.u32 %p, %t, 128;
                @%p bra $COPIES;
                setmaxnreg.inc.sync.aligned.u32 240;
                ret;
            $COPIES:
                setmaxnreg.dec.sync.aligned.u32 {{kept}};
                ret;
            }
            """);
        PtxException? error = (PtxException?)Record.Exception(() => run.Launch("k", new PtxDim(1), new PtxDim(384), sharedBytes: 0));
        Assert.Equal(suffices, error is null);
        Assert.Contains(suffices ? "" : "65,536 registers in all, of which the block has 64,512", error?.Message ?? "", StringComparison.Ordinal);
    }

    [Fact]
    public void Descriptors_lead_to_elements()
    {
        // Rows i of 64 k: groups of 8 rows are 1024 bytes apart, row 3 at byte 384 has its chunks exchanged by 3.
        PtxWarpgroup.Factor rows = PtxWarpgroup.Factor.Of((0x2000u >> 4) | (1UL << 16) | (64UL << 32) | (1UL << 62));
        Assert.Equal(0x2000u, rows.ChunkAt(0, 0, hasKInRows: false));
        Assert.Equal(0x2000u + 1024 + 384 + (16 * (1 ^ 3)), rows.ChunkAt(11, 8, hasKInRows: false));

        // Rows are k, 64 i in each: the next 64 i are 4096 bytes on.
        PtxWarpgroup.Factor columns = PtxWarpgroup.Factor.Of((0x2000u >> 4) | (256UL << 16) | (64UL << 32) | (1UL << 62));
        Assert.Equal(0x2000u + 4096 + 1024 + 384 + (16 * (1 ^ 3)), columns.ChunkAt(72, 11, hasKInRows: true));
    }

    [Fact]
    public void Maps_that_the_driver_would_refuse_are_refused()
    {
        Assert.NotNull(Encode());
        Assert.Null(Encode(address: 8));
        Assert.Null(Encode(stride: 100));
        Assert.Null(Encode(stride: 240));
        Assert.Null(Encode(boxRows: 257));
        Assert.Null(Encode(boxColumns: 128));
        static PtxTensorMap? Encode(ulong address = 4096, ulong stride = 256, uint boxColumns = 64, uint boxRows = 64) =>
            PtxTensorMap.Encode(address, 128, 64, stride, boxColumns, boxRows, elementBytes: 2, swizzleBytes: 128, out _);
    }

    /// <summary>Runs a product of small integers, whose sums are exact, and its plain counterpart.</summary>
    internal static (float[] Result, float[] Expected) Product(string kernel, int rows, int columns, int inner, PtxOptions options)
    {
        Random random = new(7);
        float[,] x = PtxTensorCoreTests.Integers(random, rows, inner);
        float[,] weight = PtxTensorCoreTests.Integers(random, columns, inner);
        using PtxRun run = new(PtxFixtures.Read("product_90a.ptx"), "product_90a.ptx") { Options = options };
        ulong y = run.Put(new float[rows * columns]);
        _ = run.Launch(
            kernel, new PtxDim((columns + 63) / 64, (rows + 63) / 64), new PtxDim(256), (3 * 2 * 64 * 128) + 48,
            y, Map(run, x), Map(run, weight), rows, columns, inner);
        float[] expected = new float[rows * columns];
        for (int row = 0; row < rows; row++)
        {
            for (int column = 0; column < columns; column++)
            {
                for (int k = 0; k < inner; k++)
                {
                    expected[(row * columns) + column] += x[row, k] * weight[column, k];
                }
            }
        }

        return (run.Get<float>(y, rows * columns), expected);
    }

    internal static unsafe byte[] Map(PtxRun run, float[,] values)
    {
        int rows = values.GetLength(0);
        int columns = values.GetLength(1);
        ulong address = run.Put(PtxTensorCoreTests.ToBFloat16(values));
        PtxTensorMap map = PtxTensorMap.Encode(address, (ulong)columns, (ulong)rows, (ulong)columns * 2, 64, 64, 2, 128, out string reason)
            ?? throw new InvalidOperationException(reason);
        return new Span<byte>(&map, PtxTensorMap.Bytes).ToArray();
    }
}
