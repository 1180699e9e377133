using System.Text.Encodings.Web;
using System.Text.Json;
using Camels.Engine;
using Camels.Engine.Generation;

namespace Camels.Cli.Prompts;

/// <summary>Completions as JSONL. They go to a file beside the output, which takes the output's name when it is complete.</summary>
internal sealed class CompletionFile : IDisposable
{
    private readonly string _path;
    private readonly string _partial;
    private readonly bool _withLogProbabilities;
    private readonly bool _withSamples;
    private readonly StreamWriter _writer;

    /// <param name="path">The file.</param>
    /// <param name="partial">Where the completions are until all are there.</param>
    /// <param name="withLogProbabilities">Whether each token's is written.</param>
    /// <param name="withSamples">Whether the number of the sample is written.</param>
    /// <exception cref="CamelsException">The file cannot be written: exit code 5.</exception>
    public CompletionFile(string path, string partial, bool withLogProbabilities, bool withSamples)
    {
        _path = path;
        _partial = partial;
        _withLogProbabilities = withLogProbabilities;
        _withSamples = withSamples;
        _writer = Attempt(() => new StreamWriter(_partial));
    }

    /// <summary>Where the completions are until all are there.</summary>
    public string PartialPath => _partial;

    private static JsonWriterOptions Style => new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>Writes one line.</summary>
    public void Write(Completion completion) => Attempt(() =>
    {
        _writer.Flush();
        using (Utf8JsonWriter json = new(_writer.BaseStream, Style))
        {
            WriteObject(json, completion);
        }

        _writer.Write('\n');
        return 0;
    });

    /// <summary>Gives the file its name.</summary>
    public void Complete() => Attempt(() =>
    {
        _writer.Dispose();
        File.Move(_partial, _path, overwrite: true);
        return 0;
    });

    /// <summary>Closes the file. What was not completed stays beside the output under its other name.</summary>
    public void Dispose() => _writer.Dispose();

    private void WriteObject(Utf8JsonWriter json, Completion completion)
    {
        json.WriteStartObject();
        json.WriteString("id", completion.Id);
        if (_withSamples)
        {
            json.WriteNumber("sample", completion.Sample);
        }

        if (completion.Error is string error)
        {
            json.WriteString("error", error);
        }
        else
        {
            WriteResult(json, completion);
        }

        json.WriteEndObject();
    }

    private void WriteResult(Utf8JsonWriter json, Completion completion)
    {
        json.WriteString("completion", completion.Text);
        json.WriteStartArray("token_ids");
        foreach (int id in completion.TokenIds)
        {
            json.WriteNumberValue(id);
        }

        json.WriteEndArray();
        json.WriteString("finish_reason", completion.FinishReason switch
        {
            FinishReason.Eos => "eos",
            FinishReason.Stop => "stop",
            _ => "length",
        });
        if (_withLogProbabilities)
        {
            json.WriteStartArray("logprobs");
            foreach (float value in completion.LogProbabilities)
            {
                json.WriteNumberValue(value);
            }

            json.WriteEndArray();
        }
    }

    private T Attempt<T>(Func<T> write)
    {
        try
        {
            return write();
        }
        catch (Exception problem) when (problem is IOException or UnauthorizedAccessException)
        {
            throw CamelsException.RunFailed($"{_path} cannot be written: {problem.Message.ReplaceLineEndings(" ")}", problem);
        }
    }
}
