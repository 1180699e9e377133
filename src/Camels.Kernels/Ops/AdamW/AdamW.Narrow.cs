namespace Camels.Kernels.Ops;

/// <summary>Both moments of AdamW in fewer bits than singles: BF16, or U8 codes beside the scales of their blocks (<see cref="BlockCodes"/>).</summary>
/// <param name="First">BF16 or U8, of the weight's shape.</param>
/// <param name="Second">The same; in codes without sign.</param>
/// <param name="FirstScales">Blocks of codes, F32; none beside BF16.</param>
/// <param name="SecondScales">The same.</param>
public readonly record struct NarrowMoments(Tensor First, Tensor Second, Tensor FirstScales, Tensor SecondScales);

public static partial class AdamW
{
    // Two pieces stay in the second cache; a multiple of a block of codes.
    private const int NarrowPieceElements = 64 * BlockCodes.BlockElements;

    /// <summary>Singles that <see cref="UpdateNarrow"/> needs for itself; none on a GPU, whose threads keep them in registers.</summary>
    public static int NarrowWorkspaceElements(Device device) => device.IsHost ? 2 * NarrowPieceElements : 0;

    /// <summary>
    /// As <see cref="Update"/>: moments become singles, are stepped and rounded again, a second moment in BF16 at random
    /// (<see cref="Cast.Stochastic"/>). The result is a function of the element's place and the seed.
    /// </summary>
    public static void UpdateNarrow(
        DeviceStream stream, Tensor weight, Tensor master, in NarrowMoments moments, Tensor gradient, Tensor workspace, uint seed,
        in AdamWSettings settings)
    {
        bool isBf16 = moments.First.DType == DType.BF16;
        DType narrow = isBf16 ? DType.BF16 : DType.U8;
        master.RequireLike(DType.F32, weight);
        gradient.RequireLike(DType.F32, weight);
        moments.First.RequireLike(narrow, weight);
        moments.Second.RequireLike(narrow, weight);
        if (!isBf16)
        {
            moments.FirstScales.Require(DType.F32, [BlockCodes.Blocks(weight.Elements)]);
            moments.SecondScales.Require(DType.F32, [BlockCodes.Blocks(weight.Elements)]);
        }

        workspace.Require(DType.F32, [NarrowWorkspaceElements(stream.Device)]);
        TensorChecks.RequireThat(settings.Step >= 1, "the first update is step 1");

        if (!stream.Device.IsHost)
        {
            UpdateNarrowCuda(stream, weight, master, moments, gradient, seed, settings);
            return;
        }

        for (long first = 0; first < weight.Elements; first += NarrowPieceElements)
        {
            UpdatePiece(stream, weight, master, moments, gradient, workspace, seed, settings, first);
        }
    }

    private static void UpdatePiece(
        DeviceStream stream, Tensor weight, Tensor master, in NarrowMoments moments, Tensor gradient, Tensor workspace, uint seed,
        in AdamWSettings settings, long first)
    {
        int count = (int)Math.Min(NarrowPieceElements, weight.Elements - first);
        Tensor m = Piece(workspace, first: 0, count);
        Tensor v = Piece(workspace, NarrowPieceElements, count);
        Tensor firstMoment = Piece(moments.First, first, count);
        Tensor secondMoment = Piece(moments.Second, first, count);
        Tensor firstScales = Scales(moments.FirstScales, first, count);
        Tensor secondScales = Scales(moments.SecondScales, first, count);
        bool isBf16 = firstMoment.DType == DType.BF16;
        if (isBf16)
        {
            Cast.Forward(stream, y: m, x: firstMoment);
            Cast.Forward(stream, y: v, x: secondMoment);
        }
        else
        {
            BlockCodes.Decode(stream, x: m, codes: firstMoment, scales: firstScales, isSigned: true);
            BlockCodes.Decode(stream, x: v, codes: secondMoment, scales: secondScales, isSigned: false);
        }

        Update(
            stream, weight: Piece(weight, first, count), master: Piece(master, first, count), firstMoment: m, secondMoment: v,
            gradient: Piece(gradient, first, count), in settings);
        if (isBf16)
        {
            Cast.Forward(stream, y: firstMoment, x: m);
            Cast.Stochastic(stream, y: secondMoment, x: v, seed, first);
        }
        else
        {
            BlockCodes.Encode(stream, codes: firstMoment, scales: firstScales, x: m, isSigned: true);
            BlockCodes.Encode(stream, codes: secondMoment, scales: secondScales, x: v, isSigned: false);
        }
    }

    private static Tensor Piece(Tensor tensor, long first, int count) =>
        new(tensor.Address + (nint)(first * tensor.DType.Bytes()), tensor.DType, new Shape(count));

    private static Tensor Scales(Tensor scales, long first, int count) =>
        scales.IsNone ? default : Piece(scales, first / BlockCodes.BlockElements, BlockCodes.Blocks(count));
}
