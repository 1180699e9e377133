using Camels.Engine.Data;
using Camels.Engine.Training;

namespace Camels.Cli.Output;

/// <summary>
/// A run on the screen: notes, and a bar with loss, tokens a second and the time left. What cannot be printed (a log on a full disk) is left out:
/// the run goes on.
/// </summary>
internal sealed class RunScreen(Screen screen, CancellationToken stop) : IRunWatcher, IDisposable
{
    private const int PreparationParts = 1000;

    private ProgressBar? _preparing;
    private string _stage = "";
    private ProgressBar? _training;
    private long _tokens;
    private double _seconds;

    /// <inheritdoc/>
    public CancellationToken Stop => stop;

    /// <summary>The last measured loss on held-out data, or null.</summary>
    public double? ValidationLoss { get; private set; }

    /// <summary>Tokens a second over all steps so far.</summary>
    public double TokensPerSecond => _seconds > 0 ? _tokens / _seconds : 0;

    /// <inheritdoc/>
    public void Note(string text)
    {
        EndPreparing();
        Tell(() => screen.Line(text));
    }

    /// <inheritdoc/>
    public void Preparing(PreparationProgress progress)
    {
        if (progress.Stage != _stage)
        {
            EndPreparing();
            _stage = progress.Stage;
        }

        _preparing ??= screen.Progress(_stage, PreparationParts, isCounted: false);
        long done = (long)(PreparationParts * progress.Fraction);
        if (_preparing.IsDue(done))
        {
            string details = progress.Conversations == 0 ? "" : $"{Screen.Count(progress.Conversations)} conversations, {Screen.Count(progress.Tokens)} tokens";
            Tell(() => _preparing.Report(done, details));
        }
    }

    /// <inheritdoc/>
    public void Stepped(in StepResult result, long steps, double? validationLoss)
    {
        _training ??= screen.Progress("training", steps);
        _tokens += result.Tokens;
        _seconds += result.Seconds;
        ValidationLoss = validationLoss ?? ValidationLoss;
        if (_training.IsDue(result.Step))
        {
            string held = ValidationLoss is double loss ? $"  held-out {Screen.Fixed(loss, 4)}" : "";
            string details = $"loss {Screen.Fixed(result.Loss, 4)}{held}  {Screen.Count(TokensPerSecond)} tokens/s";
            long step = result.Step;
            Tell(() => _training.Report(step, details));
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        EndPreparing();
        Tell(() => _training?.Dispose());
    }

    private static void Tell(Action print)
    {
        try
        {
            print();
        }
        catch (Exception problem) when (problem is IOException or UnauthorizedAccessException)
        {
            // Nobody reads it: a full disk, or an output that is closed.
        }
    }

    private void EndPreparing()
    {
        Tell(() => _preparing?.Dispose());
        _preparing = null;
    }
}
