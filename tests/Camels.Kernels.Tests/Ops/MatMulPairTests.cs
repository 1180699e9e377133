using System.Runtime.InteropServices;
using Camels.Kernels.Interop;
using Camels.Kernels.Ops;
using Xunit;

namespace Camels.Kernels.Tests.Ops;

/// <summary>Products of bfloat16 in pairs have the bits of the managed path.</summary>
[Trait("Category", "Paths")]
public sealed unsafe class MatMulPairTests
{
    public static TheoryData<int, int, int> Sizes => new()
    {
        { 65, 1, 1 },             // fewer rows are multiplied in single precision (CpuFewRows)
        { 66, 2, 48 },
        { 73, 33, 50 },
        { 81, 16, 31 },
        { 65, 2307, 17 },
        { 72, 9001, 3 },          // more pairs than are packed at once
        { 1040, 8195, 2 },        // more rows than are packed at once
        { 130, 7, 443 },
        { 611, 601, 259 },        // the right factor is packed by each tile
        { 70, 4099, 150 },        // in several blocks of pairs
    };

    public static TheoryData<int, int, int[]> Lanes => new()
    {
        { 3, 5, [0, 5, 5, 40, 1100, 1101, 1101, 1101, 1107] },
        { 130, 50, [0, 5, 5, 40, 1100, 1101, 1101, 1101, 1107] },
        { 300, 201, [0, 101, 200, 351, 500, 700, 701, 900, 1023] },             // all lanes share one block of pairs
        { 300, 200, [0, 999, 2001, 3000, 4001, 4101, 4203, 4300, 4401] },       // pairs of lanes do
        { 90, 111, [0, 2051, 4100, 10001, 10001, 10001, 10001, 10001, 10002] }, // a lane takes several blocks
        { 20, 4097, [0, 1, 2, 3, 4] },
        { 33, 29, [0, 31] },
        { 33, 29, [0, 0, 31] },
    };

    [PairTileTheory(needsInstruction: false)]
    [MemberData(nameof(Sizes))]
    public void Pairs_in_instructions_of_avx512_are_the_managed_chain(int rows, int steps, int columns) =>
        CheckProducts(CpuLibrary.SpelledOutPairTile, rows, steps, columns);

    [PairTileTheory(needsInstruction: true)]
    [MemberData(nameof(Sizes))]
    public void Pairs_in_dot_products_are_the_managed_chain(int rows, int steps, int columns) =>
        CheckProducts(CpuLibrary.PairTile, rows, steps, columns);

    [PairTileTheory(needsInstruction: false)]
    [MemberData(nameof(Lanes))]
    public void A_weights_gradient_in_instructions_of_avx512_is_the_managed_tree(int outputs, int channels, int[] bounds) =>
        CheckLanes(CpuLibrary.SpelledOutPairTile, outputs, channels, bounds);

    [PairTileTheory(needsInstruction: true)]
    [MemberData(nameof(Lanes))]
    public void A_weights_gradient_in_dot_products_is_the_managed_tree(int outputs, int channels, int[] bounds) =>
        CheckLanes(CpuLibrary.PairTile, outputs, channels, bounds);

    [PairTileTheory(needsInstruction: false)]
    [InlineData(1)]
    [InlineData(3)]
    public void A_chain_of_negative_zeros_keeps_its_sign_beside_a_missing_step(int steps)
    {
        using Machine machine = new(CpuLibrary.SpelledOutPairTile);
        Tensor dx = machine.Random(DType.BF16, 8, 1), dy = machine.Random(DType.BF16, 8, steps), weight = machine.Random(DType.BF16, steps, 1);
        dx.AsSpan<BFloat16>().Fill(new BFloat16(0x8000));
        dy.AsSpan<BFloat16>().Fill(new BFloat16(0x8000));
        weight.AsSpan<BFloat16>().Fill((BFloat16)1f);
        MatMul.BackwardInputSum(machine.Stream, dxSum: dx, dy: dy, weight: weight);
        Assert.All(dx.AsSpan<BFloat16>().ToArray(), value => Assert.Equal(0x8000, value.Bits));
    }

    [PairTileTheory(needsInstruction: false)]
    [InlineData(true)]
    [InlineData(false)]
    public void A_tile_that_adds_in_another_order_is_found_out(bool inOrder)
    {
        CpuPairTile tile = new((nint)(delegate* unmanaged<float*, long, float*, float*, long, long, long, long, long, byte*, long, byte**, void>)(
            inOrder ? &UpperFirst : &LowerFirst));
        Assert.Equal(inOrder, CpuBFloat16.AddsInOrder(tile));
    }

    [PairTileTheory(needsInstruction: true)]
    [InlineData(true)]
    public void The_instruction_is_used_where_it_is(bool expected)
    {
        Assert.Equal(expected, CpuBFloat16.UsesDotProducts);
        using Device device = Device.OpenCpu(threads: 1);
        Assert.Equal("avx512_bf16", device.KernelPath);
    }

