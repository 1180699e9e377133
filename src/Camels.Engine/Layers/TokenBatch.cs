using Camels.Kernels;
using Camels.Kernels.Ops;

namespace Camels.Engine.Layers;

/// <summary>
/// The tokens of one pass on the device: the rows of several lanes one behind the other, no padding, with everything that operators need to
/// know about them. Its memory is taken once, for the largest pass; filling it allocates nothing.
/// </summary>
public sealed class TokenBatch : IDisposable
{
    /// <summary>A token without a label.</summary>
    public const int NoLabel = -1;

    private readonly DeviceMemory _memory;
    private readonly DType _wide;
    private readonly int _tokenCapacity;
    private readonly int[] _ids;
    private readonly int[] _positions;
    private readonly int[] _order;
    private readonly int[] _positionOrder;
    private readonly int[] _dropoutKeys;
    private readonly int[] _slots;
    private readonly int[] _documentBounds;
    private readonly int[] _laneBounds;
    private readonly int[] _trainedRows;
    private readonly int[] _labels;
    private readonly int[] _trainedLaneBounds;
    private readonly double[] _scales;
    private readonly float[] _narrowScales;
    private int _documents;
    private int _lanes;

    /// <param name="device">Where the tensors lie.</param>
    /// <param name="tokens">The most tokens of a pass.</param>
    /// <param name="lanes">The most lanes of a pass.</param>
    /// <param name="wide">Type of the loss scales: the precision's wide type.</param>
    public TokenBatch(Device device, int tokens, int lanes, DType wide)
    {
        _wide = wide;
        _tokenCapacity = tokens;
        _ids = new int[tokens];
        _positions = new int[tokens];
        _order = new int[tokens];
        _positionOrder = new int[tokens];
        _dropoutKeys = new int[tokens];
        _slots = new int[tokens];
        _documentBounds = new int[tokens + 1];
        _laneBounds = new int[lanes + 1];
        _trainedRows = new int[tokens];
        _labels = new int[tokens];
        _trainedLaneBounds = new int[lanes + 1];
        _scales = new double[tokens];
        _narrowScales = new float[tokens];
        long slotBytes = SlotBytes;
        _memory = DeviceMemory.Allocate(device, (long)Slot.Count * slotBytes);
    }

    private enum Slot
    {
        Ids, Positions, Order, PositionOrder, DropoutKeys, Slots, DocumentBounds, LaneBounds, TrainedRows, Labels, TrainedLaneBounds, Scales, Count,
    }

    /// <summary>Bytes on the device.</summary>
    public long Bytes => _memory.Bytes;

    /// <summary>Tokens of the present pass, N.</summary>
    public int Tokens { get; private set; }

    /// <summary>Trained tokens of the present pass, M.</summary>
    public int TrainedTokens { get; private set; }

    /// <summary>Token ids (N).</summary>
    public Tensor Ids => View(Slot.Ids, Tokens);

    /// <summary>Position of each token in its document (N).</summary>
    public Tensor Positions => View(Slot.Positions, Tokens);

    /// <summary>Rows sorted by token id, for the embedding's gradient (N).</summary>
    public Tensor Order => View(Slot.Order, Tokens);

    /// <summary>Rows sorted by position, for the gradient of learned positions (N).</summary>
    public Tensor PositionOrder => View(Slot.PositionOrder, Tokens);

    /// <summary>A number for each token that depends on its document's tokens and its position alone (N): what dropout is drawn from.</summary>
    public Tensor DropoutKeys => View(Slot.DropoutKeys, Tokens);

    /// <summary>The key/value cache slot of each token (N); generation only.</summary>
    public Tensor Slots => View(Slot.Slots, Tokens);

    /// <summary>First row of each document, and N (documents + 1).</summary>
    public Tensor DocumentBounds => View(Slot.DocumentBounds, _documents + 1);

    /// <summary>First row of each lane, and N (lanes + 1).</summary>
    public Tensor LaneBounds => View(Slot.LaneBounds, _lanes + 1);

    /// <summary>Rows whose next token is trained (M).</summary>
    public Tensor TrainedRows => View(Slot.TrainedRows, TrainedTokens);

    /// <summary>The token that each trained row must predict (M).</summary>
    public Tensor Labels => View(Slot.Labels, TrainedTokens);

    /// <summary>First trained row of each lane, and M (lanes + 1).</summary>
    public Tensor TrainedLaneBounds => View(Slot.TrainedLaneBounds, _lanes + 1);

    /// <summary>The weight of each trained token's loss (M).</summary>
    public Tensor Scales => new(_memory.Address + (nint)((long)Slot.Scales * SlotBytes), _wide, new Shape(TrainedTokens));

    /// <summary>First trained row of each lane and M, on the host.</summary>
    public ReadOnlySpan<int> HostTrainedLaneBounds => _trainedLaneBounds.AsSpan(0, _lanes + 1);

    private long SlotBytes => ((Math.Max(_tokenCapacity, _laneBounds.Length) + 1L) * sizeof(double) + DeviceMemory.AlignmentBytes - 1)
        & ~(DeviceMemory.AlignmentBytes - 1L);

    /// <summary>Empties the batch; then add lanes.</summary>
    public void Clear()
    {
        Tokens = 0;
        TrainedTokens = 0;
        _documents = 0;
        _lanes = 0;
    }

