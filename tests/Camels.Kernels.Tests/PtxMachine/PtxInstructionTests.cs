using Xunit;
using static Camels.Kernels.Tests.PtxMachine.PtxSnippet;

namespace Camels.Kernels.Tests.PtxMachine;

/// <summary>Instruction by instruction against values worked out by hand.</summary>
public sealed class PtxInstructionTests
{
    public static TheoryData<string, uint, uint, uint, uint> Integers => new()
    {
        { "add.s32 %d, %a, %b;", 7, 0xFFFF_FFFE, 0, 5 },
        { "sub.u32 %d, %a, %b;", 1, 2, 0, 0xFFFF_FFFF },
        { "mul.lo.s32 %d, %a, %b;", 0x10001, 0x10001, 0, 0x20001 },
        { "mul.hi.u32 %d, %a, %b;", 0x8000_0000, 6, 0, 3 },
        { "mul.hi.s32 %d, %a, %b;", 0x8000_0000, 6, 0, 0xFFFF_FFFD },
        { "mad.lo.s32 %d, %a, %b, %c;", 3, 5, 100, 115 },
        { "mul.wide.s32 %w, %a, %b; shr.u64 %w, %w, 32; cvt.u32.u64 %d, %w;", 0xFFFF_FFFF, 3, 0, 0xFFFF_FFFF },
        { "mul.wide.u32 %w, %a, %b; shr.u64 %w, %w, 32; cvt.u32.u64 %d, %w;", 0xFFFF_FFFF, 3, 0, 2 },
        { "div.s32 %d, %a, %b;", unchecked((uint)-7), 2, 0, unchecked((uint)-3) },
        { "div.u32 %d, %a, %b;", 7, 0, 0, 0xFFFF_FFFF },
        { "rem.s32 %d, %a, %b;", unchecked((uint)-7), 2, 0, 0xFFFF_FFFF },
        { "div.s32 %d, %a, %b;", 0x8000_0000, 0xFFFF_FFFF, 0, 0x8000_0000 },
        { "min.s32 %d, %a, %b;", 0xFFFF_FFFF, 1, 0, 0xFFFF_FFFF },
        { "min.u32 %d, %a, %b;", 0xFFFF_FFFF, 1, 0, 1 },
        { "shl.b32 %d, %a, %b;", 1, 32, 0, 0 },
        { "shl.b32 %d, %a, 31;", 1, 0, 0, 0x8000_0000 },
        { "shr.s32 %d, %a, %b;", 0x8000_0000, 40, 0, 0xFFFF_FFFF },
        { "shr.u32 %d, %a, 4;", 0x8000_0000, 0, 0, 0x0800_0000 },
        { "shf.l.wrap.b32 %d, %a, %b, %c;", 0x8000_0000, 1, 33, 3 },
        { "shf.r.clamp.b32 %d, %a, %b, %c;", 5, 9, 32, 9 },
        { "prmt.b32 %d, %a, %b, 0x5410;", 0x4433_2211, 0x8877_6655, 0, 0x6655_2211 },
        { "prmt.b32 %d, %a, %b, %c;", 0x0000_0080, 0, 0x8888, 0xFFFF_FFFF },
        { "bfe.u32 %d, %a, 4, 8;", 0xABCD, 0, 0, 0xBC },
        { "bfe.s32 %d, %a, 4, 8;", 0xABCD, 0, 0, 0xFFFF_FFBC },
        { "lop3.b32 %d, %a, %b, %c, 0xE8;", 0xF0F0, 0xFF00, 0xCCCC, 0xFCC0 },
        { "popc.b32 %d, %a;", 0xF00F, 0, 0, 8 },
        { "clz.b32 %d, %a;", 1, 0, 0, 31 },
        { "brev.b32 %d, %a;", 1, 0, 0, 0x8000_0000 },
        { "bfind.u32 %d, %a;", 0x1234, 0, 0, 12 },
        { "not.b32 %d, %a;", 0, 0, 0, 0xFFFF_FFFF },
        { "cvt.u16.u32 %h, %a; cvt.s32.s16 %d, %h;", 0x1_8001, 0, 0, 0xFFFF_8001 },
        { "cvt.u16.u32 %h, %a; add.s16 %h, %h, 1; cvt.u32.u16 %d, %h;", 0xFFFF, 0, 0, 0 },
        { "cvt.s8.s32 %h, %a; cvt.u32.u16 %d, %h;", 0x80, 0, 0, 0xFF80 },
        { "cvt.s64.s32 %w, %a; shr.u64 %w, %w, 60; cvt.u32.u64 %d, %w;", 0xFFFF_FFFF, 0, 0, 15 },
        { "setp.lt.s32 %p, %a, %b; selp.b32 %d, 1, 2, %p;", 0xFFFF_FFFF, 0, 0, 1 },
        { "setp.lo.u32 %p, %a, %b; selp.b32 %d, 1, 2, %p;", 0xFFFF_FFFF, 0, 0, 2 },
        { "setp.gt.u32 %q, %a, 1; setp.lt.and.u32 %p, %a, %b, !%q; selp.b32 %d, 1, 2, %p;", 1, 5, 0, 1 },
        { "setp.gt.u32 %q, %a, 1; setp.lt.and.u32 %p, %a, %b, !%q; selp.b32 %d, 1, 2, %p;", 2, 5, 0, 2 },
        { "setp.eq.u32 %p, %a, %b; not.pred %q, %p; xor.pred %p, %p, %q; selp.b32 %d, 1, 2, %p;", 2, 5, 0, 1 },
        { "mov.b32 {%h, %i}, %a; mov.b32 %d, {%i, %h};", 0x1111_2222, 0, 0, 0x2222_1111 },
        { "mov.b64 %w, {%a, %b}; mov.b64 {%d, %a}, %w; add.u32 %d, %d, %a;", 3, 4, 0, 7 },
        { "mov.u32 %d, 5; @%p mov.u32 %d, 6;", 0, 0, 0, 5 },
        { "mov.u32 %d, 5; @!%p mov.u32 %d, 6;", 0, 0, 0, 6 },
    };

