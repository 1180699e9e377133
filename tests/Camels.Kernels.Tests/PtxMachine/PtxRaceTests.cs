using Xunit;

namespace Camels.Kernels.Tests.PtxMachine;

/// <summary>Right kernels give no alarm under any seed; each planted bug is found under most.</summary>
public sealed class PtxRaceTests
{
    private const int Seeds = 10;

    [Fact]
    public void Right_kernels_give_no_alarm()
    {
        for (int seed = 0; seed < Seeds; seed++)
        {
            PtxOptions options = new() { Seed = seed, ChecksRaces = true };
            (float[] result, float[] expected, _) = PtxTensorCoreTests.Product("product_right", 70, 65, 200, options);
            Assert.Equal(expected, result);
            (result, expected) = PtxHopperTests.Product("product_right", 65, 64, 448, options);
            Assert.Equal(expected, result);
            BlockMaximum("block_maximum", options);
        }
    }

    [Theory]
    [InlineData("product_no_barrier", PtxFault.Race, PtxFault.Uninitialised)]
    [InlineData("product_lax_wait", PtxFault.Race)]
    [InlineData("product_lane_skips", PtxFault.Divergence)]
    public void Bugs_planted_in_the_product_of_sm_80_are_found(string kernel, params PtxFault[] faults) =>
        FoundByMost(faults, options => _ = PtxTensorCoreTests.Product(kernel, 64, 64, 200, options));

    [Theory]
    [InlineData("product_no_empty_wait", PtxFault.Race, PtxFault.Protocol)]
    [InlineData("product_early_release", PtxFault.Race)]
    [InlineData("product_wrong_phase", PtxFault.Race, PtxFault.Uninitialised)]
    [InlineData("product_too_many_arrivals", PtxFault.Race, PtxFault.Protocol, PtxFault.Deadlock)]
    public void Bugs_planted_in_the_product_of_sm_90a_are_found(string kernel, params PtxFault[] faults) =>
        FoundByMost(faults, options => _ = PtxHopperTests.Product(kernel, 64, 64, 512, options));

    [Fact]
    public void A_missing_barrier_in_a_reduction_is_found() =>
        FoundByMost([PtxFault.Race], options => BlockMaximum("block_maximum_without_barrier", options));

    [Theory]
    [InlineData("product_lax_wait")]
    [InlineData("product_no_barrier")]
    public void Without_the_race_check_poison_shows_what_was_read_too_early(string kernel)
    {
        int wrong = Enumerable.Range(0, Seeds).Count(seed =>
        {
            (float[] result, float[] expected, _) = PtxTensorCoreTests.Product(kernel, 64, 64, 200, new PtxOptions { Seed = seed });
            return !result.SequenceEqual(expected);
        });
        Assert.True(wrong >= Seeds / 2, $"{wrong} of {Seeds}");
    }

    [Fact]
    public void Products_that_are_not_waited_for_read_as_nothing()
    {
        (float[] result, _) = PtxHopperTests.Product("product_no_product_wait", 64, 64, 64, new PtxOptions());
        Assert.Contains(result, float.IsNaN);
    }

