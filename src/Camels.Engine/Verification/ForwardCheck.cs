using Camels.Engine.Checkpoints;
using Camels.Engine.Layers;
using Camels.Engine.Models;
using Camels.Engine.Parameters;
using Camels.Engine.Training;
using Camels.Kernels;

namespace Camels.Engine.Verification;

/// <summary>Forward passes of golden batches, their rows packed without padding: logits, hidden states, losses, log-probabilities.</summary>
internal sealed class ForwardCheck : IDisposable
{
    private static readonly string[] _batchNames = ["full", "right", "left"];

    private readonly GoldenCase _case;
    private readonly Precision _precision;
    private readonly Device _device;
    private readonly CheckReport _report;
    private readonly string _outputPrefix;

    public ForwardCheck(
        GoldenCase goldenCase, Func<Precision, ILanguageModel> open, Precision precision, Device device, CheckReport report, string outputPrefix = "")
    {
        _case = goldenCase;
        _precision = precision;
        _device = device;
        _report = report;
        _outputPrefix = outputPrefix;
        Model = open(precision);
    }

    public ILanguageModel Model { get; }

    /// <summary>Checks everything that a forward pass in single precision gives.</summary>
    public void CheckBatches()
    {
        foreach (string prefix in Batches())
        {
            ForwardResult result = Forward(_case.Rows(prefix));
            CheckLogits(prefix, result.Logits, Tolerance("logits", "rel_to_max"));
            CheckHidden(prefix, result.Hidden);
            CheckLoss(prefix, result.RowLosses, Tolerance("loss", "rel"));
            CheckRowLogProbabilities(prefix, result.RowLosses);
        }
    }

    /// <summary>Checks what bfloat16 gives, and single precision with weights rounded to bfloat16.</summary>
    public void CheckNarrow(Func<Precision, ILanguageModel> open)
    {
        if (!_case.Outputs.Tensors.Any(t => t.Name.StartsWith("bf16", StringComparison.Ordinal)))
        {
            _report.AddAbsent("bf16");
            return;
        }

        using ForwardCheck narrow = new(_case, open, Precision.Bf16, _device, _report, "bf16.");
        double? fromWide = _case.Number("tolerance", "bf16", "logits_rel_to_max_against_bf16w_fp32")
            ?? _case.Number("tolerance", "bf16_logits_rel_to_max_against_fp32");
        double fromNarrow = _case.Number("tolerance", "bf16", "logits_rel_to_max_against_bf16") ?? 2 * fromWide!.Value;
        using ForwardCheck rounded = new(_case, open, Precision.Fp32, _device, _report, "bf16w_fp32.");
        rounded.TakeWeightsOf(narrow.Model);
        foreach (string prefix in Batches())
        {
            ForwardResult result = narrow.Forward(_case.Rows(prefix));
            narrow.CheckLogits(prefix, result.Logits, fromNarrow);
            string wide = _case.Outputs.Find($"bf16w_fp32.{prefix}logits") is null ? "" : "bf16w_fp32.";
            double lossTolerance = _case.Number("tolerance", "bf16", "loss_rel") ?? fromWide!.Value;
            narrow.CheckLoss(prefix, result.RowLosses, lossTolerance + RoundingOfLoss(prefix, wide));
            narrow.CompareLoss($"bf16.{prefix}loss against {wide}{prefix}loss", $"{wide}{prefix}loss", prefix, result.RowLosses, lossTolerance);
            narrow.CompareLogits($"bf16.{prefix}logits against {wide}{prefix}logits", $"{wide}{prefix}logits", prefix, result.Logits, fromWide!.Value);
            if (wide.Length > 0)
            {
                ForwardResult roundedResult = rounded.Forward(_case.Rows(prefix));
                rounded.CheckLogits(prefix, roundedResult.Logits, _case.Number("tolerance", "bf16w_fp32", "logits_rel_to_max")!.Value);
                rounded.CheckLoss(prefix, roundedResult.RowLosses, Tolerance("loss", "rel"));
            }
        }
    }

