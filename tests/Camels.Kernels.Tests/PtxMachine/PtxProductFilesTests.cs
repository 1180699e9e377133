using Xunit;

namespace Camels.Kernels.Tests.PtxMachine;

/// <summary>What must hold of every committed kernel, and that each check can fail.</summary>
public sealed class PtxProductFilesTests
{
    private const string Kernel = PtxSnippet.Head + ".visible .entry k(.param .u64 a, .param .u32 n)\n.maxntid 256, 1, 1\n.minnctapersm 2\n{ BODY ret; }\n";

    public static TheoryData<string> Files => [.. PtxFixtures.Product];

    [Theory]
    [MemberData(nameof(Files))]
    public void Every_kernel_of_the_product_holds(string file)
    {
        string text = PtxFixtures.ReadProduct(file);
        Assert.Empty(PtxChecks.Check(text, file));
        Assert.EndsWith($".{PtxModule.Parse(text, file).Target}.ptx", file, StringComparison.Ordinal);
    }

    // Does not hold yet. In the order in which clang wrote them, kernels of these files keep more registers alive than 85 % of what their bounds
    // leave. Whether the driver's assembler finds an order without spills only a GPU says: local bytes must be 0. A file leaves this list when its
    // kernels fit, as some did.
    private static readonly string[] Crowded = ["layer_norm"];

    [Theory]
    [MemberData(nameof(Files))]
    public void Kernels_leave_room_for_registers(string file)
    {
        IReadOnlyList<string> crowded = PtxChecks.CheckRegisters(PtxModule.Parse(PtxFixtures.ReadProduct(file), file));
        Assert.True(crowded.Count == 0 || Crowded.Contains(file.Split('.')[0]), string.Join('\n', crowded));
    }

    [Theory]
    [InlineData(".version 8.0", ".version 8.1", "version 8.1")]
    [InlineData(".target sm_90a", ".target sm_75", "target sm_75")]
    [InlineData(".maxntid 256, 1, 1", "", "no .maxntid")]
    [InlineData("BODY", ".reg .b32 %r; .reg .b64 %d; add.s32 %r, %r, %d;", "width")]
    [InlineData("BODY", ".reg .b32 %r; add.s32 %r, %r, %q;", "not declared")]
    [InlineData("BODY", "bra $NOWHERE;", "no label")]
    [InlineData("BODY", ".reg .b64 %d; mov.u64 %d, nothing;", "neither a register nor")]
    [InlineData("BODY", ".local .align 4 .b8 array[16];", ".local")]
    [InlineData("BODY", ".reg .b32 %r; call (%r), function, (%r);", "")]
    [InlineData("BODY", "{ .reg .b32 %r; ", "")]
    [InlineData("BODY", "frobnicate.f32;", "does not know")]
    [InlineData("BODY", ".reg .b32 %r; add.quick.s32 %r, %r, %r;", ".quick")]
    public void What_is_wrong_is_seen(string before, string after, string explanation)
    {
        string right = Kernel.Replace("BODY", "", StringComparison.Ordinal);
        Assert.Empty(PtxChecks.Check(right, "k.ptx"));
        string wrong = (before == "BODY" ? Kernel : right).Replace(before, after, StringComparison.Ordinal);
        string problem = Assert.Single(PtxChecks.Check(wrong, "k.ptx"));
        Assert.Contains(explanation, problem, StringComparison.Ordinal);
        Assert.StartsWith("k.ptx:", problem, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', problem);
    }

    [Theory]
    [InlineData(108, true)]
    [InlineData(109, false)]
    public void Kernels_that_would_spill_are_seen(int alive, bool isFine)
    {
        // 65 536 / (256 x 2) = 128 registers, of which 85 % are 108.8.
        IEnumerable<int> registers = Enumerable.Range(0, alive - 1);
        string body = $".reg .b32 %r<{alive}>;\n"
            + string.Concat(registers.Select(i => $"mov.u32 %r{i}, {i};\n"))
            + $"mov.u32 %r{alive - 1}, 0;\n"
            + string.Concat(registers.Select(i => $"add.s32 %r{alive - 1}, %r{alive - 1}, %r{i};\n"));
        PtxModule module = PtxModule.Parse(Kernel.Replace("BODY", body, StringComparison.Ordinal), "k.ptx");
        IReadOnlyList<string> problems = PtxChecks.CheckRegisters(module);
        Assert.Equal(isFine, problems.Count == 0);
    }

    [Theory]
    [InlineData(24, true)]
    [InlineData(25, false)]
    public void Threads_that_give_registers_back_keep_enough(int alive, bool isFine)
    {
        IEnumerable<int> registers = Enumerable.Range(0, alive);
        string body = $".reg .b32 %r<{alive}>;\n"
            + "setmaxnreg.dec.sync.aligned.u32 24;\n"
            + string.Concat(registers.Select(i => $"mov.u32 %r{i}, {i};\n"))
            + string.Concat(registers.Select(i => $"add.s32 %r0, %r0, %r{i};\n"));
        PtxModule module = PtxModule.Parse(Kernel.Replace("BODY", body, StringComparison.Ordinal), "k.ptx");
        Assert.Equal(isFine, PtxChecks.CheckRegisters(module).Count == 0);
    }

    [Fact]
    public unsafe void Parameters_are_compared_with_the_call()
    {
        string text = Kernel.Replace("BODY", "", StringComparison.Ordinal);
        PtxEntry entry = PtxModule.Parse(text, "k.ptx").Find("k")!;
        Assert.Null(PtxChecks.CheckCall(entry, new LaunchSize(1, 256), [8L, 4]));
        Assert.Contains("2 arguments", PtxChecks.CheckCall(entry, new LaunchSize(1, 256), [8L])!, StringComparison.Ordinal);
        Assert.Contains("n has 4 bytes", PtxChecks.CheckCall(entry, new LaunchSize(1, 256), [8L, 8L])!, StringComparison.Ordinal);
        Assert.Contains("at most 256 threads", PtxChecks.CheckCall(entry, new LaunchSize(1, 257), [8L, 4])!, StringComparison.Ordinal);

        entry = PtxModule.Parse(text.Replace(".param .u32 n", ".param .align 64 .b8 n[128]", StringComparison.Ordinal), "k.ptx").Find("k")!;
        Assert.Null(PtxChecks.CheckCall(entry, new LaunchSize(1, 256), [8L, new KernelArgument((void*)192, 128)]));
        Assert.Contains("multiples of 64 bytes", PtxChecks.CheckCall(entry, new LaunchSize(1, 256), [8L, new KernelArgument((void*)160, 128)])!, StringComparison.Ordinal);
    }
}
