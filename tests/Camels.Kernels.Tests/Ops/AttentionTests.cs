using Camels.Kernels.Ops;
using Xunit;

namespace Camels.Kernels.Tests.Ops;

/// <summary>
/// A token's numbers are a function of its own document up to it (forward), and of its own document (backward): to the bit, wherever the
/// document lies, whatever its neighbours hold, and however many threads compute.
/// </summary>
[Trait("Category", "Paths")]
public class AttentionTests
{
    public static TheoryData<int, int, int, DType> Shapes => new()
    {
        { 1, 1, 64, DType.F32 },
        { 2, 2, 33, DType.F32 },
        { 3, 1, 16, DType.F32 },
        { 8, 2, 15, DType.BF16 },
        { 2, 1, 80, DType.F16 },
    };

    [Theory]
    [MemberData(nameof(Shapes))]
    public void A_document_has_the_same_bits_packed_alone_and_among_other_neighbours(int heads, int keyHeads, int headWidth, DType dtype)
    {
        int[] lengths = [5, 1, 70, 33, 131, 64];
        AttentionRun.Document[] documents = [.. lengths.Select((length, i) => new AttentionRun.Document(length, Seed: i))];
        using Device cpu = Device.OpenCpu(threads: 2);
        using AttentionRun packed = AttentionRun.Of(cpu, heads, keyHeads, headWidth, dtype, documents);
        using AttentionRun shuffled = AttentionRun.Of(cpu, heads, keyHeads, headWidth, dtype, [.. documents.Reverse()]);
        for (int i = 0; i < documents.Length; i++)
        {
            using AttentionRun alone = AttentionRun.Of(cpu, heads, keyHeads, headWidth, dtype, documents[i]);
            foreach (string name in AttentionRun.Results)
            {
                Assert.Equal(alone.Bytes(name, document: 0), packed.Bytes(name, i));
                Assert.Equal(alone.Bytes(name, document: 0), shuffled.Bytes(name, documents.Length - 1 - i));
            }
        }
    }

    [Theory]
    [MemberData(nameof(Shapes))]
    public void Threads_do_not_change_a_bit_of_a_long_document(int heads, int keyHeads, int headWidth, DType dtype)
    {
        using Device one = Device.OpenCpu(threads: 1);
        using Device three = Device.OpenCpu(threads: 3);
        AttentionRun.Document[] documents = [new(Tokens: 300, Seed: 1), new(Tokens: 2, Seed: 2)];
        using AttentionRun expected = AttentionRun.Of(one, heads, keyHeads, headWidth, dtype, documents);
        using AttentionRun actual = AttentionRun.Of(three, heads, keyHeads, headWidth, dtype, documents);
        foreach (string name in AttentionRun.Results)
        {
            Assert.Equal(expected.Bytes(name), actual.Bytes(name));
        }
    }

    // NaN in one token's queries, keys and values: tokens before it and other documents do not notice, in the forward. It and later ones do.
    [Theory]
    [InlineData(0)]
    [InlineData(6)]
    [InlineData(63)]
    [InlineData(64)]
    [InlineData(90)]
    public void A_poisoned_token_is_not_seen_before_it(int poisoned)
    {
        const int Tokens = 100;
        using Device cpu = Device.OpenCpu(threads: 1);
        AttentionRun.Document[] documents = [new(Tokens: 7, Seed: 1), new(Tokens, Seed: 2), new(Tokens: 9, Seed: 3)];
        using AttentionRun clean = AttentionRun.Of(cpu, heads: 3, keyHeads: 1, headWidth: 20, DType.F32, documents);
        using AttentionRun actual = new(cpu, heads: 3, keyHeads: 1, headWidth: 20, DType.F32, documents);
        foreach (string name in (string[])["q", "k", "v"])
        {
            actual.Poison(name, document: 1, poisoned);
        }

        actual.Forward();
        foreach (string name in (string[])["y", "logSumExp"])
        {
            Assert.Equal(clean.Bytes(name, document: 0), actual.Bytes(name, document: 0));
            Assert.Equal(clean.Bytes(name, document: 2), actual.Bytes(name, document: 2));
            for (int token = 0; token < Tokens; token++)
            {
                Assert.Equal(token < poisoned, clean.Bytes(name, document: 1, token).SequenceEqual(actual.Bytes(name, document: 1, token)));
            }
        }
    }