    /// <summary>The logits (tokens, V) of each row, computed in one packed pass.</summary>
    public ForwardResult Forward(GoldenRow[] rows)
    {
        int tokens = rows.Sum(r => r.Ids.Length);
        using TokenBatch batch = new(_device, tokens, rows.Length, _precision.Wide);
        using Arena arena = Arena.Allocate(_device, PlanBytes(tokens, rows.Length), "verification");
        List<double[]> hidden = [];
        Pass pass = new(_device.Stream, arena, _precision, batch)
        {
            Observer = (name, tensor) => hidden.Add(ReadAll(tensor)),
        };
        RowFiller filler = new(rows.Max(r => r.Ids.Length), LossReduction.Tokens);
        StepLosses notes = new(rows.Length, tokens, sources: 1, _precision.Wide);
        notes.BeginCall();
        foreach (GoldenRow row in rows)
        {
            filler.Fill(batch, GoldenRows.Packed(row), notes, scaled: false);
        }

        batch.Upload(_device.Stream);
        Tensor losses = pass.NewStatistic(batch.TrainedTokens);
        Model.Losses(pass, losses);
        double[] tokenLosses = ReadAll(losses);
        hidden.Clear();
        Tensor last = Model.Hidden(pass);
        Tensor logits = pass.NewStatistic(tokens, Model.Config.VocabularySize);
        Model.Logits(pass, logits, last);
        double[] rowLosses = new double[rows.Length];
        int[] rowTargets = new int[rows.Length];
        ReadOnlySpan<int> bounds = batch.HostTrainedLaneBounds;
        for (int r = 0; r < rows.Length; r++)
        {
            rowTargets[r] = bounds[r + 1] - bounds[r];
            rowLosses[r] = tokenLosses.AsSpan(bounds[r], rowTargets[r]).ToArray().Sum();
        }

        return new ForwardResult(ReadAll(logits), hidden, rowLosses, rowTargets.Sum());
    }

    /// <summary>Compares packed logits with those of a padded golden tensor (rows, columns, V).</summary>
    public void CompareLogits(string check, string expectedName, string rowsPrefix, double[] actual, double tolerance)
    {
        StoredTensor? stored = _case.Outputs.Find(expectedName);
        if (stored is null)
        {
            _report.AddAbsent(check);
            return;
        }

        double[] expected = Packed(GoldenCase.Values(stored), _case.Rows(rowsPrefix), (int)stored.Shape[1]);
        _report.Add(check, Errors.RelativeToMaximum(actual, expected), tolerance, $"{expected.Length} values");
    }

    public double Tolerance(string entry, string measure) => _case.Number("tolerance", entry, measure)
        ?? throw CamelsException.BadInput($"{_case.Folder}/manifest.json names no tolerance {entry}.{measure}");

    public void Dispose() => Model.Dispose();

    // Golden cases name three batches; a case of one batch has no prefix.
    private IEnumerable<string> Batches()
    {
        if (_case.Inputs.Find("input_ids") is not null)
        {
            yield return "";
        }

        foreach (string name in _batchNames)
        {
            if (_case.Inputs.Find($"{name}.input_ids") is not null)
            {
                yield return $"{name}.";
            }
        }
    }

    private void CheckLogits(string prefix, double[] logits, double tolerance) =>
        CompareLogits($"{_outputPrefix}{prefix}logits", $"{_outputPrefix}{prefix}logits", prefix, logits, tolerance);

    private void CheckHidden(string prefix, List<double[]> hidden)
    {
        for (int l = 0; l < hidden.Count; l++)
        {
            string name = $"{prefix}hidden.{l}";
            if (_case.Outputs.Find(name) is StoredTensor stored)
            {
                double[] expected = Packed(GoldenCase.Values(stored), _case.Rows(prefix), (int)stored.Shape[1]);
                _report.Add(name, Errors.RelativeToMaximum(hidden[l], expected), Tolerance("hidden", "rel_to_max"), $"{expected.Length} values");
            }
        }
    }

