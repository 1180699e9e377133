using System.Diagnostics;

namespace Camels.Cli.Output;

/// <summary>
/// How far long work is. On a terminal one line that rewrites itself ten times a second; elsewhere a plain line at the start, every ten
/// seconds and, where things are counted, at the end, so that a log stays readable.
/// </summary>
internal sealed class ProgressBar(TextWriter writer, bool isTerminal, string title, long total, bool isCounted) : IDisposable
{
    private const int BarCharacters = 24;

    private readonly Stopwatch _elapsed = Stopwatch.StartNew();
    private readonly TimeSpan _interval = isTerminal ? TimeSpan.FromSeconds(0.1) : TimeSpan.FromSeconds(10);
    private TimeSpan _next = TimeSpan.Zero;
    private long _done;
    private (long Done, TimeSpan At)? _first;

    /// <summary>True where <see cref="Report"/> would print. Asking costs nothing, so details need not be put together for nobody.</summary>
    public bool IsDue(long done) => _elapsed.Elapsed >= _next || (isCounted && done >= total);

    /// <summary><paramref name="done"/> of the total is done.</summary>
    public void Report(long done, string details)
    {
        if (!IsDue(done))
        {
            return;
        }

        _next = _elapsed.Elapsed + _interval;
        _done = done;
        Print(details);
    }

    /// <summary>Leaves the last state on the screen.</summary>
    public void Dispose()
    {
        if (isTerminal && _done > 0)
        {
            writer.WriteLine();
        }
    }

    private void Print(string details)
    {
        int percent = (int)(100 * _done / Math.Max(1, total));
        (long first, TimeSpan at) = _first ??= (_done, _elapsed.Elapsed);
        string left = _done == first || _done >= total
            ? ""
            : $"  {Screen.Duration((_elapsed.Elapsed - at) / (_done - first) * (total - _done))} left";
        string count = isCounted ? $"{Screen.Count(_done)}/{Screen.Count(total)}  " : "";
        string text = $"{count}{details}{left}";
        if (isTerminal)
        {
            int filled = Math.Clamp((int)(BarCharacters * _done / Math.Max(1, total)), 0, BarCharacters);
            string bar = new string('━', filled) + new string('─', BarCharacters - filled);
            writer.Write($"\r{title} {bar} {percent,3} %  {text}\u001b[K");
            writer.Flush();
        }
        else
        {
            writer.WriteLine($"{title} {percent,3} %  {text}".TrimEnd());
        }
    }
}