    private static void CheckProducts(CpuPairTile tile, int rows, int steps, int columns)
    {
        using Machine managed = new(default), pairs = new(tile);
        foreach (DType result in (DType[])[DType.BF16, DType.F32])
        {
            byte[] Forward(Machine machine)
            {
                Tensor y = machine.Random(result, rows, columns);
                MatMul.Forward(machine.Stream, y: y, x: machine.Random(DType.BF16, rows, steps), weight: machine.Random(DType.BF16, columns, steps));
                return Bytes(y);
            }

            Assert.Equal(Forward(managed), Forward(pairs));
        }

        foreach (bool sums in (bool[])[false, true])
        {
            byte[] Backward(Machine machine)
            {
                Tensor dx = machine.Random(DType.BF16, rows, columns);
                Tensor dy = machine.Random(DType.BF16, rows, steps), weight = machine.Random(DType.BF16, steps, columns);
                if (sums)
                {
                    MatMul.BackwardInputSum(machine.Stream, dxSum: dx, dy: dy, weight: weight);
                }
                else
                {
                    MatMul.BackwardInput(machine.Stream, dx: dx, dy: dy, weight: weight);
                }

                return Bytes(dx);
            }

            Assert.Equal(Backward(managed), Backward(pairs));
        }
    }

    private static void CheckLanes(CpuPairTile tile, int outputs, int channels, int[] bounds)
    {
        using Machine managed = new(default), pairs = new(tile);
        byte[] Backward(Machine machine)
        {
            Tensor sum = machine.Random(DType.F32, outputs, channels);
            MatMul.BackwardWeight(
                machine.Stream, dWeightSum: sum, dy: machine.Random(DType.BF16, bounds[^1], outputs), x: machine.Random(DType.BF16, bounds[^1], channels),
                laneBounds: machine.Integers(bounds));
            return Bytes(sum);
        }

        Assert.Equal(Backward(managed), Backward(pairs));
    }

    private static byte[] Bytes(Tensor tensor) => tensor.DType.Bytes() == sizeof(float)
        ? MemoryMarshal.AsBytes(tensor.AsSpan<float>()).ToArray()
        : MemoryMarshal.AsBytes(tensor.AsSpan<ushort>()).ToArray();

    [UnmanagedCallersOnly]
    private static void UpperFirst(
        float* c, long stride, float* a, float* b, long skip, long steps, long columns, long accumulate, long merges, byte* next, long nextStride,
        byte** lines) => AddPairs(c, a, b, steps, 0xFFFF_0000, 0x0000_FFFF);

    [UnmanagedCallersOnly]
    private static void LowerFirst(
        float* c, long stride, float* a, float* b, long skip, long steps, long columns, long accumulate, long merges, byte* next, long nextStride,
        byte** lines) => AddPairs(c, a, b, steps, 0x0000_FFFF, 0xFFFF_0000);

    private static void AddPairs(float* c, float* a, float* b, long steps, uint first, uint second)
    {
        for (int i = 0; i < CpuTile.Elements; i++)
        {
            float sum = 0;
            for (long pair = 0; pair < steps / 2; pair++)
            {
                uint left = ((uint*)a)[(pair * CpuTile.Rows) + (i / CpuTile.Columns)];
                uint right = ((uint*)b)[(pair * CpuTile.Columns) + (i % CpuTile.Columns)];
                sum = MathF.FusedMultiplyAdd(Half(left, first), Half(right, first), sum);
                sum = MathF.FusedMultiplyAdd(Half(left, second), Half(right, second), sum);
            }

            c[i] = sum;
        }

        static float Half(uint pair, uint mask) => BitConverter.UInt32BitsToSingle((mask & 1) == 0 ? pair & mask : pair << 16);
    }

    // A device and tensors on it whose values depend on their sizes and order alone.
    private sealed class Machine(CpuPairTile tile) : IDisposable
    {
        private readonly Device _device = Device.OpenCpu(threads: 2, tile);
        private readonly List<DeviceMemory> _memory = [];

        public DeviceStream Stream => _device.Stream;

        // Between 0.5 and 2 in magnitude, of both signs, and one in sixteen a zero.
        public Tensor Random(DType dtype, int rows, int columns)
        {
            Tensor tensor = New(dtype, rows, columns);
            Random random = new(rows + (7 * columns) + _memory.Count);
            Span<ushort> halves = new((void*)tensor.Address, (int)tensor.Elements * dtype.Bytes() / sizeof(ushort));
            random.NextBytes(MemoryMarshal.AsBytes(halves));
            for (int i = (dtype.Bytes() / sizeof(ushort)) - 1; i < halves.Length; i += dtype.Bytes() / sizeof(ushort))
            {
                halves[i] = (ushort)((halves[i] & 0x7800) == 0 ? halves[i] & 0x8000 : (halves[i] & 0x80FF) | 0x3F00);
            }

            return tensor;
        }

        public Tensor Integers(int[] values)
        {
            Tensor tensor = New(DType.I32, values.Length);
            values.CopyTo(tensor.AsSpan<int>());
            return tensor;
        }

        public void Dispose()
        {
            _memory.ForEach(block => block.Dispose());
            _device.Dispose();
        }

        private Tensor New(DType dtype, params int[] extents)
        {
            DeviceMemory block = DeviceMemory.Allocate(_device, new Shape(extents).Elements * dtype.Bytes());
            _memory.Add(block);
            return block.View(0, dtype, extents);
        }
    }
}