    // Some reference models form the loss itself in bfloat16, others in single precision: how far the reference's own two losses are apart.
    private double RoundingOfLoss(string prefix, string wide) =>
        _case.Outputs.Find($"bf16.{prefix}loss") is StoredTensor narrow && _case.Outputs.Find($"{wide}{prefix}loss") is StoredTensor exact
            ? Errors.Relative(GoldenCase.Values(narrow)[0], GoldenCase.Values(exact)[0])
            : 0;

    private void CheckLoss(string prefix, double[] rowLosses, double tolerance) =>
        CompareLoss($"{_outputPrefix}{prefix}loss", $"{_outputPrefix}{prefix}loss", prefix, rowLosses, tolerance);

    private void CompareLoss(string check, string expectedName, string prefix, double[] rowLosses, double tolerance)
    {
        if (_case.Outputs.Find(expectedName) is not StoredTensor stored)
        {
            _report.AddAbsent(check);
            return;
        }

        int targets = _case.Rows(prefix).Sum(r => r.Trained.Count(t => t != 0));
        _report.Add(check, Errors.Relative(rowLosses.Sum() / targets, GoldenCase.Values(stored)[0]), tolerance, $"{targets} targets");
    }

    private void CheckRowLogProbabilities(string prefix, double[] rowLosses)
    {
        string name = $"{prefix}row_logprob";
        if (_case.Outputs.Find(name) is not StoredTensor stored)
        {
            _report.AddAbsent(name);
            return;
        }

        double[] expected = GoldenCase.Values(stored);
        double tolerance = _case.Number("tolerance", "row_logprob", "rel") ?? Tolerance("loss", "rel");
        double worst = 0;
        for (int r = 0; r < expected.Length; r++)
        {
            worst = Errors.Larger(worst, Errors.Relative(-rowLosses[r], expected[r]));
        }

        _report.Add(name, worst, tolerance, $"{expected.Length} rows");
    }

    private void TakeWeightsOf(ILanguageModel other)
    {
        for (int u = 0; u < Model.Units.Count; u++)
        {
            for (int p = 0; p < Model.Units[u].Parameters.Count; p++)
            {
                Kernels.Ops.Cast.Forward(_device.Stream, y: Model.Units[u].Parameters[p].Weight, x: other.Units[u].Parameters[p].Weight);
            }
        }
    }

    private long PlanBytes(int tokens, int lanes)
    {
        using Device planning = Device.OpenPlanning();
        using TokenBatch batch = new(planning, tokens, lanes, _precision.Wide);
        batch.Pretend(tokens, trainedTokens: tokens, lanes);
        using Arena arena = Arena.Measure(planning, "verification");
        Pass pass = new(planning.Stream, arena, _precision, batch);
        Model.Losses(pass, pass.NewStatistic(tokens));
        Model.Logits(pass, pass.NewStatistic(tokens, Model.Config.VocabularySize), Model.Hidden(pass));
        return arena.PeakBytes;
    }

    private static double[] Packed(double[] padded, GoldenRow[] rows, int columns)
    {
        int width = padded.Length / rows.Length / columns;
        List<double> packed = [];
        for (int r = 0; r < rows.Length; r++)
        {
            int first = ((r * columns) + rows[r].FirstColumn) * width;
            packed.AddRange(padded.AsSpan(first, rows[r].Ids.Length * width));
        }

        return [.. packed];
    }

    private double[] ReadAll(Tensor tensor) => DeviceNumbers.Read(_device.Stream, tensor);
}

/// <summary>What one packed forward pass gave.</summary>
/// <param name="Logits">(tokens, V), rows one behind the other.</param>
/// <param name="Hidden">The hidden states (tokens, C) before each block and after the final norm.</param>
/// <param name="RowLosses">Each row's sum of losses.</param>
/// <param name="Targets">Number of losses.</param>
internal sealed record ForwardResult(double[] Logits, List<double[]> Hidden, double[] RowLosses, int Targets);
