using Xunit;

namespace Camels.Kernels.Tests.PtxMachine;

/// <summary>Fragments, products and asynchronous copies against layouts worked out by hand and plain loops.</summary>
public sealed class PtxTensorCoreTests
{
    private const string Fragments =
        PtxSnippet.Head +
        """
        .visible .entry product(.param .u64 pd, .param .u64 pa, .param .u64 pb, .param .u64 pc)
        .maxntid 32, 1, 1
        {
            .reg .b32 %t, %a<4>, %b<2>, %c<4>; .reg .b64 %o;
            mov.u32 %t, %tid.x;
            ld.param.u64 %o, [pa]; mad.wide.u32 %o, %t, 16, %o; ld.global.v4.u32 {%a0, %a1, %a2, %a3}, [%o];
            ld.param.u64 %o, [pb]; mad.wide.u32 %o, %t, 8, %o; ld.global.v2.u32 {%b0, %b1}, [%o];
            ld.param.u64 %o, [pc]; mad.wide.u32 %o, %t, 16, %o; ld.global.v4.u32 {%c0, %c1, %c2, %c3}, [%o];
            mma.sync.aligned.m16n8k16.row.col.f32.TYPE.TYPE.f32 {%c0, %c1, %c2, %c3}, {%a0, %a1, %a2, %a3}, {%b0, %b1}, {%c0, %c1, %c2, %c3};
            ld.param.u64 %o, [pd]; mad.wide.u32 %o, %t, 16, %o; st.global.v4.u32 [%o], {%c0, %c1, %c2, %c3};
            ret;
        }
        """;

    private const string Matrices =
        PtxSnippet.Head +
        """
        .extern .shared .align 1024 .b8 bytes[];
        .visible .entry load(.param .u64 out)
        .maxntid 32, 1, 1
        {
            .reg .b32 %t, %v, %r<4>; .reg .b64 %o, %s; .reg .b16 %h;
            mov.u32 %t, %tid.x;
            mov.u64 %s, bytes;
            mad.wide.u32 %s, %t, 16, %s;
            mov.u32 %v, %t; shl.b32 %v, %v, 3;
        """;

