using Camels.Kernels.Tests.PtxMachine;
using Xunit;

namespace Camels.Kernels.Tests.Emulated;

/// <summary>Memory-bound kernels touch every byte as often as their formula needs, in whole sectors, and shared memory without conflicts.</summary>
public class MemoryTrafficTests
{
    private const int SectorBytes = 32;

    /// <summary>
    /// Flat kernels touch every sector of every tensor exactly as often as their loads and stores need: 512 bytes an access are 16 sectors.
    /// </summary>
    [Theory]
    [InlineData("add", "add_forward_bf16", 2, 3)]
    [InlineData("relu", "relu_forward_bf16", 2, 2)]
    [InlineData("relu", "relu_backward_f32", 4, 3)]
    [InlineData("gelu", "gelu_backward_bf16", 2, 3)]
    [InlineData("swi_glu", "swi_glu_forward_f16", 2, 3)]
    [InlineData("swi_glu", "swi_glu_backward_bf16", 2, 5)]
    public void Flat_kernels_move_whole_sectors(string file, string kernel, int bytes, int tensors)
    {
        int elements = 3 * 512 * 16 / bytes;
        using PtxRun run = Open(file);
        object[] arguments = [.. Enumerable.Range(0, tensors).Select(_ => (object)run.Put(new byte[elements * bytes])), (long)elements];
        PtxCounters counters = run.Launch(kernel, new PtxDim(3), new PtxDim(256), 0, arguments);
        Assert.Equal((long)elements * bytes / SectorBytes * tensors, counters.GlobalSectors);
        Assert.Equal(counters.GlobalSectors, counters.GlobalAccesses * 512 / SectorBytes);
    }

    [Fact]
    public void AdamW_moves_whole_sectors()
    {
        const int Elements = 2 * 512 * 4;
        using PtxRun run = Open("adam_w");
        ulong weight = run.Put(new ushort[Elements]);
        object[] states = [.. Enumerable.Range(0, 4).Select(_ => (object)run.Put(new float[Elements]))];
        object[] constants = [.. Enumerable.Repeat((object)1f, 9)];
        PtxCounters counters = run.Launch(
            "adam_w_update_bf16", new PtxDim(2), new PtxDim(256), 0, [weight, .. states, (long)Elements, .. constants]);

        // Four states read and written in singles, and the weight written: 34 bytes a weight.
        Assert.Equal(Elements * 34L / SectorBytes, counters.GlobalSectors);
    }

    [Theory]
    [InlineData("transpose_forward_f32", 4)]
    [InlineData("transpose_forward_bf16", 2)]
    public void Transpose_moves_whole_sectors_without_bank_conflicts(string kernel, int bytes)
    {
        int side = 128 / bytes;
        using PtxRun run = Open("transpose");
        ulong y = run.Put(new byte[4 * 128 * side]);
        ulong x = run.Put(new byte[4 * 128 * side]);
        PtxCounters counters = run.Launch(kernel, new PtxDim(2, 2), new PtxDim(256), side * 132, y, x, 2 * side, 2 * side);
        Assert.Equal(2 * 4L * 128 * side / SectorBytes, counters.GlobalSectors);
        Assert.Equal(0, counters.BankConflicts);
    }

    [Fact]
    public void A_norm_reads_its_row_once()
    {
        const int Rows = 3;
        const int Columns = 1024;
        using PtxRun run = Open("rms_norm");
        ulong y = run.Put(new ushort[Rows * Columns]);
        ulong rstd = run.Put(new float[Rows]);
        PtxCounters counters = run.Launch(
            "rms_norm_forward_bf16", new PtxDim(1), new PtxDim(64), 256, y, rstd, run.Put(new ushort[Rows * Columns]), run.Put(new ushort[Columns]),
            Rows, Columns, 1f);

        // Rows read and written, the weight once, a number a row.
        Assert.Equal((((2 * Rows) + 1) * Columns * 2L / SectorBytes) + Rows, counters.GlobalSectors);
        Assert.Equal(0, counters.BankConflicts);
    }

    private static PtxRun Open(string file)
    {
        string name = $"{file}.sm_80.ptx";
        return new PtxRun(PtxFixtures.ReadProduct(name), name) { Options = new PtxOptions { CountsMemory = true } };
    }
}
