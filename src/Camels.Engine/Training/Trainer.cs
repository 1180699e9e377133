using System.Diagnostics;
using Camels.Engine.Data;
using Camels.Engine.Layers;
using Camels.Engine.Models;
using Camels.Engine.Parameters;
using Camels.Kernels;

namespace Camels.Engine.Training;

/// <summary>What one optimizer step did.</summary>
/// <param name="Step">Its number, from 1.</param>
/// <param name="Loss">Mean over the step's trained tokens, in nats (or by the recipe's reduction).</param>
/// <param name="GradientNorm">Before clipping.</param>
/// <param name="LearningRate">Of this step.</param>
/// <param name="Tokens">Tokens of its rows.</param>
/// <param name="TrainedTokens">Tokens that gave loss.</param>
/// <param name="Seconds">Wall time.</param>
public readonly record struct StepResult(
    long Step, double Loss, double GradientNorm, double LearningRate, long Tokens, long TrainedTokens, double Seconds)
{
    /// <summary>The factor that losses were scaled by, or null where the precision needs none.</summary>
    public double? LossScale { get; init; }

    /// <summary>How often the step had been tried before and overflowed.</summary>
    public int Skipped { get; init; }

    /// <summary>The share of the model's hidden numbers that the step left out.</summary>
    public double Dropout { get; init; }

    /// <summary>True where a step that is not finite may have changed a part of the weights: one pass that steps as it goes.</summary>
    public bool MayBePartlyApplied { get; init; }

    /// <summary>False where the step was not applied because loss or gradient is not finite.</summary>
    public bool IsFinite => double.IsFinite(GradientNorm) && double.IsFinite(Loss);
}

/// <summary>
/// Runs optimizer steps: rows fill lanes, lanes go through the model, gradients are summed in the canonical order, AdamW steps once. After
/// its first step it allocates nothing, neither managed memory nor the device's.
/// </summary>
public sealed class Trainer : IDisposable
{
    private readonly ILanguageModel _model;
    private readonly IStepRows _rows;
    private readonly int _lanes;
    private readonly int _lanesPerCall;
    private readonly LearningRate _learningRate;
    private readonly Arena _arena;
    private readonly TokenBatch _batch;
    private readonly DeviceMemory? _sharedGradients;
    private readonly FusedUpdate? _fused;
    private readonly LaneSum _laneSum;
    private readonly RowFiller _filler;
    private readonly StepLosses _losses;
    private readonly RepeatedWork<PassKey> _forwardBackward;
    private Tensor _passLosses;

    /// <param name="model">The model; its training memory is allocated here.</param>
    /// <param name="device">Where it lies.</param>
    /// <param name="settings">From the recipe.</param>
    /// <param name="rows">The rows of every step.</param>
    /// <param name="validation">Held-out rows that <see cref="Validate"/> will read, or null.</param>
    /// <param name="sources">Number of sources that losses are kept apart for.</param>
    /// <param name="decays">Which parameters decay; null for the recipe's rule.</param>
    public Trainer(
        ILanguageModel model, Device device, TrainerSettings settings, IStepRows rows, PreparedData? validation = null, int sources = 1,
        Func<Parameter, bool>? decays = null)
    {
        _model = model;
        _rows = rows;
        _lanes = settings.Lanes;
        _lanesPerCall = settings.LanesAtOnce;
        settings.Check();
        int longest = Math.Max(rows.LongestRow, validation?.LongestRow ?? 0);
        int tokens = settings.TokensAtOnce(longest);
        Plan = MemoryPlan.ForTraining(
            model.Config, model.Precision, settings, longest, Math.Max(rows.MostTrainedInARow, validation?.MostTrainedInARow ?? 0));
        Plan.RequireRoom(device, alreadyTakenBytes: model.Units.Sum(u => u.Bytes) + model.TableBytes);
        _sharedGradients = TrainingMemory.Allocate(model, device, settings.Training, settings.Calls);
        CopyWeightsToMasters(model, device.Stream);
        LossScale = model.Precision.NeedsLossScale ? new LossScale(settings.Training.LossScale) : null;
        Optimizer = new Optimizer(
            device.Stream, model.Units.SelectMany(u => u.Parameters), settings.Training,
            decays ?? Optimizer.DecaysBy(settings.Training.WeightDecayOn));

        _fused = settings.Training.Fused ? new FusedUpdate(device.Stream, Optimizer, settings.Training, model.Precision) : null;
        _arena = Arena.Allocate(device, Plan.ActivationBytes, "training");
        _batch = new TokenBatch(device, tokens, _lanesPerCall, model.Precision.Wide);
        Pass = new Pass(device.Stream, _arena, model.Precision, _batch)
        {
            Recompute = settings.Recompute,
            GradientsDone = _fused is null ? null : _fused.Take,
        };
        _forwardBackward = new RepeatedWork<PassKey>(device.Stream, () => _model.ForwardBackward(Pass, _passLosses));
        _laneSum = new LaneSum(device.Stream, model, settings.Calls);
        _filler = new RowFiller(longest, settings.Training.LossReduction, _lanes);
        _losses = new StepLosses(_lanes, tokens, sources, model.Precision.Wide);
        _learningRate = Training.LearningRate.Of(settings.Training, settings.Steps);
    }