    /// <summary>
    /// Adds one lane. An absent lane has no tokens.
    /// </summary>
    /// <param name="ids">Tokens of the lane's row.</param>
    /// <param name="labels">For each token the id it must predict, or <see cref="NoLabel"/>.</param>
    /// <param name="documentBounds">0, end of document 0, …, number of tokens; a single 0 for an absent lane.</param>
    /// <param name="scales">The weight of each trained token's loss, one for each label.</param>
    public void AddLane(ReadOnlySpan<int> ids, ReadOnlySpan<int> labels, ReadOnlySpan<int> documentBounds, ReadOnlySpan<double> scales)
    {
        int start = Tokens;
        _laneBounds[_lanes] = start;
        _trainedLaneBounds[_lanes] = TrainedTokens;
        _lanes++;
        ids.CopyTo(_ids.AsSpan(start));
        for (int d = 0; d + 1 < documentBounds.Length; d++)
        {
            _documentBounds[_documents++] = start + documentBounds[d];
            ulong document = HashOf(ids[documentBounds[d]..documentBounds[d + 1]]);
            for (int t = documentBounds[d]; t < documentBounds[d + 1]; t++)
            {
                int position = t - documentBounds[d];
                _positions[start + t] = position;
                _dropoutKeys[start + t] = (int)RandomBits.At(document, stream: 0, (ulong)position);
            }
        }

        scales.CopyTo(_scales.AsSpan(TrainedTokens));
        for (int t = 0; t < ids.Length; t++)
        {
            if (labels[t] != NoLabel)
            {
                _trainedRows[TrainedTokens] = start + t;
                _labels[TrainedTokens] = labels[t];
                TrainedTokens++;
            }
        }

        Tokens += ids.Length;
    }

    /// <summary>Adds the token at <paramref name="position"/> of the sequence in cache slot <paramref name="slot"/>.</summary>
    public void AddToken(int id, int slot, int position)
    {
        _ids[Tokens] = id;
        _slots[Tokens] = slot;
        _positions[Tokens] = position;
        Tokens++;
    }

    /// <summary>Copies the batch to the device; call it when all lanes or sequences are added.</summary>
    public void Upload(DeviceStream stream)
    {
        _documentBounds[_documents] = Tokens;
        _laneBounds[_lanes] = Tokens;
        _trainedLaneBounds[_lanes] = TrainedTokens;
        Embedding.SortPositions(_ids.AsSpan(0, Tokens), _order.AsSpan(0, Tokens));
        Embedding.SortPositions(_positions.AsSpan(0, Tokens), _positionOrder.AsSpan(0, Tokens));
        HostTransfer.ToDevice<int>(stream, Ids, _ids.AsSpan(0, Tokens));
        HostTransfer.ToDevice<int>(stream, Positions, _positions.AsSpan(0, Tokens));
        HostTransfer.ToDevice<int>(stream, Order, _order.AsSpan(0, Tokens));
        HostTransfer.ToDevice<int>(stream, PositionOrder, _positionOrder.AsSpan(0, Tokens));
        HostTransfer.ToDevice<int>(stream, DropoutKeys, _dropoutKeys.AsSpan(0, Tokens));
        HostTransfer.ToDevice<int>(stream, Slots, _slots.AsSpan(0, Tokens));
        HostTransfer.ToDevice<int>(stream, DocumentBounds, _documentBounds.AsSpan(0, _documents + 1));
        HostTransfer.ToDevice<int>(stream, LaneBounds, _laneBounds.AsSpan(0, _lanes + 1));
        HostTransfer.ToDevice<int>(stream, TrainedRows, _trainedRows.AsSpan(0, TrainedTokens));
        HostTransfer.ToDevice<int>(stream, Labels, _labels.AsSpan(0, TrainedTokens));
        HostTransfer.ToDevice<int>(stream, TrainedLaneBounds, _trainedLaneBounds.AsSpan(0, _lanes + 1));
        UploadScales(stream);
    }

    /// <summary>
    /// Pretends to hold a pass of this size, for planning: every shape is right, nothing is copied.
    /// </summary>
    public void Pretend(int tokens, int trainedTokens, int lanes)
    {
        Tokens = tokens;
        TrainedTokens = trainedTokens;
        _documents = 1;
        _lanes = lanes;
    }

    /// <inheritdoc/>
    public void Dispose() => _memory.Dispose();

    // FNV-1a over whole ids.
    private static ulong HashOf(ReadOnlySpan<int> ids)
    {
        ulong hash = 0xCBF29CE484222325;
        foreach (int id in ids)
        {
            hash = (hash ^ (uint)id) * 0x100000001B3;
        }

        return hash;
    }

    private void UploadScales(DeviceStream stream)
    {
        if (_wide == DType.F64)
        {
            HostTransfer.ToDevice<double>(stream, Scales, _scales.AsSpan(0, TrainedTokens));
            return;
        }

        Span<float> narrow = _narrowScales;
        for (int m = 0; m < TrainedTokens; m++)
        {
            narrow[m] = (float)_scales[m];
        }

        HostTransfer.ToDevice<float>(stream, Scales, narrow[..TrainedTokens]);
    }

    private Tensor View(Slot slot, int elements) => new(_memory.Address + (nint)((long)slot * SlotBytes), DType.I32, new Shape(elements));
}
