using Camels.Engine.Layers;
using Camels.Kernels;

namespace Camels.Engine.Training;

/// <summary>
/// The losses of one optimizer step, summed on the host in double precision in the canonical order: in a lane by position, over lanes in a
/// binary tree, over micro-steps from the left.
/// </summary>
public sealed class StepLosses
{
    private readonly DType _wide;
    private readonly float[] _losses;
    private readonly double[] _wideLosses;
    private readonly int[] _sources;
    private readonly double[] _scales;
    private readonly double[] _laneLosses;
    private readonly double[] _sourceLosses;
    private readonly long[] _sourceTokens;
    private int _trained;
    private int _lane;

    /// <param name="lanes">Lanes of a micro-step, V.</param>
    /// <param name="tokens">The most trained tokens of a call.</param>
    /// <param name="sources">Number of data sources.</param>
    /// <param name="wide">Type of losses on the device.</param>
    public StepLosses(int lanes, int tokens, int sources, DType wide)
    {
        _wide = wide;
        _losses = new float[tokens];
        _wideLosses = new double[tokens];
        _sources = new int[tokens];
        _scales = new double[tokens];
        _laneLosses = new double[lanes];
        _sourceLosses = new double[sources];
        _sourceTokens = new long[sources];
    }

    /// <summary>The step's loss so far.</summary>
    public double Total { get; private set; }

    /// <summary>Sum of the losses of each source's tokens.</summary>
    public ReadOnlySpan<double> SourceLosses => _sourceLosses;

    /// <summary>Trained tokens of each source.</summary>
    public ReadOnlySpan<long> SourceTokens => _sourceTokens;

    /// <summary>Starts a step.</summary>
    public void Clear()
    {
        Total = 0;
        _lane = 0;
        _sourceLosses.AsSpan().Clear();
        _sourceTokens.AsSpan().Clear();
    }

    /// <summary>Starts a call.</summary>
    public void BeginCall() => _trained = 0;

    /// <summary>Notes the source and the weight of the call's next trained token.</summary>
    public void AddTrained(int source, double scale)
    {
        _sources[_trained] = source;
        _scales[_trained] = scale;
        _trained++;
    }

    /// <summary>Takes a call's losses (M), lane by lane.</summary>
    public void EndCall(DeviceStream stream, Tensor losses, TokenBatch batch)
    {
        Read(stream, losses);
        ReadOnlySpan<int> bounds = batch.HostTrainedLaneBounds;
        for (int lane = 0; lane + 1 < bounds.Length; lane++)
        {
            double sum = 0;
            for (int m = bounds[lane]; m < bounds[lane + 1]; m++)
            {
                sum += _wideLosses[m] * _scales[m];
                _sourceLosses[_sources[m]] += _wideLosses[m];
                _sourceTokens[_sources[m]]++;
            }

            _laneLosses[_lane++] = sum;
        }
    }

    /// <summary>Notes that a call's lanes are absent.</summary>
    public void SkipCall(int lanes)
    {
        _laneLosses.AsSpan(_lane, lanes).Clear();
        _lane += lanes;
    }

    /// <summary>Adds the tree over the micro-step's lanes to the step.</summary>
    public void EndMicroStep()
    {
        for (int stride = 1; stride < _laneLosses.Length; stride *= 2)
        {
            for (int lane = 0; lane < _laneLosses.Length; lane += 2 * stride)
            {
                _laneLosses[lane] += _laneLosses[lane + stride];
            }
        }

        Total += _laneLosses[0];
        _lane = 0;
    }

    /// <summary>The plain sum of losses (M), by position.</summary>
    public double SumOf(DeviceStream stream, Tensor losses)
    {
        Read(stream, losses);
        double sum = 0;
        for (int m = 0; m < losses.Shape[0]; m++)
        {
            sum += _wideLosses[m];
        }

        return sum;
    }

    private void Read(DeviceStream stream, Tensor losses)
    {
        int count = losses.Shape[0];
        if (_wide == DType.F64)
        {
            HostTransfer.ToHost<double>(stream, losses, _wideLosses.AsSpan(0, count));
            return;
        }

        HostTransfer.ToHost<float>(stream, losses, _losses.AsSpan(0, count));
        for (int m = 0; m < count; m++)
        {
            _wideLosses[m] = _losses[m];
        }
    }
}
