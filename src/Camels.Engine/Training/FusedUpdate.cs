using Camels.Engine.Parameters;
using Camels.Kernels;

namespace Camels.Engine.Training;

/// <summary>
/// Steps each unit as soon as the backward is done with it, so that the gradients of one block exist at a time (Lv et al., "Full Parameter
/// Fine-tuning for Large Language Models with Limited Resources": LOMO). What must be known of all gradients first, their norm for clipping and
/// that they are finite, takes a backward of its own before the one that steps; clipping by value alone takes none.
/// </summary>
/// <param name="stream">Where it runs.</param>
/// <param name="optimizer">Makes the steps.</param>
/// <param name="settings">The recipe's.</param>
/// <param name="precision">Of the model: a loss scale that overflows must be seen before anything is stepped.</param>
public sealed class FusedUpdate(DeviceStream stream, Optimizer optimizer, TrainingRecipe settings, Precision precision)
{
    private bool _steps;
    private long _step;
    private double _learningRate;
    private double _gradientScale;

    /// <summary>True where a first backward measures and a second one steps.</summary>
    public bool TakesTwoPasses { get; } = NeedsTwoPasses(settings, precision);

    /// <summary>True where something must be known of all gradients before the first is used.</summary>
    public static bool NeedsTwoPasses(TrainingRecipe settings, Precision precision) =>
        settings.ClipNorm > 0 || settings.ClipValue == 0 || precision.NeedsLossScale;

    /// <summary>Makes the next backward measure and drop its gradients.</summary>
    public void BeginMeasuring() => _steps = false;

    /// <summary>Makes the next backward step.</summary>
    public void BeginStepping(long step, double learningRate, double gradientScale)
    {
        _steps = true;
        _step = step;
        _learningRate = learningRate;
        _gradientScale = gradientScale;
    }

    /// <summary>Takes a unit's gradients, which are then gone.</summary>
    public void Take(ParameterUnit unit)
    {
        optimizer.FoldTied(unit);
        if (!_steps || !TakesTwoPasses)
        {
            optimizer.Measure(unit);
        }

        // In one pass nothing is stepped by numbers that are not finite, nor anything after them.
        if (_steps && (TakesTwoPasses || double.IsFinite(optimizer.MeasuredNorm())))
        {
            optimizer.Update(unit, _step, _learningRate, _gradientScale);
        }
        else
        {
            HostTransfer.Zero(stream, unit.Gradients(level: 0));
        }
    }
}
