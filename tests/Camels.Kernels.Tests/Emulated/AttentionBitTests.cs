using Camels.Kernels.Ops;
using Camels.Kernels.Tests.Ops;
using Camels.Testing;
using Xunit;

namespace Camels.Kernels.Tests.Emulated;

/// <summary>What GPU attention and the loss head promise to the bit.</summary>
public class AttentionBitTests
{
    [Theory]
    [InlineData("sm_80", 2, 1, 64, DType.BF16)]
    [InlineData("sm_80", 3, 1, 15, DType.F32)]
    [InlineData("sm_90a", 2, 2, 128, DType.BF16)]
    [InlineData("sm_90a", 6, 2, 64, DType.F16)]
    public void A_document_has_the_same_bits_packed_and_alone(string target, int heads, int keyHeads, int headWidth, DType dtype)
    {
        int[] lengths = [5, 1, 70, 131];
        AttentionRun.Document[] documents = [.. lengths.Select((length, i) => new AttentionRun.Document(length, Seed: i))];
        using Device device = Device.OpenEmulated(target);
        using AttentionRun packed = AttentionRun.Of(device, heads, keyHeads, headWidth, dtype, documents);
        for (int i = 0; i < documents.Length; i++)
        {
            using AttentionRun alone = AttentionRun.Of(device, heads, keyHeads, headWidth, dtype, documents[i]);
            foreach (string name in AttentionRun.Results)
            {
                Assert.Equal(alone.Bytes(name, document: 0), packed.Bytes(name, i));
            }
        }
    }

    [Theory]
    [InlineData("sm_80", 7, 4, 1, 33, DType.BF16)]
    [InlineData("sm_80", 140, 2, 2, 16, DType.F32)]
    [InlineData("sm_90a", 7, 2, 1, 128, DType.BF16)]
    [InlineData("sm_90a", 140, 3, 1, 64, DType.BF16)]
    public void The_cache_gives_the_bits_of_the_whole_document(
        string target, int tokensAtOnce, int heads, int keyHeads, int headWidth, DType dtype)
    {
        using Device device = Device.OpenEmulated(target);
        CachedAttentionTests.AssertSameBits(device, tokensAtOnce, heads, keyHeads, headWidth, dtype);
    }

    // Two blocks of keys and of rows, the second of which is not full; warps are interrupted anywhere.
    [Theory]
    [InlineData("sm_80", 66, 2, 1, 32)]
    [InlineData("sm_90a", 130, 2, 1, 64)]
    [InlineData("sm_90a", 130, 1, 1, 128)]
    public void Ten_schedules_give_the_same_bits_without_a_race(string target, int tokens, int heads, int keyHeads, int headWidth)
    {
        byte[][] results = [.. Enumerable.Range(1, 10).Select(Results)];
        Assert.All(results, result => Assert.Equal(results[0], result));

        byte[] Results(int seed)
        {
            using Device device = Device.OpenEmulated(target, new PtxOptions { Seed = seed, ChecksRaces = true });
            using AttentionRun run = AttentionRun.Of(
                device, heads, keyHeads, headWidth, DType.BF16, new AttentionRun.Document(tokens, Seed: 1), new AttentionRun.Document(3, Seed: 2));
            return [.. AttentionRun.Results.SelectMany(name => run.Bytes(name))];
        }
    }

    // Boxes reach into the document behind; what they bring from there must not count, not even as zero times it.
    [Theory]
    [InlineData("sm_80", 80)]
    [InlineData("sm_90a", 64)]
    [InlineData("sm_90a", 128)]
    public void A_documents_gradients_know_nothing_of_its_neighbours(string target, int headWidth)
    {
        AttentionRun.Document[] documents = [new(Tokens: 5, Seed: 1), new(Tokens: 70, Seed: 2), new(Tokens: 9, Seed: 3)];
        using Device device = Device.OpenEmulated(target);
        using AttentionRun clean = AttentionRun.Of(device, heads: 2, keyHeads: 1, headWidth, DType.BF16, documents);
        using AttentionRun poisoned = new(device, heads: 2, keyHeads: 1, headWidth, DType.BF16, documents);
        foreach (string name in (string[])["q", "k", "v", "dy"])
        {
            poisoned.Poison(name, document: 0, token: 4);
            poisoned.Poison(name, document: 2, token: 0);
        }

        poisoned.Forward();
        poisoned.Backward();
        Assert.All(AttentionRun.Results, name => Assert.Equal(clean.Bytes(name, document: 1), poisoned.Bytes(name, document: 1)));
    }

    [Theory]
    [InlineData("sm_80", DType.F32)]
    [InlineData("sm_90a", DType.BF16)]
    public void Neither_the_workspace_nor_its_neighbours_change_a_tokens_loss(string target, DType dtype)
    {
        const int Channels = 16;
        const int Vocabulary = 1304;
        const int Tokens = 5;
        using Device device = Device.OpenEmulated(target);
        using TestTensors tensors = new(device);
        Tensor x = tensors.Normal(new Random(1), dtype, Tokens, Channels);
        Tensor weight = tensors.Normal(new Random(2), dtype, Vocabulary, Channels);
        Tensor labels = tensors.Of(0, 1303, 511, 512, 99);
        Tensor scales = tensors.Normal(new Random(3), DType.F32, Tokens);
        byte[][] whole = Run(0, Tokens, LossHead.WorkspaceElements(Tokens, Channels, Vocabulary));
        byte[][] least = Run(0, Tokens, LossHead.LeastWorkspaceElements(Tokens, Channels, Vocabulary));
        byte[][] apart =
        [
            .. Run(0, 2, LossHead.WorkspaceElements(2, Channels, Vocabulary)), .. Run(2, 3, LossHead.WorkspaceElements(3, Channels, Vocabulary)),
        ];
        Assert.Equal(whole, least);
        Assert.Equal(whole, apart);

        // The bytes of each token's loss and gradient.
        byte[][] Run(int first, int tokens, long workspaceElements)
        {
            Tensor losses = tensors.New(DType.F32, tokens);
            Tensor dx = tensors.New(dtype, tokens, Channels);
            LossHead.ForwardBackward(
                device.Stream, losses: losses, dx: dx, dWeightSum: tensors.New(DType.F32, Vocabulary, Channels), x: x.Rows(first, tokens), weight: weight,
                trainedRows: tensors.Of([.. Enumerable.Range(0, tokens)]), labels: labels.Rows(first, tokens), scales: scales.Rows(first, tokens),
                trainedLaneBounds: tensors.Of(0, tokens), workspace: tensors.New(DType.F32, (int)workspaceElements));
            return [.. Enumerable.Range(0, tokens).Select(m => (byte[])[.. tensors.Read<byte>(losses.Rows(m, 1)), .. tensors.Read<byte>(dx.Rows(m, 1))])];
        }
    }
}
