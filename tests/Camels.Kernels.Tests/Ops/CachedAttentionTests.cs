using Camels.Kernels.Ops;
using Xunit;

namespace Camels.Kernels.Tests.Ops;

/// <summary>Generation reads the same numbers that training computes: to the bit, however the tokens come in.</summary>
[Trait("Category", "Paths")]
public class CachedAttentionTests
{
    private const int Length = 140;
    private static readonly int[] _lengths = [131, 1, 66];

    public static TheoryData<int, int, int, int, DType> Chunks
    {
        get
        {
            TheoryData<int, int, int, int, DType> data = [];
            foreach (int tokensAtOnce in (int[])[1, 3, 7, Length])
            {
                data.Add(tokensAtOnce, 1, 1, 33, DType.F32);
                data.Add(tokensAtOnce, 6, 2, 16, DType.F32);
                data.Add(tokensAtOnce, 4, 1, 8, DType.BF16);
                data.Add(tokensAtOnce, 4, 1, 64, DType.BF16);
                data.Add(tokensAtOnce, 2, 1, 80, DType.F32);    // four registers of columns and one more: a bit of single precision shows
                data.Add(tokensAtOnce, 2, 2, 80, DType.BF16);
            }

            return data;
        }
    }

    // Every round each sequence that has tokens left brings its next ones; the cache beyond them is NaN.
    [Theory]
    [MemberData(nameof(Chunks))]
    public void The_cache_gives_the_bits_of_the_whole_document(int tokensAtOnce, int heads, int keyHeads, int headWidth, DType dtype)
    {
        using Device cpu = Device.OpenCpu(threads: 2);
        AssertSameBits(cpu, tokensAtOnce, heads, keyHeads, headWidth, dtype);
    }

    /// <summary>The cache of a device gives the bits of whole documents on it.</summary>
    internal static void AssertSameBits(Device device, int tokensAtOnce, int heads, int keyHeads, int headWidth, DType dtype)
    {
        AttentionRun.Document[] documents = [.. _lengths.Select((length, i) => new AttentionRun.Document(length, Seed: i))];
        using AttentionRun whole = AttentionRun.Of(device, heads, keyHeads, headWidth, dtype, documents);
        using DeviceMemory memory = DeviceMemory.Allocate(device, bytes: 1 << 20);
        Tensor keys = memory.View(0, dtype, _lengths.Length, Length, keyHeads * headWidth);
        Tensor values = memory.View(keys.Bytes, dtype, _lengths.Length, Length, keyHeads * headWidth);
        HostTransfer.Fill(device.Stream, keys, value: 0xFF);
        HostTransfer.Fill(device.Stream, values, value: 0xFF);
        for (int start = 0; start < Length; start += tokensAtOnce)
        {
            (int Document, int Position)[] tokens =
            [
                .. Enumerable.Range(0, _lengths.Length).SelectMany(document => Enumerable.Range(start, tokensAtOnce)
                    .Where(position => position < _lengths[document]).Select(position => (document, position))),
            ];
            using Round round = new(device, whole, tokens);
            round.Run(keys, values, headWidth);
            for (int n = 0; n < tokens.Length; n++)
            {
                Assert.Equal(whole.Bytes("y", tokens[n].Document, tokens[n].Position), round.Output(n));
            }
        }
    }

    [Theory]
    [InlineData(2, 0)]
    [InlineData(0, 5)]
    [InlineData(-1, 0)]
    [InlineData(0, -1)]
    public void A_place_outside_the_cache_is_refused(int slot, int position)
    {
        using Device cpu = Device.OpenCpu(threads: 1);
        using DeviceMemory memory = DeviceMemory.Allocate(cpu, bytes: 4096);
        Tensor cache = memory.View(0, DType.F32, 2, 5, 4);
        Tensor row = memory.View(1024, DType.F32, 1, 4);
        Tensor slots = memory.View(2048, DType.I32, 1);
        Tensor positions = memory.View(2052, DType.I32, 1);
        slots.AsSpan<int>()[0] = slot;
        positions.AsSpan<int>()[0] = position;
        _ = Assert.Throws<ArgumentException>(() => CachedAttention.Append(
            cpu.Stream, keys: cache, values: cache, k: row, v: row, slots: slots, positions: positions));
        _ = Assert.Throws<ArgumentException>(() => CachedAttention.Forward(
            cpu.Stream, y: row, q: row, keys: cache, values: cache, slots: slots, positions: positions, headWidth: 4, scale: 1));
    }

    /// <summary>The tokens of one round, gathered from a run over whole documents. Sequence i has slot (sequences − 1 − i).</summary>
    private sealed class Round : IDisposable
    {
        private readonly Device _device;
        private readonly DeviceMemory _memory;
        private readonly Dictionary<string, Tensor> _tensors = [];

        public Round(Device device, AttentionRun whole, (int Document, int Position)[] tokens)
        {
            _device = device;
            _memory = DeviceMemory.Allocate(device, bytes: 1 << 20);
            long offset = 0;
            foreach (string name in (string[])["q", "k", "v", "y"])
            {
                Add(name, whole[name].DType, tokens.Length, whole[name].Shape[1]);
                for (int n = 0; n < tokens.Length && name != "y"; n++)
                {
                    int row = _lengths.Take(tokens[n].Document).Sum() + tokens[n].Position;
                    HostTransfer.Copy(device.Stream, _tensors[name].Rows(n, count: 1), whole[name].Rows(row, count: 1));
                }
            }

            Add("slots", DType.I32, tokens.Length);
            Add("positions", DType.I32, tokens.Length);
            HostTransfer.ToDevice<int>(device.Stream, _tensors["slots"], tokens.Select(token => _lengths.Length - 1 - token.Document).ToArray());
            HostTransfer.ToDevice<int>(device.Stream, _tensors["positions"], tokens.Select(token => token.Position).ToArray());

            void Add(string name, DType dtype, params int[] extents)
            {
                Tensor tensor = _memory.View(offset, dtype, extents);
                _tensors.Add(name, tensor);
                offset += (tensor.Bytes + 63) & ~63;
            }
        }

        public void Run(Tensor keys, Tensor values, int headWidth)
        {
            CachedAttention.Append(
                _device.Stream, keys: keys, values: values, k: _tensors["k"], v: _tensors["v"], slots: _tensors["slots"],
                positions: _tensors["positions"]);
            CachedAttention.Forward(
                _device.Stream, y: _tensors["y"], q: _tensors["q"], keys: keys, values: values, slots: _tensors["slots"],
                positions: _tensors["positions"], headWidth, scale: 1 / MathF.Sqrt(headWidth));
        }

        public byte[] Output(int n)
        {
            Tensor row = _tensors["y"].Rows(n, count: 1);
            byte[] bytes = new byte[row.Bytes];
            HostTransfer.BytesToHost(_device.Stream, row, offsetBytes: 0, bytes);
            return bytes;
        }

        public void Dispose() => _memory.Dispose();
    }
}
