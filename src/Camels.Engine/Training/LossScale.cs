namespace Camels.Engine.Training;

/// <summary>
/// The factor that every loss is multiplied by in fp16, so that small gradients do not vanish in half precision; the optimizer divides it out.
/// Always a power of two, which rounds nothing. A step that overflows halves it, a number of steps that do not doubles it.
/// </summary>
public sealed class LossScale
{
    /// <summary>Steps in a row that may overflow before the run is given up.</summary>
    public const int MostSkipsInARow = 20;

    private const int LargestExponent = 24;
    private const int SmallestExponent = -126;

    private readonly int _growthSteps;
    private int _exponent;
    private int _goodSteps;

    /// <param name="settings">From the recipe.</param>
    public LossScale(LossScaleRecipe settings)
    {
        _growthSteps = settings.GrowthSteps;
        _exponent = settings.InitialExponent;
    }

    /// <summary>The factor.</summary>
    public double Factor => Math.ScaleB(1, _exponent);

    /// <summary>Steps in a row, up to now, that overflowed.</summary>
    public int SkippedInARow { get; private set; }

    /// <summary>Everything about it, for checkpoints.</summary>
    public (long Exponent, long GoodSteps, long SkippedInARow) State
    {
        get => (_exponent, _goodSteps, SkippedInARow);
        set
        {
            if (value.Exponent is < SmallestExponent or > LossScaleRecipe.MostInitialExponent || value.GoodSteps < 0 || value.GoodSteps > int.MaxValue
                || value.SkippedInARow < 0 || value.SkippedInARow > int.MaxValue)
            {
                throw CamelsException.BadInput($"a checkpoint's loss scale is 2^{value.Exponent} after {value.GoodSteps} steps and {value.SkippedInARow} overflows: "
                    + "no run writes that");
            }

            _exponent = (int)value.Exponent;
            _goodSteps = (int)value.GoodSteps;
            SkippedInARow = (int)value.SkippedInARow;
        }
    }

    /// <summary>Notes a step that was applied.</summary>
    public void Applied()
    {
        SkippedInARow = 0;
        _goodSteps++;
        if (_goodSteps == _growthSteps)
        {
            _goodSteps = 0;
            _exponent = Math.Max(_exponent, Math.Min(_exponent + 1, LargestExponent));
        }
    }

    /// <summary>Notes a step that overflowed.</summary>
    public void Overflowed()
    {
        SkippedInARow++;
        _goodSteps = 0;
        _exponent = Math.Max(_exponent - 1, SmallestExponent);
    }
}
