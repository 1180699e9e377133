using Xunit;

namespace Camels.Kernels.Tests.PtxMachine;

/// <summary>Broken texts and wrong launches end in one line, never in a crash or without an end.</summary>
public sealed class PtxRobustnessTests
{
    private static readonly string[] Splinters =
    [
        ";", ",", "{", "}", "[", "]", "(", "@", "!", "|", "-1", "0x7fffffffffffffff", "0f", ".reg .b32 %r<99999999>;", ".shared .b8 big[999999999];", "%r1",
        "%p1", "%f1", "%rd1", "bra", "bra $L__BB0_1;", "ret;", "exit;", "mma.sync", "wgmma.wait_group.sync.aligned 0;", "bar.sync 15, 64;",
        "mbarrier.init.b64 [%rd1], 1;", "mbarrier.try_wait.parity.b64 %p1, [%rd1], 0;", "ld.global.v4.u32 {%r1, %r2, %r3, %r4}, [%rd1];", "/*", "//", "\0", "é",
        "cp.async.cg.shared.global [%r1], [%rd1], 16;", "setp.eq", "cvt", "mov.b64 {%r1, %r2}, %rd1;", "shfl.sync.bfly.b32 %r1, %r2, %r3, 31, -1;", ".entry", ".v4",
    ];

    [Theory]
    [InlineData("memory_bound.ptx", "block_maximum", 256)]
    [InlineData("product.ptx", "product_right", 128)]
    [InlineData("product_90a.ptx", "product_right", 256)]
    public void Broken_texts_end_in_one_line(string file, string kernel, int threads)
    {
        string[] lines = PtxFixtures.Read(file).Split('\n');
        int first = Array.FindIndex(lines, line => line.Contains($".entry {kernel}(", StringComparison.Ordinal));
        int end = Array.FindIndex(lines, first, line => line.StartsWith('}')) + 1;
        string[] head = [".version 8.0", ".target sm_90a", ".address_size 64", ".extern .shared .align 1024 .b8 bytes[];"];
        string shared = lines.First(line => line.StartsWith(".extern .shared", StringComparison.Ordinal));
        string[] whole = [.. head[..3], shared, .. lines[first..end]];
        Random random = new(5);
        for (int round = 0; round < 150; round++)
        {
            string text = string.Join('\n', Break(whole, random));
            try
            {
                RunAnyway(text, kernel, threads, round);
            }
            catch (PtxException error)
            {
                Assert.DoesNotContain('\n', error.Message);
                Assert.True(error.Message.Length < 600, error.Message);
            }
        }
    }