    [Theory]
    [InlineData("bf16")]
    [InlineData("f16")]
    public void Fragments_of_a_product_lie_where_the_manual_says(string type)
    {
        Random random = new(1);
        float[,] a = Integers(random, 16, 16);
        float[,] b = Integers(random, 16, 8);
        float[,] c = Integers(random, 16, 8);
        uint[] packedA = new uint[128];
        uint[] packedB = new uint[64];
        float[] packedC = new float[128];
        for (int lane = 0; lane < 32; lane++)
        {
            int g = lane / 4;
            int q = 2 * (lane % 4);
            (int Row, int Column)[] placesOfA = [(g, q), (g + 8, q), (g, q + 8), (g + 8, q + 8)];
            for (int i = 0; i < 4; i++)
            {
                (int row, int column) = placesOfA[i];
                packedA[(4 * lane) + i] = Pack(type, a[row, column], a[row, column + 1]);
                packedC[(4 * lane) + i] = c[g + (i / 2 * 8), q + (i % 2)];
            }

            packedB[2 * lane] = Pack(type, b[q, g], b[q + 1, g]);
            packedB[(2 * lane) + 1] = Pack(type, b[q + 8, g], b[q + 9, g]);
        }

        using PtxRun run = new(Fragments.Replace("TYPE", type, StringComparison.Ordinal));
        ulong d = run.Put(new float[128]);
        PtxCounters counters = run.Launch("product", new PtxDim(1), new PtxDim(32), 0, d, run.Put(packedA), run.Put(packedB), run.Put(packedC));
        float[] result = run.Get<float>(d, 128);
        Assert.Equal(1, counters.TensorInstructions);
        for (int lane = 0; lane < 32; lane++)
        {
            for (int i = 0; i < 4; i++)
            {
                int row = (lane / 4) + (i / 2 * 8);
                int column = (2 * (lane % 4)) + (i % 2);
                float expected = c[row, column];
                for (int k = 0; k < 16; k++)
                {
                    expected += a[row, k] * b[k, column];
                }

                Assert.Equal(expected, result[(4 * lane) + i]);
            }
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Matrices_are_loaded_as_rows_or_columns(bool isTransposed)
    {
        // Element (row, column) of matrix m is 256 m + 8 row + column; row r of matrix m lies at byte 128 m + 16 r.
        string text = Matrices +
            $$"""
                and.b32 %r0, %t, 7; shl.b32 %r0, %r0, 3; shr.u32 %r1, %t, 3; shl.b32 %r1, %r1, 8; add.u32 %v, %r0, %r1;
                {{string.Concat(Enumerable.Range(0, 8).Select(i => $"add.u32 %r2, %v, {i}; cvt.u16.u32 %h, %r2; st.shared.u16 [%s+{2 * i}], %h;\n"))}}
                bar.warp.sync 0xffffffff;
                ldmatrix.sync.aligned.m8n8.x4{{(isTransposed ? ".trans" : "")}}.shared.b16 {%r0, %r1, %r2, %r3}, [%s];
                ld.param.u64 %o, [out]; mad.wide.u32 %o, %t, 16, %o; st.global.v4.u32 [%o], {%r0, %r1, %r2, %r3};
                ret;
            }
            """;
        using PtxRun run = new(text);
        ulong output = run.Put(new uint[128]);
        _ = run.Launch("load", new PtxDim(1), new PtxDim(32), 1024, output);
        uint[] result = run.Get<uint>(output, 128);
        for (int lane = 0; lane < 32; lane++)
        {
            for (int m = 0; m < 4; m++)
            {
                int first = 2 * (lane % 4);
                uint low = (uint)((256 * m) + (isTransposed ? (8 * first) + (lane / 4) : (8 * (lane / 4)) + first));
                uint high = low + (isTransposed ? 8u : 1);
                Assert.Equal(low | (high << 16), result[(4 * lane) + m]);
            }
        }
    }

    [Theory]
    [InlineData(64, 64, 32)]
    [InlineData(1, 1, 8)]
    [InlineData(100, 70, 200)]
    public void A_product_through_stages_agrees_with_plain_loops(int rows, int columns, int inner)
    {
        (float[] result, float[] expected, _) = Product("product_right", rows, columns, inner, new PtxOptions());
        Assert.Equal(expected, result);
    }

    /// <summary>Runs a product of small integers, whose sums are exact, and its plain counterpart.</summary>
    internal static (float[] Result, float[] Expected, PtxCounters Counters) Product(string kernel, int rows, int columns, int inner, PtxOptions options)
    {
        Random random = new(7);
        float[,] x = Integers(random, rows, inner);
        float[,] weight = Integers(random, columns, inner);
        using PtxRun run = new(PtxFixtures.Read("product.ptx"), "product.ptx") { Options = options };
        ulong y = run.Put(new float[rows * columns]);
        PtxCounters counters = run.Launch(
            kernel, new PtxDim((columns + 63) / 64, (rows + 63) / 64), new PtxDim(128), 3 * 8192,
            y, run.Put(ToBFloat16(x)), run.Put(ToBFloat16(weight)), rows, columns, inner);
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

        return (run.Get<float>(y, rows * columns), expected, counters);
    }

    internal static ushort[] ToBFloat16(float[,] values) => [.. values.Cast<float>().Select(value => ((BFloat16)value).Bits)];

    internal static float[,] Integers(Random random, int rows, int columns)
    {
        float[,] values = new float[rows, columns];
        for (int row = 0; row < rows; row++)
        {
            for (int column = 0; column < columns; column++)
            {
                values[row, column] = random.Next(-4, 5);
            }
        }

        return values;
    }

    private static uint Pack(string type, float low, float high) => type == "bf16"
        ? ((BFloat16)low).Bits | ((uint)((BFloat16)high).Bits << 16)
        : BitConverter.HalfToUInt16Bits((Half)low) | ((uint)BitConverter.HalfToUInt16Bits((Half)high) << 16);
}
