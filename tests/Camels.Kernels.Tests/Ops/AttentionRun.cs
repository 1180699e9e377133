using Camels.Kernels.Ops;
using Camels.Testing;

namespace Camels.Kernels.Tests.Ops;

/// <summary>Attention over some documents, each drawn from its own seed, so that a document has the same inputs wherever it lies.</summary>
internal sealed class AttentionRun : IDisposable
{
    private readonly Dictionary<string, Tensor> _tensors = [];
    private readonly DeviceMemory _memory;
    private readonly Device _device;
    private readonly int[] _bounds;
    private readonly int _headWidth;

    public AttentionRun(Device device, int heads, int keyHeads, int headWidth, DType dtype, params Document[] documents)
    {
        _device = device;
        _headWidth = headWidth;
        _bounds = [0, .. documents.Select((_, i) => documents.Take(i + 1).Sum(d => d.Tokens))];
        int tokens = _bounds[^1];
        _memory = DeviceMemory.Allocate(device, bytes: 4096 + (tokens * headWidth * sizeof(float) * (5 * heads + (4 * keyHeads) + 2)));
        long offset = 0;
        foreach ((string name, int columns) in (IEnumerable<(string, int)>)
            [("q", heads), ("k", keyHeads), ("v", keyHeads), ("y", heads), ("dy", heads), ("dq", heads), ("dk", keyHeads), ("dv", keyHeads)])
        {
            Add(name, dtype, tokens, columns * headWidth);
        }

        Add("logSumExp", DType.F32, tokens, heads);
        Add("delta", DType.F32, tokens, heads);
        Add("documentBounds", DType.I32, _bounds.Length);
        HostTransfer.ToDevice<int>(device.Stream, this["documentBounds"], _bounds);
        foreach (string name in (string[])["q", "k", "v", "dy"])
        {
            for (int document = 0; document < documents.Length; document++)
            {
                Tensor rows = this[name].Rows(_bounds[document], documents[document].Tokens);
                HostTransfer.BytesToDevice(device.Stream, rows, offsetBytes: 0, Drawn(rows, new Random((documents[document].Seed * 10) + name[^1])));
            }
        }

        void Add(string name, DType type, params int[] extents)
        {
            Tensor tensor = _memory.View(offset, type, extents);
            _tensors.Add(name, tensor);
            offset += tensor.Bytes;
        }
    }

    /// <summary>What forward and backward write.</summary>
    public static string[] Results => ["y", "logSumExp", "dq", "dk", "dv"];

    public Tensor this[string name] => _tensors[name];

    public static AttentionRun Of(Device device, int heads, int keyHeads, int headWidth, DType dtype, params Document[] documents)
    {
        AttentionRun run = new(device, heads, keyHeads, headWidth, dtype, documents);
        run.Forward();
        run.Backward();
        return run;
    }

    public void Forward() => Attention.Forward(
        _device.Stream, y: this["y"], logSumExp: this["logSumExp"], q: this["q"], k: this["k"], v: this["v"],
        documentBounds: this["documentBounds"], _headWidth, scale: 1 / MathF.Sqrt(_headWidth));

    public void Backward() => Attention.Backward(
        _device.Stream, dq: this["dq"], dk: this["dk"], dv: this["dv"], dy: this["dy"], q: this["q"], k: this["k"], v: this["v"], y: this["y"],
        logSumExp: this["logSumExp"], delta: this["delta"], documentBounds: this["documentBounds"], _headWidth, scale: 1 / MathF.Sqrt(_headWidth));

    /// <summary>Fills a token's row with NaN.</summary>
    public void Poison(string name, int document, int token) =>
        HostTransfer.Fill(_device.Stream, this[name].Rows(_bounds[document] + token, count: 1), value: 0xFF);

    public byte[] Bytes(string name) => ToArray(this[name]);

    public byte[] Bytes(string name, int document) =>
        ToArray(this[name].Rows(_bounds[document], _bounds[document + 1] - _bounds[document]));

    public byte[] Bytes(string name, int document, int token) => ToArray(this[name].Rows(_bounds[document] + token, count: 1));

    public void Dispose() => _memory.Dispose();

    private byte[] ToArray(Tensor tensor)
    {
        byte[] bytes = new byte[tensor.Bytes];
        HostTransfer.BytesToHost(_device.Stream, tensor, offsetBytes: 0, bytes);
        return bytes;
    }

    private static unsafe byte[] Drawn(Tensor like, Random random)
    {
        byte[] bytes = new byte[like.Bytes];
        fixed (byte* address = bytes)
        {
            Tensor onHost = new((nint)address, like.DType, like.Shape);
            for (long i = 0; i < onHost.Elements; i++)
            {
                Numbers.Write(onHost, i, Numbers.Round(Numbers.Normal(random), like.DType));
            }
        }

        return bytes;
    }

    public sealed record Document(int Tokens, int Seed);
}