    [Theory]
    [InlineData("st.shared.u32 [%w], %a; ld.shared.u32 %d, [%w+4];", PtxFault.Race)]
    [InlineData("st.shared.u32 [%w], %a; bar.warp.sync 0xffffffff; ld.shared.u32 %d, [%x];", null)]
    [InlineData("ld.shared.u32 %d, [%w];", PtxFault.Uninitialised)]
    [InlineData("cvt.u16.u32 %h, %a; st.shared.u16 [%w], %h; ld.shared.u32 %d, [%w];", PtxFault.Uninitialised)]
    [InlineData("ld.param.u64 %y, [pb]; st.global.u32 [%y], %t; ld.global.u32 %d, [%y];", PtxFault.Race)]
    public void Lanes_of_a_warp_are_ordered_by_its_barriers_only(string body, PtxFault? fault)
    {
        string text = $$"""
            {{PtxSnippet.Head}}
            .extern .shared .align 16 .b8 bytes[];
            .visible .entry snippet(.param .u64 pa, .param .u64 pb)
            .maxntid 32, 1, 1
            {
                .reg .pred %p; .reg .b16 %h; .reg .b32 %t, %a, %d; .reg .b64 %w, %x, %y;
                mov.u32 %t, %tid.x; mov.u32 %a, 7; mov.u64 %w, bytes; mad.wide.u32 %w, %t, 4, %w;
                xor.b64 %x, %w, 4;
                {{body}}
                ret;
            }
            """;
        using PtxRun run = new(text) { Options = new PtxOptions { ChecksRaces = true } };
        void Launch() => _ = run.Launch("snippet", new PtxDim(1), new PtxDim(32), 136, run.Put(0u), run.Put(0u));
        if (fault is null)
        {
            Launch();
        }
        else
        {
            PtxException error = Assert.Throws<PtxException>(Launch);
            Assert.Equal(fault, error.Fault);
            Assert.Contains("kernel snippet, block (0,0,0), thread (", error.Message, StringComparison.Ordinal);
            Assert.Contains("test.ptx:", error.Message, StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData("fence.proxy.async.shared::cta;", false)]
    [InlineData("", true)]
    public void What_a_thread_wrote_is_overwritten_by_a_box_only_behind_a_fence(string fence, bool races)
    {
        string text = $$"""
            {{PtxSnippet.Head}}
            .extern .shared .align 1024 .b8 bytes[];
            .visible .entry snippet(.param .align 64 .b8 snippet_param_0[128])
            .maxntid 32, 1, 1
            {
                .reg .pred %p; .reg .b32 %t, %tile, %barrier, %n; .reg .b64 %w, %map, %s;
                mov.u32 %t, %tid.x; setp.ne.u32 %p, %t, 0; @%p bra $END;
                mov.u64 %w, bytes; cvt.u32.u64 %tile, %w; add.s32 %barrier, %tile, 8192;
                mov.b32 %n, 1; mbarrier.init.shared::cta.b64 [%barrier], %n;
                fence.mbarrier_init.release.cluster; fence.proxy.async.shared::cta;
                st.shared.u32 [%tile], %n;
                {{fence}}
                mov.b64 %w, snippet_param_0; cvta.param.u64 %map, %w;
                mov.b32 %n, 8192; mbarrier.arrive.expect_tx.shared::cta.b64 %s, [%barrier], %n;
                cp.async.bulk.tensor.2d.shared::cluster.global.mbarrier::complete_tx::bytes [%tile], [%map, {%t, %t}], [%barrier];
            $AGAIN:
                mbarrier.try_wait.parity.shared::cta.b64 %p, [%barrier], %t;
                @!%p bra $AGAIN;
            $END:
                ret;
            }
            """;
        using PtxRun run = new(text) { Options = new PtxOptions { ChecksRaces = true } };
        byte[] map = PtxHopperTests.Map(run, new float[64, 64]);
        PtxException? error = (PtxException?)Record.Exception(() => run.Launch("snippet", new PtxDim(1), new PtxDim(32), 8200, map));
        Assert.Equal(races ? PtxFault.Race : null, error?.Fault);
        Assert.Contains(races ? "an engine writes shared address" : "", error?.Message ?? "", StringComparison.Ordinal);
    }

    [Fact]
    public void Blocks_that_write_to_one_place_race()
    {
        string text = $$"""
            {{PtxSnippet.Head}}
            .visible .entry snippet(.param .u64 pa, .param .u32 stride)
            .maxntid 32, 1, 1
            {
                .reg .b32 %t, %b, %s; .reg .b64 %w;
                mov.u32 %t, %tid.x; mov.u32 %b, %ctaid.x; ld.param.u32 %s, [stride]; mad.lo.u32 %t, %b, %s, %t;
                ld.param.u64 %w, [pa]; mad.wide.u32 %w, %t, 4, %w; st.global.u32 [%w], %t;
                ret;
            }
            """;
        using PtxRun run = new(text) { Options = new PtxOptions { ChecksRaces = true } };
        ulong place = run.Put(new uint[64]);
        _ = run.Launch("snippet", new PtxDim(2), new PtxDim(32), 0, place, 32);
        _ = run.Launch("snippet", new PtxDim(2), new PtxDim(32), 0, place, 32);
        Assert.Equal(PtxFault.Race, Assert.Throws<PtxException>(() => run.Launch("snippet", new PtxDim(2), new PtxDim(32), 0, place, 31)).Fault);
    }

    private static void FoundByMost(PtxFault[] faults, Action<PtxOptions> run)
    {
        int found = 0;
        for (int seed = 0; seed < Seeds; seed++)
        {
            try
            {
                run(new PtxOptions { Seed = seed, ChecksRaces = true, MostInstructions = 10_000_000 });
            }
            catch (PtxException error) when (faults.Contains(error.Fault))
            {
                found++;
            }
        }

        Assert.True(found > Seeds / 2, $"found in {found} of {Seeds} seeds");
    }

    private static void BlockMaximum(string kernel, PtxOptions options)
    {
        using PtxRun run = new(PtxFixtures.Read("memory_bound.ptx"), "memory_bound.ptx") { Options = options };
        float[] x = PtxKernelTests.Random(1000, seed: 1);
        ulong y = run.Put(0f);
        _ = run.Launch(kernel, new PtxDim(1), new PtxDim(256), 1024, y, run.Put(x), 1000);
        Assert.Equal(x.Max(), run.Get<float>(y, 1)[0]);
    }
}
