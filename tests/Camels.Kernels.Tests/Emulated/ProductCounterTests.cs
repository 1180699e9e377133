using Camels.Kernels.Tests.PtxMachine;
using Xunit;

namespace Camels.Kernels.Tests.Emulated;

/// <summary>What products cost, counted: tensor instructions and passes over the banks of shared memory.</summary>
public class ProductCounterTests
{
    private const int Steps = 128;

    // A 128 x 128 tile: 64 blocks of 16 x 8 by 16 steps for each of four warps. Chunks are permuted so that no access takes a second pass.
    [Theory]
    [InlineData("mat_mul_forward_bf16", Steps)]
    [InlineData("mat_mul_backward_input_bf16", 128)]
    public void A_tile_takes_the_products_that_it_must_and_no_bank_twice(string kernel, long rightStride)
    {
        using PtxRun run = new(PtxFixtures.ReadProduct("mat_mul.sm_80.ptx")) { Options = new PtxOptions { CountsMemory = true } };
        ulong result = run.Put(new ushort[128 * 128]);
        ulong left = run.Put(new ushort[128 * Steps]);
        ulong right = run.Put(new ushort[128 * Steps]);
        object[] sizes = [128, 128, Steps, 128L, (long)Steps, rightStride, 0];
        object[] arguments = kernel == "mat_mul_forward_bf16"
            ? [result, left, right, 0UL, 0UL, 0UL, 0, .. sizes, 1, 1]                 // no bias, residual, copy before the activation, activation
            : [result, left, right, .. sizes, 0, 1, 1];                               // adds nothing to what was there
        PtxCounters counters = run.Launch(kernel, new PtxDim(1), new PtxDim(128), 64 << 10, arguments);
        Assert.Equal(4 * 4 * 8 * (Steps / 16), counters.TensorInstructions);
        Assert.Equal(0, counters.BankConflicts);
    }
}