    /// <summary>The memory that was planned and allocated.</summary>
    public MemoryPlan Plan { get; }

    /// <summary>Steps the weights.</summary>
    public Optimizer Optimizer { get; }

    /// <summary>The factor of the losses in fp16, or null where the precision needs none.</summary>
    public LossScale? LossScale { get; }

    /// <summary>Steps taken so far: with the recipe all there is to know about the position in the run.</summary>
    public long StepsDone { get; set; }

    /// <summary>Sum of losses and trained tokens by source, of the last step.</summary>
    public StepLosses Losses => _losses;

    /// <summary>The pass that every call uses; tests and verification replace it to observe activations.</summary>
    public Pass Pass { get; set; }

    /// <summary>
    /// One optimizer step. One whose loss or gradient is not finite is not applied: it changes nothing but the loss scale, and the next call
    /// tries the same rows again.
    /// </summary>
    public StepResult Step()
    {
        long started = Stopwatch.GetTimestamp();
        double scale = LossScale?.Factor ?? 1;
        _filler.LossScale = scale;
        double learningRate = _learningRate.At(StepsDone);
        if (_fused is { TakesTwoPasses: false })
        {
            _fused.BeginStepping(StepsDone + 1, learningRate, gradientScale: 1);
        }
        else
        {
            _fused?.BeginMeasuring();
        }

        double loss = Accumulate(StepsDone, out long tokens, out long trainedTokens);
        double norm = (_fused is null ? Optimizer.GradientNorm() : Optimizer.MeasuredNorm()) / scale;
        StepResult result = new(StepsDone + 1, loss, norm, learningRate, tokens, trainedTokens, Seconds: 0)
        {
            LossScale = LossScale?.Factor,
            Skipped = LossScale?.SkippedInARow ?? 0,
            Dropout = _model.Config.Dropout.Hidden,
            MayBePartlyApplied = _fused is { TakesTwoPasses: false },
        };
        if (result.IsFinite)
        {
            Apply(learningRate, Optimizer.ClipFactor(norm) / scale);
            LossScale?.Applied();
            StepsDone++;
        }
        else
        {
            DropGradients();
            LossScale?.Overflowed();
        }

        return result with { Seconds = Stopwatch.GetElapsedTime(started).TotalSeconds };
    }

    /// <summary>Adds the gradients of a step's rows to the parameters' and returns its loss.</summary>
    public double Accumulate(long step, out long tokens, out long trainedTokens)
    {
        int rows = _rows.RowsInStep(step);
        _filler.Count(_rows, step, rows, out tokens, out trainedTokens);
        if (trainedTokens == 0)
        {
            throw CamelsException.BadInput($"step {step + 1}: its {rows} rows hold no trained token");
        }

        _losses.Clear();
        Pass.DropoutSeed = RandomBits.At((ulong)Optimizer.Settings.Seed, RandomBits.StreamOf("dropout"), (ulong)step);
        for (int first = 0; first < rows; first += _lanes)
        {
            for (int lane = 0; lane < _lanes; lane += _lanesPerCall)
            {
                Call(step, first + lane, Math.Min(rows, first + _lanes));
            }

            _losses.EndMicroStep();
        }

        Pass.DropoutSeed = null;
        if (_fused is null)
        {
            Optimizer.FoldTied();
        }

        return _losses.Total;
    }