    [Theory]
    [MemberData(nameof(Integers))]
    public void Integer_instructions(string body, uint a, uint b, uint c, uint expected) => Assert.Equal(expected, One(body, a, b, c));

    public static TheoryData<string, float, float, float, float> Floats => new()
    {
        { "add.f32 %d, %a, %b;", 1.5f, 2.25f, 0, 3.75f },
        { "sub.rn.f32 %d, %a, %b;", 1.5f, 2.25f, 0, -0.75f },
        { "mul.f32 %d, %a, %b;", 3f, -2f, 0, -6f },
        { "fma.rn.f32 %d, %a, %b, %c;", 1 + 1f / 4096, 1 - 1f / 4096, -1f, -1f / (4096f * 4096f) },
        { "div.rn.f32 %d, %a, %b;", 1f, 3f, 0, 1f / 3f },
        { "sqrt.rn.f32 %d, %a;", 2f, 0, 0, 1.41421356f },
        { "rcp.rn.f32 %d, %a;", 3f, 0, 0, 1f / 3f },
        { "rsqrt.approx.ftz.f32 %d, %a;", 4f, 0, 0, 0.5f },
        { "neg.f32 %d, %a;", 0f, 0, 0, -0f },
        { "abs.f32 %d, %a;", -2f, 0, 0, 2f },
        { "min.f32 %d, %a, %b;", float.NaN, 1f, 0, 1f },
        { "max.f32 %d, %a, %b;", -0f, 0f, 0, 0f },
        { "max.NaN.f32 %d, %a, %b;", float.NaN, 1f, 0, float.NaN },
        { "add.ftz.f32 %d, %a, %b;", 1e-40f, 1f, 0, 1f },
        { "mul.ftz.f32 %d, %a, %b;", 1e-20f, 1e-20f, 0, 0f },
        { "ex2.approx.ftz.f32 %d, %a;", 3f, 0, 0, 8f },
        { "ex2.approx.ftz.f32 %d, %a;", float.NegativeInfinity, 0, 0, 0f },
        { "ex2.approx.ftz.f32 %d, %a;", 128f, 0, 0, float.PositiveInfinity },
        { "ex2.approx.ftz.f32 %d, %a;", -130f, 0, 0, 0f },
        { "ex2.approx.f32 %d, %a;", -130f, 0, 0, 7.3468396926392969e-40f },
        { "ex2.approx.f32 %d, %a;", float.NaN, 0, 0, float.NaN },
        { "lg2.approx.ftz.f32 %d, %a;", 8f, 0, 0, 3f },
        { "lg2.approx.ftz.f32 %d, %a;", 0f, 0, 0, float.NegativeInfinity },
        { "sin.approx.f32 %d, %a;", 0.5f, 0, 0, 0.47942555f },
        { "cos.approx.f32 %d, %a;", 0.5f, 0, 0, 0.87758255f },
        { "tanh.approx.f32 %d, %a;", 0.5f, 0, 0, 0.46211717f },
        { "cvt.rn.f32.s32 %d, 16777217;", 0, 0, 0, 16777216f },
        { "cvt.rzi.f32.f32 %d, %a;", -1.7f, 0, 0, -1f },
        { "cvt.rni.f32.f32 %d, %a;", 2.5f, 0, 0, 2f },
        { "setp.ne.f32 %p, %a, %b; selp.f32 %d, 0f3F800000, 0f40000000, %p;", float.NaN, 1f, 0, 2f },
        { "setp.neu.f32 %p, %a, %b; selp.f32 %d, 0f3F800000, 0f40000000, %p;", float.NaN, 1f, 0, 1f },
        { "setp.leu.f32 %p, %a, %b; selp.f32 %d, 0f3F800000, 0f40000000, %p;", float.NaN, 1f, 0, 1f },
        { "setp.geu.f32 %p, %a, %b; selp.f32 %d, 0f3F800000, 0f40000000, %p;", 1f, 2f, 0, 2f },
        { "copysign.f32 %d, %a, %b;", -1f, 5f, 0, -5f },
        { "cvt.f64.f32 %w, %a; mul.f64 %w, %w, 0d4000000000000000; cvt.rn.f32.f64 %d, %w;", 1.5f, 0, 0, 3f },
    };

