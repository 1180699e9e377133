using Camels.Engine.Checkpoints;
using Camels.Engine.Generation;
using Camels.Engine.Models;
using Camels.Kernels;

namespace Camels.Engine.Verification;

/// <summary>Greedy continuations of ragged prompts against the reference's, token for token, and the logits that chose them.</summary>
internal static class GenerationCheck
{
    public static void Run(GoldenCase goldenCase, ForwardCheck forward, Device device, CheckReport report)
    {
        Generator generator = new(forward.Model, tokenizer: null, device);
        CheckSequences(goldenCase, generator, forward.Model.Config, report, "generate", endsAtEos: false);
        CheckSequences(goldenCase, generator, forward.Model.Config, report, "generate_eos", endsAtEos: true);
        CheckChoosingLogits(goldenCase, forward, report);
        if (goldenCase.Manifest.IsList("generate"))
        {
            CheckListed(goldenCase.Manifest.Objects("generate"), generator, forward.Model.Config, report);
        }
    }

    private static void CheckSequences(GoldenCase goldenCase, Generator generator, ModelConfig model, CheckReport report, string name, bool endsAtEos)
    {
        if (goldenCase.Outputs.Find($"{name}.sequences") is not StoredTensor stored || goldenCase.Manifest.Object(name) is not JsonFields entry)
        {
            report.AddAbsent($"{name}.sequences");
            return;
        }

        GoldenRow[] prompts = goldenCase.Prompts(model);
        int newTokens = NewTokens(entry, model);
        int promptColumns = prompts[0].Columns;
        int columns = promptColumns + newTokens;
        int[] expected = GoldenCase.Integers(stored, prompts.Length, columns);
        int padId = goldenCase.Manifest.Integer("pad_token_id", 0, int.MaxValue, missing: 0);
        int[] eosIds = endsAtEos ? [entry.Integer("eos_token_id", 0, model.VocabularySize - 1)] : [];
        GenerationSettings settings = new() { MaximumNewTokens = newTokens, EosIds = eosIds };
        int wrong = 0;
        int row = 0;
        generator.Generate([.. prompts.Select((p, i) => new Prompt($"{i}", p.Ids))], settings, completion =>
        {
            List<int> actual = [.. completion.TokenIds];
            if (completion.FinishReason == FinishReason.Eos)
            {
                actual.AddRange(eosIds);
            }

            actual.AddRange(Enumerable.Repeat(padId, newTokens - actual.Count));
            for (int t = 0; t < newTokens; t++)
            {
                wrong += expected[(row * columns) + promptColumns + t] == actual[t] ? 0 : 1;
            }

            row++;
        });
        report.Add($"{name}.sequences", wrong, 0, $"{row} prompts of {prompts.Min(p => p.Ids.Length)} to {prompts.Max(p => p.Ids.Length)} tokens, {row * newTokens} tokens");
    }

    private static void CheckChoosingLogits(GoldenCase goldenCase, ForwardCheck forward, CheckReport report)
    {
        if (goldenCase.Outputs.Find("generate.logits") is not StoredTensor stored
            || goldenCase.Outputs.Find("generate.sequences") is not StoredTensor sequences
            || goldenCase.Manifest.Object("generate") is not JsonFields entry)
        {
            report.AddAbsent("generate.logits");
            return;
        }

        ModelConfig model = forward.Model.Config;
        GoldenRow[] prompts = goldenCase.Prompts(model);
        int newTokens = NewTokens(entry, model);
        int columns = prompts[0].Columns + newTokens;
        int width = model.VocabularySize;
        int[] ids = GoldenCase.Integers(sequences, prompts.Length, columns);
        double[] expected = GoldenCase.Values(stored, [prompts.Length, newTokens, width]);
        GoldenRow[] rows = [.. prompts.Select((p, r) =>
        {
            int[] whole = ids[((r * columns) + p.FirstColumn)..((r + 1) * columns)];
            GoldenCase.RequireTokens(sequences, whole, model);
            byte[] trained = new byte[whole.Length];
            trained[^1] = 1;
            return new GoldenRow(whole, trained, p.FirstColumn, columns);
        })];
        double[] logits = forward.Forward(rows).Logits;
        List<double> actual = [];
        int start = 0;
        foreach (GoldenRow row in rows)
        {
            int firstChooser = row.Ids.Length - newTokens - 1;
            actual.AddRange(logits.AsSpan((start + firstChooser) * width, newTokens * width));
            start += row.Ids.Length;
        }

        double error = Errors.RelativeToMaximum([.. actual], expected);
        report.Add("generate.logits", error, goldenCase.Tolerance("logits", "rel_to_max"), $"{actual.Count} values");
    }

    private static int NewTokens(JsonFields entry, ModelConfig model) => entry.Integer("max_new_tokens", 1, model.MaximumPositions);

    private static void CheckListed(IReadOnlyList<JsonFields> list, Generator generator, ModelConfig model, CheckReport report)
    {
        foreach (JsonFields entry in list)
        {
            int[] prompt = entry.IntegerList("prompt_ids", 0, model.VocabularySize - 1);
            int[] expected = entry.IntegerList("ids", 0, model.VocabularySize - 1);
            entry.Require("prompt_ids", prompt.Length > 0, "at least one id");
            bool continues = expected.Length > prompt.Length && expected.Length <= model.MaximumPositions && expected.AsSpan().StartsWith(prompt);
            entry.Require("ids", continues, $"prompt_ids and what follows them, at most {model.MaximumPositions} ids");
            string name = entry.RequiredText("prompt");
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
            report.Add($"generate '{name}'", wrong, 0, $"{wanted.Length} tokens");
        }
    }
}