    /// <summary>Mean loss over all trained tokens of held-out rows; changes nothing.</summary>
    public double Validate(PreparedData data)
    {
        double sum = 0;
        long trainedTokens = 0;
        for (int row = 0; row < data.Rows; row++)
        {
            _batch.Clear();
            _losses.BeginCall();
            _filler.Fill(_batch, data.Row(row), _losses, scaled: false);
            _batch.Upload(Pass.Stream);
            if (_batch.TrainedTokens == 0)
            {
                continue;
            }

            Tensor losses = Pass.NewStatistic(_batch.TrainedTokens);
            _model.Losses(Pass, losses);
            sum += _losses.SumOf(Pass.Stream, losses);
            trainedTokens += _batch.TrainedTokens;
            _arena.Rewind(mark: 0);
        }

        return trainedTokens == 0 ? double.NaN : sum / trainedTokens;
    }

    /// <summary>Rounds every master to its weight, after masters were loaded.</summary>
    public void RefreshWeights()
    {
        foreach (Parameter parameter in Optimizer.Parameters)
        {
            if (_model.Precision.HasMasters)
            {
                Kernels.Ops.Cast.Forward(Pass.Stream, y: parameter.Weight, x: parameter.Master);
            }
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _forwardBackward.Dispose();
        Optimizer.Dispose();
        _sharedGradients?.Dispose();
        _batch.Dispose();
        _arena.Dispose();
    }

    private static void CopyWeightsToMasters(ILanguageModel model, DeviceStream stream)
    {
        foreach (Parameter parameter in model.Units.SelectMany(u => u.Parameters).Where(p => p.IsTrained && p.TiedTo is null))
        {
            if (model.Precision.HasMasters)
            {
                Kernels.Ops.Cast.Forward(stream, y: parameter.Master, x: parameter.Weight);
            }
        }
    }

    private void Apply(double learningRate, double gradientScale)
    {
        if (_fused is null)
        {
            Optimizer.Update(StepsDone + 1, learningRate, gradientScale);
        }
        else if (_fused.TakesTwoPasses)
        {
            _fused.BeginStepping(StepsDone + 1, learningRate, gradientScale);
            _ = Accumulate(StepsDone, out _, out _);
        }
    }

    private void DropGradients()
    {
        foreach (ParameterUnit unit in _model.Units)
        {
            HostTransfer.Zero(Pass.Stream, unit.Gradients(level: 0));
        }
    }

    // Lanes that the step's rows do not reach are absent: they hold no tokens and add exact zeros.
    private void Call(long step, int firstRow, int endRow)
    {
        _batch.Clear();
        _losses.BeginCall();
        for (int lane = 0; lane < _lanesPerCall; lane++)
        {
            if (firstRow + lane < endRow)
            {
                _filler.Fill(_batch, _rows.Row(step, firstRow + lane), _losses, scaled: true, rowInStep: firstRow + lane);
            }
            else
            {
                _batch.AddLane(ids: [], labels: [], documentBounds: [0], scales: []);
            }
        }

        _laneSum.BeginCall();
        if (_batch.Tokens > 0)
        {
            _batch.Upload(Pass.Stream);
            _passLosses = Pass.NewStatistic(_batch.TrainedTokens);
            ForwardBackward();
            _losses.EndCall(Pass.Stream, _passLosses, _batch);
            _arena.Rewind(mark: 0);
        }
        else
        {
            _losses.SkipCall(_lanesPerCall);
        }

        _laneSum.EndCall();
    }

    // What steps as it goes cannot be recorded: its constants change.
    private void ForwardBackward()
    {
        if (_fused is null)
        {
            _forwardBackward.Run(KeyOfPass());
        }
        else
        {
            _model.ForwardBackward(Pass, _passLosses);
        }
    }

    private PassKey KeyOfPass() => new(
        _batch.Tokens, _batch.TrainedTokens, _batch.DocumentBounds.Shape[0], Optimizer.Parameters[0].Gradient.Address,
        IsObserved: Pass.Observer is not null, _model.Config.HasDropout ? Pass.DropoutSeed : null);

    /// <summary>What sizes, addresses and numbers of a pass's launches depend on.</summary>
    private readonly record struct PassKey(int Tokens, int TrainedTokens, int Bounds, nint Gradients, bool IsObserved, ulong? DropoutSeed);
}