    // In the backward a query's upstream gradient reaches its own gradient and the keys up to it; a key and its value reach the queries from
    // it on. The saved statistics are those of the clean run.
    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public void Poison_reaches_only_the_gradients_that_depend_on_it(int heads)
    {
        const int Tokens = 100;
        const int Poisoned = 37;
        using Device cpu = Device.OpenCpu(threads: 1);
        AttentionRun.Document[] documents = [new(Tokens: 7, Seed: 1), new(Tokens, Seed: 2), new(Tokens: 9, Seed: 3)];
        using AttentionRun clean = AttentionRun.Of(cpu, heads, keyHeads: 1, headWidth: 20, DType.F32, documents);
        using AttentionRun query = AttentionRun.Of(cpu, heads, keyHeads: 1, headWidth: 20, DType.F32, documents);
        query.Poison("dy", document: 1, Poisoned);
        query.Backward();
        using AttentionRun key = AttentionRun.Of(cpu, heads, keyHeads: 1, headWidth: 20, DType.F32, documents);
        key.Poison("k", document: 1, Poisoned);
        key.Poison("v", document: 1, Poisoned);
        key.Backward();
        for (int token = 0; token < Tokens; token++)
        {
            Assert.Equal(token != Poisoned, IsUntouched(query, "dq", token));
            Assert.Equal(token > Poisoned, IsUntouched(query, "dk", token));
            Assert.Equal(token > Poisoned, IsUntouched(query, "dv", token));
            Assert.Equal(token < Poisoned, IsUntouched(key, "dq", token));
            Assert.Equal(token != Poisoned, IsUntouched(key, "dk", token));
            Assert.Equal(token != Poisoned, IsUntouched(key, "dv", token));
        }

        foreach (string name in (string[])["dq", "dk", "dv"])
        {
            Assert.Equal(clean.Bytes(name, document: 2), query.Bytes(name, document: 2));
            Assert.Equal(clean.Bytes(name, document: 0), key.Bytes(name, document: 0));
        }

        bool IsUntouched(AttentionRun run, string name, int token) =>
            clean.Bytes(name, document: 1, token).SequenceEqual(run.Bytes(name, document: 1, token));
    }

    // A weight below exp(-87) is 0, a score far above the rest takes all: nothing overflows, and the first key's value comes out exactly.
    [Fact]
    public void Scores_of_any_size_give_finite_results()
    {
        using Device cpu = Device.OpenCpu(threads: 1);
        using AttentionRun run = new(cpu, heads: 1, keyHeads: 1, headWidth: 8, DType.F32, new AttentionRun.Document(Tokens: 70, Seed: 5));
        run["q"].AsSpan<float>().Fill(1000);
        run["k"].AsSpan<float>().Fill(-1000);
        run["k"].AsSpan<float>()[..8].Fill(1000);
        run.Forward();
        for (int token = 0; token < 70; token++)
        {
            Assert.Equal(run.Bytes("v", document: 0, token: 0), run.Bytes("y", document: 0, token));
        }
    }

    [Fact]
    public void Nothing_is_allocated_once_the_scratch_memory_is_there()
    {
        using Device cpu = Device.OpenCpu(threads: 2);
        using AttentionRun run = AttentionRun.Of(cpu, heads: 2, keyHeads: 1, headWidth: 16, DType.F32, new AttentionRun.Document(40, Seed: 1));
        long before = GC.GetAllocatedBytesForCurrentThread();
        run.Forward();
        run.Backward();
        Assert.Equal(before, GC.GetAllocatedBytesForCurrentThread());
    }

    [Theory]
    [InlineData(new[] { 0, 3, 2, 4 }, 2)]      // falls
    [InlineData(new[] { 1, 4 }, 2)]            // does not start at 0
    [InlineData(new[] { 0, 3 }, 2)]            // does not end at the number of tokens
    [InlineData(new[] { 0, 4 }, 3)]            // a head width that does not divide the columns
    public void Sizes_that_do_not_fit_are_refused(int[] bounds, int headWidth)
    {
        using Device cpu = Device.OpenCpu(threads: 1);
        using DeviceMemory memory = DeviceMemory.Allocate(cpu, bytes: 4096);
        Tensor q = memory.View(0, DType.F32, 4, 8);
        Tensor documentBounds = memory.View(2048, DType.I32, bounds.Length);
        bounds.CopyTo(documentBounds.AsSpan<int>());
        _ = Assert.Throws<ArgumentException>(() => Attention.Forward(
            cpu.Stream, y: memory.View(1024, DType.F32, 4, 8), logSumExp: memory.View(3072, DType.F32, 4, 4), q, k: q, v: q, documentBounds,
            headWidth, scale: 1));
    }
}
