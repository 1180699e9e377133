using System.Buffers;
using System.Text;
using System.Text.Json;
using Camels.Kernels.Interop;

namespace Camels.Engine.Training;

/// <summary>log.jsonl: one line per optimizer step, in the file when the step is done. Writing a line allocates nothing.</summary>
public sealed class RunLog : IDisposable
{
    private readonly FileStream _file;
    private readonly ArrayBufferWriter<byte> _line = new(initialCapacity: 4096);
    private readonly Utf8JsonWriter _json;
    private readonly JsonEncodedText[] _sources;

    /// <summary>Opens the log behind the line of step <paramref name="stepsDone"/>: lines of later steps, which are not resumed, go.</summary>
    /// <param name="path">The file.</param>
    /// <param name="stepsDone">Steps of the checkpoint that the run continues; 0 for a new run.</param>
    /// <param name="sources">Names of the data sources.</param>
    public RunLog(string path, long stepsDone, IEnumerable<string> sources)
    {
        _sources = [.. sources.Select(s => JsonEncodedText.Encode(s))];
        _file = new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.Read, bufferSize: 0);
        (long length, LastStep) = EndOf(_file, stepsDone);
        _file.SetLength(length);
        _file.Position = _file.Length;
        _json = new Utf8JsonWriter(_line);
    }

    /// <summary>The step of the last line that was kept at opening; 0 where there was none.</summary>
    public long LastStep { get; }

    /// <summary>Returns when the lines are on the disk, where a checkpoint of their steps may go next.</summary>
    /// <exception cref="IOException">They are not.</exception>
    public void Flush() => DiskFlush.File(_file);

    /// <summary>Writes a step's line.</summary>
    /// <param name="result">What the step did.</param>
    /// <param name="losses">Its losses by source.</param>
    /// <param name="mfu">Share of the machine's peak, or NaN where the peak is not known.</param>
    /// <param name="deviceMemoryBytes">Planned and allocated.</param>
    /// <param name="validationLoss">Held-out loss after this step, or null where it was not measured.</param>
    public void Write(in StepResult result, StepLosses losses, double mfu, long deviceMemoryBytes, double? validationLoss)
    {
        _line.ResetWrittenCount();
        _json.Reset();
        _json.WriteStartObject();
        _json.WriteNumber("step"u8, result.Step);
        WriteFinite("loss"u8, result.Loss);
        WriteFinite("grad_norm"u8, result.GradientNorm);
        _json.WriteNumber("learning_rate"u8, result.LearningRate);
        if (result.LossScale is double scale)
        {
            _json.WriteNumber("loss_scale"u8, scale);
            _json.WriteNumber("skipped"u8, result.Skipped);
        }

        if (result.Dropout > 0)
        {
            _json.WriteNumber("dropout"u8, result.Dropout);
        }

        _json.WriteNumber("tokens"u8, result.Tokens);
        _json.WriteNumber("trained_tokens"u8, result.TrainedTokens);
        _json.WriteNumber("seconds"u8, result.Seconds);
        _json.WriteNumber("tokens_per_second"u8, result.Tokens / Math.Max(result.Seconds, 1e-9));
        WriteFinite("mfu"u8, mfu);
        _json.WriteNumber("device_memory_bytes"u8, deviceMemoryBytes);
        if (validationLoss is double loss)
        {
            WriteFinite("validation_loss"u8, loss);
        }

        WriteSources(losses);
        _json.WriteEndObject();
        _json.Flush();
        _line.Write("\n"u8);
        try
        {
            _file.Write(_line.WrittenSpan);
        }
        catch (Exception problem) when (problem is IOException or ArgumentOutOfRangeException)     // the latter is EFBIG
        {
            throw CamelsException.RunFailed($"{_file.Name}: cannot be written: {problem.Message}", problem);
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _json.Dispose();
        _file.Dispose();
    }

    // A line that cannot be read (half of it lost with the power) is no reason to lose those after it.
    private static (long Length, long LastStep) EndOf(FileStream file, long stepsDone)
    {
        if (stepsDone == 0)
        {
            return (0, 0);
        }

        byte[] bytes = new byte[file.Length];
        file.ReadExactly(bytes);
        (long Length, long LastStep) kept = (0, 0);
        int start = 0;
        for (int end = Array.IndexOf(bytes, (byte)'\n'); end >= 0; end = Array.IndexOf(bytes, (byte)'\n', start))
        {
            long? step = StepOf(bytes.AsSpan(start, end - start));
            if (step > stepsDone)
            {
                break;
            }

            start = end + 1;
            kept = step is long last ? (start, last) : kept;
        }

        return kept;
    }

    private static long? StepOf(ReadOnlySpan<byte> line)
    {
        try
        {
            using JsonDocument document = JsonDocument.Parse(Encoding.UTF8.GetString(line));
            return document.RootElement.GetProperty("step").GetInt64();
        }
        catch (Exception problem) when (problem is JsonException or KeyNotFoundException or InvalidOperationException)
        {
            return null;
        }
    }

    private void WriteSources(StepLosses losses)
    {
        _json.WriteStartObject("sources"u8);
        for (int s = 0; s < _sources.Length; s++)
        {
            long tokens = losses.SourceTokens[s];
            if (tokens > 0)
            {
                _json.WriteStartObject(_sources[s]);
                WriteFinite("loss"u8, losses.SourceLosses[s] / tokens);
                _json.WriteNumber("trained_tokens"u8, tokens);
                _json.WriteEndObject();
            }
        }

        _json.WriteEndObject();
    }

    // JSON has no NaN: what is not finite is null.
    private void WriteFinite(ReadOnlySpan<byte> name, double value)
    {
        if (double.IsFinite(value))
        {
            _json.WriteNumber(name, value);
        }
        else
        {
            _json.WriteNull(name);
        }
    }
}
