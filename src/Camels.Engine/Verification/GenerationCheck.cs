using System.Text.Json;
using Camels.Engine.Checkpoints;
using Camels.Engine.Generation;
using Camels.Kernels;

namespace Camels.Engine.Verification;

/// <summary>Greedy continuations of ragged prompts against the reference's, token for token, and the logits that chose them.</summary>
internal static class GenerationCheck
{
    public static void Run(GoldenCase goldenCase, ForwardCheck forward, Device device, CheckReport report)
    {
        Generator generator = new(forward.Model, tokenizer: null, device);
        CheckSequences(goldenCase, generator, report, "generate", eosId: null);
        int? eos = (int?)goldenCase.Number("generate_eos", "eos_token_id");
        CheckSequences(goldenCase, generator, report, "generate_eos", eos);
        CheckChoosingLogits(goldenCase, forward, report);
        if (goldenCase.Manifest.TryGetProperty("generate", out JsonElement list) && list.ValueKind == JsonValueKind.Array)
        {
            CheckListed(list, generator, report);
        }
    }

    private static void CheckSequences(GoldenCase goldenCase, Generator generator, CheckReport report, string name, int? eosId)
    {
        if (goldenCase.Outputs.Find($"{name}.sequences") is not StoredTensor stored || goldenCase.Number(name, "max_new_tokens") is not double count)
        {
            report.AddAbsent($"{name}.sequences");
            return;
        }

        GoldenRow[] prompts = goldenCase.Rows("generate.");
        int[] expected = GoldenCase.Integers(stored);
        int columns = (int)stored.Shape[1];
        int padId = (int)(goldenCase.Number("pad_token_id") ?? 0);
        GenerationSettings settings = new() { MaximumNewTokens = (int)count, EosIds = eosId is int id ? [id] : [] };
        int wrong = 0;
        int row = 0;
        generator.Generate([.. prompts.Select((p, i) => new Prompt($"{i}", p.Ids))], settings, completion =>
        {
            List<int> actual = [.. completion.TokenIds];
            if (completion.FinishReason == FinishReason.Eos)
            {
                actual.Add(eosId!.Value);
            }

            actual.AddRange(Enumerable.Repeat(padId, (int)count - actual.Count));
            int promptColumns = columns - (int)count;
            for (int t = 0; t < (int)count; t++)
            {
                wrong += expected[(row * columns) + promptColumns + t] == actual[t] ? 0 : 1;
            }

            row++;
        });
        report.Add($"{name}.sequences", wrong, 0, $"{row} prompts of {prompts.Min(p => p.Ids.Length)} to {prompts.Max(p => p.Ids.Length)} tokens, {row * (int)count} tokens");
    }

    private static void CheckChoosingLogits(GoldenCase goldenCase, ForwardCheck forward, CheckReport report)
    {
        if (goldenCase.Outputs.Find("generate.logits") is not StoredTensor stored
            || goldenCase.Outputs.Find("generate.sequences") is not StoredTensor sequences)
        {
            report.AddAbsent("generate.logits");
            return;
        }

        GoldenRow[] prompts = goldenCase.Rows("generate.");
        int[] ids = GoldenCase.Integers(sequences);
        int columns = (int)sequences.Shape[1];
        int newTokens = (int)stored.Shape[1];
        GoldenRow[] rows = [.. prompts.Select((p, r) =>
        {
            int[] whole = ids[((r * columns) + p.FirstColumn)..((r + 1) * columns)];
            byte[] trained = new byte[whole.Length];
            trained[^1] = 1;
            return new GoldenRow(whole, trained, p.FirstColumn);
        })];
        double[] logits = forward.Forward(rows).Logits;
        int width = (int)stored.Shape[2];
        List<double> actual = [];
        int start = 0;
        foreach (GoldenRow row in rows)
        {
            int firstChooser = row.Ids.Length - newTokens - 1;
            actual.AddRange(logits.AsSpan((start + firstChooser) * width, newTokens * width));
            start += row.Ids.Length;
        }

        double error = Errors.RelativeToMaximum([.. actual], GoldenCase.Values(stored));
        report.Add("generate.logits", error, forward.Tolerance("logits", "rel_to_max"), $"{actual.Count} values");
    }

    private static void CheckListed(JsonElement list, Generator generator, CheckReport report)
    {
        foreach (JsonElement entry in list.EnumerateArray())
        {
            int[] prompt = [.. entry.GetProperty("prompt_ids").EnumerateArray().Select(e => e.GetInt32())];
            int[] expected = [.. entry.GetProperty("ids").EnumerateArray().Select(e => e.GetInt32())];
            int[] wanted = expected[prompt.Length..];
            GenerationSettings settings = new() { MaximumNewTokens = wanted.Length };
            int wrong = 0;
            generator.Generate([new Prompt("0", prompt)], settings, completion =>
            {
                for (int t = 0; t < wanted.Length; t++)
                {
                    wrong += wanted[t] == completion.TokenIds[t] ? 0 : 1;
                }
            });
            report.Add($"generate '{entry.GetProperty("prompt").GetString()}'", wrong, 0, $"{wanted.Length} tokens");
        }
    }
}