    [Theory]
    [MemberData(nameof(Floats))]
    public void Float_instructions(string body, float a, float b, float c, float expected) =>
        Assert.Equal(Bits(expected), float.IsNaN(expected) && float.IsNaN(Single(One(body, Bits(a), Bits(b), Bits(c))))
            ? Bits(expected)
            : One(body, Bits(a), Bits(b), Bits(c)));

    public static TheoryData<string, float, float, uint> Conversions => new()
    {
        // 1 + 2^-8 lies between two bf16 and goes to the even one, 1 + 3 * 2^-8 too.
        { "cvt.rn.bf16.f32 %h, %a; cvt.u32.u16 %d, %h;", 1 + 1f / 256, 0, 0x3F80 },
        { "cvt.rn.bf16.f32 %h, %a; cvt.u32.u16 %d, %h;", 1 + 3f / 256, 0, 0x3F82 },
        { "cvt.rn.bf16.f32 %h, %a; cvt.u32.u16 %d, %h;", 1 + 1f / 256 + 1f / 65536, 0, 0x3F81 },
        { "cvt.rn.bf16.f32 %h, %a; cvt.u32.u16 %d, %h;", float.NaN, 0, 0x7FFF },
        { "cvt.rn.bf16.f32 %h, %a; cvt.u32.u16 %d, %h;", float.MaxValue, 0, 0x7F80 },
        { "cvt.rn.bf16x2.f32 %d, %a, %b;", 2f, 1f, 0x4000_3F80 },
        { "cvt.rn.f16.f32 %h, %a; cvt.u32.u16 %d, %h;", 1 + 1f / 2048, 0, 0x3C00 },
        { "cvt.rn.f16.f32 %h, %a; cvt.u32.u16 %d, %h;", 65520f, 0, 0x7C00 },
        { "cvt.rn.f16x2.f32 %d, %a, %b;", 2f, 1f, 0x4000_3C00 },
        { "mov.b32 {%h, %i}, 0x3C004000; cvt.f32.f16 %d, %h;", 0, 0, 0x4000_0000 },
        { "cvt.rzi.s32.f32 %d, %a;", -1.9f, 0, 0xFFFF_FFFF },
        { "cvt.rni.s32.f32 %d, %a;", 2.5f, 0, 2 },
        { "cvt.rmi.s32.f32 %d, %a;", -1.1f, 0, 0xFFFF_FFFE },
        { "cvt.rpi.s32.f32 %d, %a;", 1.1f, 0, 2 },
        { "cvt.rzi.s32.f32 %d, %a;", 3e9f, 0, 0x7FFF_FFFF },
        { "cvt.rzi.u32.f32 %d, %a;", -3f, 0, 0 },
        { "cvt.rzi.s32.f32 %d, %a;", float.NaN, 0, 0 },
        { "cvt.rna.tf32.f32 %d, %a;", 1 + 1f / 2048, 0, 0x3F80_2000 },
    };

