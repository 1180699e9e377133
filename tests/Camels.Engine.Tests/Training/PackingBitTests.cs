using Camels.Engine.Layers;
using Camels.Engine.Models;
using Camels.Engine.Parameters;
using Camels.Engine.Tests.Models;
using Camels.Kernels;
using Xunit;

namespace Camels.Engine.Tests.Training;

/// <summary>A document's losses and gradients are its own: neighbours, offset and packing do not change a bit.</summary>
public class PackingBitTests
{
    [Theory]
    [MemberData(nameof(TinyModels.Main), MemberType = typeof(TinyModels))]
    public void Packed_alone_and_shuffled_documents_have_the_same_bits(string name)
    {
        SameBits(name, Precision.Fp32);
        SameBits(name, Precision.Bf16);
        SameBits(name, Precision.Fp16);
    }

    private static void SameBits(string name, Precision precision)
    {
        List<TestDocument> documents = TinyLlama.Documents(count: 8, longest: 30);
        int[] order = [.. Enumerable.Range(0, documents.Count)];
        int[] shuffled = [5, 2, 7, 0, 3, 6, 1, 4];

        Dictionary<int, byte[]> packed = Run(name, precision, documents, [order]);
        Dictionary<int, byte[]> alone = Run(name, precision, documents, [.. order.Select(d => (int[])[d])]);
        Dictionary<int, byte[]> neighbours = Run(name, precision, documents, [shuffled[..3], shuffled[3..]]);
        foreach (int d in order)
        {
            Assert.True(packed[d].AsSpan().SequenceEqual(alone[d]), $"document {d}: packed and alone differ");
            Assert.True(packed[d].AsSpan().SequenceEqual(neighbours[d]), $"document {d}: other neighbours change it");
        }
    }

    [Fact]
    public void Equal_rows_in_other_lanes_give_equal_weight_gradients()
    {
        List<TestDocument> documents = TinyLlama.Documents(count: 6, longest: 20);
        byte[] first = WeightGradients(documents, [[0, 1, 2], [3], [4, 5], []]);
        byte[] again = WeightGradients(documents, [[3], [0, 1, 2], [4, 5], []]);
        Assert.Equal(first, again);
    }

    private static Dictionary<int, byte[]> Run(string name, Precision precision, List<TestDocument> documents, int[][] rows)
    {
        Dictionary<int, byte[]> result = [];
        Compute(name, precision, documents, rows, (losses, embeddingGradient, _) =>
        {
            int start = 0;
            int firstLoss = 0;
            int width = TinyModels.Config(name).HiddenSize * precision.Compute.Bytes();
            foreach (int d in rows.SelectMany(r => r))
            {
                int tokens = documents[d].Ids.Length;
                int trained = documents[d].Trained.Skip(1).Count(t => t != 0);
                byte[] lossBytes = losses.AsSpan(firstLoss * sizeof(float), trained * sizeof(float)).ToArray();
                result[d] = [.. lossBytes, .. embeddingGradient.AsSpan(start * width, tokens * width)];
                start += tokens;
                firstLoss += trained;
            }
        });
        return result;
    }

    private static byte[] WeightGradients(List<TestDocument> documents, int[][] rows)
    {
        byte[] bytes = [];
        Compute("llama", Precision.Fp32, documents, rows, (_, _, model) => bytes =
        [
            .. model.Units.SelectMany(u => u.Parameters)
                .SelectMany(p => System.Runtime.InteropServices.MemoryMarshal.AsBytes(p.Gradient.AsSpan<float>()).ToArray()),
        ]);
        return bytes;
    }

    private static void Compute(
        string name, Precision precision, List<TestDocument> documents, int[][] rows, Action<byte[], byte[], ILanguageModel> use)
    {
        using Device device = Device.OpenCpu(threads: 2);
        using ILanguageModel model = TinyModels.Create(name, device, precision);
        foreach (ParameterUnit unit in model.Units)
        {
            unit.AllocateTraining(gradientLevels: 0);
        }

        int tokens = documents.Sum(d => d.Ids.Length);
        using TokenBatch batch = new(device, tokens, rows.Length, precision.Wide);
        foreach (int[] row in rows)
        {
            List<int> bounds = [0];
            foreach (int d in row)
            {
                bounds.Add(bounds[^1] + documents[d].Ids.Length);
            }

            int[] labels = [.. row.SelectMany(d => documents[d].Ids.Select((_, t) =>
                t + 1 < documents[d].Ids.Length && documents[d].Trained[t + 1] != 0 ? documents[d].Ids[t + 1] : TokenBatch.NoLabel))];
            double[] scales = [.. labels.Where(l => l != TokenBatch.NoLabel).Select(_ => 0.25)];
            batch.AddLane([.. row.SelectMany(d => documents[d].Ids)], labels, [.. bounds], scales);
        }

        batch.Upload(device.Stream);
        using Arena arena = Arena.Allocate(device, 64 << 20, "test");
        arena.Poisoned = true;
        byte[] embeddingGradient = [];
        Pass pass = new(device.Stream, arena, precision, batch)
        {
            DropoutSeed = 11,
            Observer = (name, tensor) => embeddingGradient = name == "embedding.gradient" ? Bytes(tensor) : embeddingGradient,
        };
        Tensor losses = pass.NewStatistic(batch.TrainedTokens);
        model.ForwardBackward(pass, losses);
        use(Bytes(losses), embeddingGradient, model);
    }

    private static unsafe byte[] Bytes(Tensor tensor) => new ReadOnlySpan<byte>((void*)tensor.Address, (int)tensor.Bytes).ToArray();
}