    [Fact]
    public void A_loop_without_end_is_an_error()
    {
        PtxException error = Assert.Throws<PtxException>(() => PtxSnippet.One("$L: bra $L;", 0));
        Assert.Equal(PtxFault.Budget, error.Fault);
        Assert.Contains("test.ptx:", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("ld.param.u64 %w, [pa]; ld.global.u32 %d, [%w+128];", PtxFault.OutOfBounds, "0 bytes behind the end of an allocation of 128")]
    [InlineData("ld.param.u64 %w, [pa]; ld.global.u32 %d, [%w+-4];", PtxFault.OutOfBounds, "no memory of the device")]
    [InlineData("ld.param.u64 %w, [pa]; ld.global.u32 %d, [%w+2];", PtxFault.Misaligned, "no multiple of 4")]
    [InlineData("mov.u64 %w, 0; st.global.u32 [%w], %a;", PtxFault.OutOfBounds, "writes 4 bytes at 0x0")]
    [InlineData("mov.u64 %w, 1024; ld.shared.u32 %d, [%w];", PtxFault.OutOfBounds, "shared address 1024")]
    [InlineData("ld.param.u32 %d, [pc+8];", PtxFault.OutOfBounds, "parameter byte 32")]
    [InlineData("trap;", PtxFault.Trap, "stopped itself")]
    [InlineData("setp.gt.u32 %p, %t, 3; @%p bra $L; bar.sync 0; $L:", PtxFault.Divergence, "0000000f")]
    [InlineData("bar.sync 1, 64;", PtxFault.Protocol, "a block of 32")]
    [InlineData("bar.sync 16;", PtxFault.Protocol, "there are 16")]
    [InlineData("setp.gt.u32 %p, %t, 3; @%p bra $L; shfl.sync.idx.b32 %d, %a, 0, 31, -1; $L:", PtxFault.Divergence, "ffffffff")]
    public void What_a_kernel_does_wrong_names_the_place(string body, PtxFault fault, string explanation)
    {
        PtxException error = Assert.Throws<PtxException>(() => PtxSnippet.One(body, 0));
        Assert.Equal(fault, error.Fault);
        Assert.Contains("kernel snippet, block (0,0,0), ", error.Message, StringComparison.Ordinal);
        Assert.Contains(explanation, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Waiting_for_what_never_comes_is_an_error()
    {
        // Warp 0 waits for a barrier of two warps, warp 1 never comes.
        const string Body = "setp.gt.u32 %p, %t, 31; @%p bra $L; bar.sync 1, 64; $L: setp.lt.u32 %p, %t, 32; @%p bra $M; bar.sync 2, 64; $M:";
        PtxException error = Assert.Throws<PtxException>(() => PtxSnippet.Run(Body, [0], threads: 64));
        Assert.Equal(PtxFault.Deadlock, error.Fault);
    }

    [Fact]
    public void Freed_memory_stays_freed()
    {
        using PtxMemory memory = new();
        ulong first = memory.Allocate(100);
        Assert.All(memory.Span<float>(first, 25).ToArray(), value => Assert.True(float.IsNaN(value)));
        memory.Free(first);
        Assert.NotEqual(first, memory.Allocate(100));
        Assert.Contains("freed", Assert.Throws<PtxException>(() => memory.Span<byte>(first, 1)).Message, StringComparison.Ordinal);
        _ = Assert.Throws<PtxException>(() => memory.Free(first));
    }

    [Fact]
    public void Wrong_launches_are_refused()
    {
        using PtxRun run = new(PtxFixtures.Read("memory_bound.ptx"));
        ulong place = run.Put(0f);
        Assert.Equal(PtxFault.Launch, Fault(() => run.Launch("block_maximum", new PtxDim(1), new PtxDim(512), 2048, place, place, 1)));
        Assert.Equal(PtxFault.Launch, Fault(() => run.Launch("block_maximum", new PtxDim(0), new PtxDim(256), 1024, place, place, 1)));
        Assert.Equal(PtxFault.Launch, Fault(() => run.Launch("block_maximum", new PtxDim(1), new PtxDim(256), 200_000, place, place, 1)));
        static PtxFault Fault(Action launch) => Assert.Throws<PtxException>(launch).Fault;
    }

    [Fact]
    public void Counters_count()
    {
        PtxOptions options = new() { CountsMemory = true };
        (_, _, PtxCounters counters) = PtxTensorCoreTests.Product("product_right", 64, 64, 64, options);

        // 4 warps x 2 steps of 32 x 2 halves x 8 fragments; the permuted layout has no conflicts; 64 rows of 128 bytes twice, and each sector of
        // the 64 x 64 singles by two stores, of every second column each.
        Assert.Equal(4 * 2 * 2 * 8, counters.TensorInstructions);
        Assert.Equal(0, counters.BankConflicts);
        Assert.Equal((2 * 64 * 4) + (2 * 64 * 64 * 4 / 32), counters.GlobalSectors);
        Assert.Equal(31, Conflicts("mul.lo.u32 %b, %t, 128;"));
        Assert.Equal(0, Conflicts("mul.lo.u32 %b, %t, 4;"));
        Assert.Equal(0, Conflicts("mov.u32 %b, 0;"));
        Assert.Equal(1, Conflicts("mul.lo.u32 %b, %t, 8;"));
    }

    private static long Conflicts(string address)
    {
        string text = $$"""
            {{PtxSnippet.Head}}
            .extern .shared .align 16 .b8 bytes[];
            .visible .entry snippet()
            .maxntid 32, 1, 1
            {
                .reg .b32 %t, %b; .reg .b64 %s, %w;
                mov.u32 %t, %tid.x; {{address}} mov.u64 %s, bytes; cvt.u64.u32 %w, %b; add.s64 %s, %s, %w; st.shared.u32 [%s], %t;
                ret;
            }
            """;
        using PtxRun run = new(text) { Options = new PtxOptions { CountsMemory = true } };
        return run.Launch("snippet", new PtxDim(1), new PtxDim(32), 4096).BankConflicts;
    }

    // One to three lines lost, doubled, exchanged, or with a splinter in them.
    private static string[] Break(string[] whole, Random random)
    {
        List<string> lines = [.. whole];
        for (int times = random.Next(1, 4); times > 0; times--)
        {
            int at = random.Next(lines.Count);
            switch (random.Next(5))
            {
                case 0: lines.RemoveAt(at); break;
                case 1: lines.Insert(at, lines[random.Next(lines.Count)]); break;
                case 2: lines[at] = lines[at].Replace("%r", "%rd", StringComparison.Ordinal); break;
                case 3: lines[at] = lines[at][..random.Next(lines[at].Length + 1)] + Splinters[random.Next(Splinters.Length)]; break;
                default:
                    string[] words = lines[at].Split(' ');
                    words[random.Next(words.Length)] = Splinters[random.Next(Splinters.Length)];
                    lines[at] = string.Join(' ', words);
                    break;
            }
        }

        return [.. lines];
    }

    private static void RunAnyway(string text, string kernel, int threads, int seed)
    {
        PtxModule module = PtxModule.Parse(text, "broken.ptx");
        using PtxMemory memory = new();
        ulong place = memory.Allocate(4096);
        if (module.Find(kernel) is PtxEntry entry)
        {
            byte[] parameters = new byte[entry.ParameterBytes];
            for (int i = 0; i + 8 <= Math.Min(24, parameters.Length); i += 8)
            {
                BitConverter.GetBytes(place).CopyTo(parameters, i);
            }

            PtxOptions options = new() { Seed = seed, ChecksRaces = seed % 2 == 0, MostInstructions = 5000 };
            _ = global::Camels.Kernels.PtxMachine.Launch(entry, new PtxDim(1), new PtxDim(threads), 51_200, parameters, memory, options);
        }
    }
}
