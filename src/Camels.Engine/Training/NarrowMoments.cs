using Camels.Engine.Parameters;
using Camels.Kernels;
using Camels.Kernels.Ops;

namespace Camels.Engine.Training;

/// <summary>
/// AdamW where moments are kept in fewer bits: piece by piece they become singles, are stepped, and are rounded again. The result is a function of
/// the element's place, the step and the seed.
/// </summary>
public sealed class NarrowMoments : IDisposable
{
    // Two pieces stay in the second cache; a multiple of a block of codes.
    private const int PieceElements = 64 * BlockCodes.BlockElements;

    private readonly DeviceStream _stream;
    private readonly ulong _seed;
    private readonly DeviceMemory _memory;

    /// <param name="stream">Where it runs: a host device.</param>
    /// <param name="seed">The run's, for rounding at random.</param>
    public NarrowMoments(DeviceStream stream, ulong seed)
    {
        if (!stream.Device.IsHost)
        {
            throw CamelsException.Usage("training.adam.moments: bf16 and 8bit are for the cpu device in this version; take fp32 on a GPU");
        }

        _stream = stream;
        _seed = seed;
        _memory = DeviceMemory.Allocate(stream.Device, 2L * PieceElements * DType.F32.Bytes());
    }

    /// <summary>One step of a parameter, whose gradient is emptied.</summary>
    public void Update(Parameter parameter, in AdamWSettings settings)
    {
        uint seed = (uint)RandomBits.At(_seed, RandomBits.StreamOf(parameter.Name), (ulong)settings.Step);
        for (long first = 0; first < parameter.Elements; first += PieceElements)
        {
            int count = (int)Math.Min(PieceElements, parameter.Elements - first);
            Tensor m = _memory.View(offsetBytes: 0, DType.F32, count);
            Tensor v = _memory.View((long)PieceElements * DType.F32.Bytes(), DType.F32, count);
            Tensor firstMoment = Piece(parameter.FirstMoment, first, count);
            Tensor secondMoment = Piece(parameter.SecondMoment, first, count);
            Tensor firstScales = Scales(parameter.FirstMomentScales, first, count);
            Tensor secondScales = Scales(parameter.SecondMomentScales, first, count);
            bool isBf16 = parameter.FirstMoment.DType == DType.BF16;
            if (isBf16)
            {
                Cast.Forward(_stream, y: m, x: firstMoment);
                Cast.Forward(_stream, y: v, x: secondMoment);
            }
            else
            {
                BlockCodes.Decode(_stream, x: m, codes: firstMoment, scales: firstScales, isSigned: true);
                BlockCodes.Decode(_stream, x: v, codes: secondMoment, scales: secondScales, isSigned: false);
            }

            AdamW.Update(
                _stream, weight: Piece(parameter.Weight, first, count), master: Piece(parameter.Master, first, count), firstMoment: m,
                secondMoment: v, gradient: Piece(parameter.Gradient, first, count), in settings);
            if (isBf16)
            {
                Cast.Forward(_stream, y: firstMoment, x: m);
                Cast.Stochastic(_stream, y: secondMoment, x: v, seed, first);
            }
            else
            {
                BlockCodes.Encode(_stream, codes: firstMoment, scales: firstScales, x: m, isSigned: true);
                BlockCodes.Encode(_stream, codes: secondMoment, scales: secondScales, x: v, isSigned: false);
            }
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _memory.Dispose();

    private static Tensor Piece(Tensor tensor, long first, int count) =>
        new(tensor.Address + (nint)(first * tensor.DType.Bytes()), tensor.DType, new Shape(count));

    private static Tensor Scales(Tensor scales, long first, int count) =>
        scales.IsNone ? default : Piece(scales, first / BlockCodes.BlockElements, BlockCodes.Blocks(count));
}