    [Theory]
    [MemberData(nameof(Conversions))]
    public void Conversions_round_as_documented(string body, float a, float b, uint expected) => Assert.Equal(expected, One(body, Bits(a), Bits(b)));

    [Fact]
    public void Exponential_stays_within_two_units_in_the_last_place()
    {
        Random random = new(3);
        for (int round = 0; round < 100; round++)
        {
            uint[] inputs = [.. Enumerable.Range(0, 32).Select(_ => Bits((float)((random.NextDouble() * 250) - 125)))];
            uint[] results = Run("ex2.approx.ftz.f32 %d, %a;", inputs);
            for (int lane = 0; lane < 32; lane++)
            {
                double truth = Math.Pow(2, Single(inputs[lane]));
                double unit = Math.ScaleB(1, Math.ILogB(truth) - 23);
                Assert.True(Math.Abs(Single(results[lane]) - truth) <= 2 * unit);
            }
        }
    }

    [Fact]
    public void Lanes_that_part_meet_again()
    {
        // Even lanes add 1, odd ones 10 in a loop of (lane) rounds; behind it all 32 vote together.
        uint[] result = Run(
            """
                and.b32 %b, %t, 1;
                setp.eq.u32 %p, %b, 0;
                mov.u32 %c, 0;
            $LOOP:
                setp.ge.u32 %q, %c, %t;
                @%q bra $DONE;
                @%p bra $EVEN;
                add.u32 %d, %d, 10;
                bra $NEXT;
            $EVEN:
                add.u32 %d, %d, 1;
            $NEXT:
                add.u32 %c, %c, 1;
                bra.uni $LOOP;
            $DONE:
                vote.sync.ballot.b32 %b, %p, 0xffffffff;
                add.u32 %d, %d, %b;
            """,
            [0]);
        for (int lane = 0; lane < 32; lane++)
        {
            Assert.Equal(0x5555_5555u + (uint)(lane * (lane % 2 == 0 ? 1 : 10)), result[lane]);
        }
    }

    [Fact]
    public void Threads_that_end_leave_the_others_running()
    {
        uint[] result = Run("setp.gt.u32 %p, %t, 3; @%p exit; mov.u32 %d, 9;", [0]);
        Assert.Equal([9, 9, 9, 9], result[..4]);
        Assert.All(result[4..], value => Assert.Equal(0u, value));
    }

    [Theory]
    [InlineData("bfly", 1, "31", new uint[] { 1, 0, 3, 2 })]
    [InlineData("up", 1, "0", new uint[] { 0, 0, 1, 2 })]
    [InlineData("down", 2, "31", new uint[] { 2, 3, 4, 5 })]
    [InlineData("idx", 3, "31", new uint[] { 3, 3, 3, 3 })]
    [InlineData("idx", 1, "0x1C1F", new uint[] { 1, 1, 1, 1 })]
    public void Shuffles_move_values(string mode, int operand, string clamp, uint[] expected)
    {
        uint[] result = Run($"shfl.sync.{mode}.b32 %d, %t, {operand}, {clamp}, 0xffffffff;", [0]);
        Assert.Equal(expected, result[..4]);
        if (clamp == "0x1C1F")
        {
            Assert.Equal([5, 5, 5, 5, 9], result[4..9]);
        }
    }

    [Fact]
    public void Together_the_lanes_vote_match_and_reduce()
    {
        uint[] lanes = [.. Enumerable.Range(0, 32).Select(lane => (uint)lane)];
        Assert.All(Run("redux.sync.add.u32 %d, %a, 0xffffffff;", lanes), value => Assert.Equal(496u, value));
        Assert.All(Run("redux.sync.max.s32 %d, %a, 0xffffffff;", lanes), value => Assert.Equal(31u, value));
        Assert.All(Run("setp.gt.u32 %p, %a, 29; vote.sync.any.pred %q, %p, 0xffffffff; selp.b32 %d, 1, 2, %q;", lanes), value => Assert.Equal(1u, value));
        Assert.All(Run("setp.gt.u32 %p, %a, 29; vote.sync.all.pred %q, %p, 0xffffffff; selp.b32 %d, 1, 2, %q;", lanes), value => Assert.Equal(2u, value));
        uint[] same = Run("shr.u32 %b, %a, 2; match.any.sync.b32 %d, %b, 0xffffffff;", lanes);
        Assert.Equal(0xFu, same[3]);
        Assert.Equal(0xF0u, same[4]);
        Assert.Equal(0xF0000000u, same[31]);
    }
}
