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
            ForwardResult result = Forward(Rows(prefix));
            CheckLogits(prefix, result.Logits, _case.Tolerance("logits", "rel_to_max"));
            CheckHidden(prefix, result.Hidden);
            CheckLoss(prefix, result.RowLosses, _case.Tolerance("loss", "rel"));
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
        double fromWide = _case.FindTolerance("bf16", "logits_rel_to_max_against_bf16w_fp32")
            ?? _case.Manifest.RequiredObject("tolerance").RequiredNumber("bf16_logits_rel_to_max_against_fp32");
        double fromNarrow = _case.FindTolerance("bf16", "logits_rel_to_max_against_bf16") ?? 2 * fromWide;
        using ForwardCheck rounded = new(_case, open, Precision.Fp32, _device, _report, "bf16w_fp32.");
        rounded.TakeWeightsOf(narrow.Model);
        foreach (string prefix in Batches())
        {
            ForwardResult result = narrow.Forward(Rows(prefix));
            narrow.CheckLogits(prefix, result.Logits, fromNarrow);
            string wide = _case.Outputs.Find($"bf16w_fp32.{prefix}logits") is null ? "" : "bf16w_fp32.";
            double lossTolerance = _case.FindTolerance("bf16", "loss_rel") ?? fromWide;
            narrow.CheckLoss(prefix, result.RowLosses, lossTolerance + RoundingOfLoss(prefix, wide));
            narrow.CompareLoss($"bf16.{prefix}loss against {wide}{prefix}loss", $"{wide}{prefix}loss", prefix, result.RowLosses, lossTolerance);
            narrow.CompareLogits($"bf16.{prefix}logits against {wide}{prefix}logits", $"{wide}{prefix}logits", prefix, result.Logits, fromWide);
            if (wide.Length > 0)
            {
                ForwardResult roundedResult = rounded.Forward(Rows(prefix));
                rounded.CheckLogits(prefix, roundedResult.Logits, _case.Tolerance("bf16w_fp32", "logits_rel_to_max"));
                rounded.CheckLoss(prefix, roundedResult.RowLosses, _case.Tolerance("loss", "rel"));
            }
        }
    }

    /// <summary>The rows of a batch; <paramref name="prefix"/> is "full." and the like, or empty.</summary>
    public GoldenRow[] Rows(string prefix) => _case.Rows(prefix, Model.Config);

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

        double[] expected = Packed(stored, Rows(rowsPrefix), Model.Config.VocabularySize);
        _report.Add(check, Errors.RelativeToMaximum(actual, expected), tolerance, $"{expected.Length} values");
    }

    public void Dispose() => Model.Dispose();

    // Golden cases name three batches; a case of one batch has no prefix.
    private IEnumerable<string> Batches()
    {
        if (Holds("input_ids"))
        {
            yield return "";
        }

        foreach (string name in _batchNames)
        {
            if (Holds($"{name}."))
            {
                yield return $"{name}.";
            }
        }
    }

    // Any tensor of a batch asks for all that the batch needs.
    private bool Holds(string prefix) =>
        _case.Inputs.Tensors.Concat(_case.Outputs.Tensors).Any(tensor => tensor.Name.StartsWith(prefix, StringComparison.Ordinal));

    private void CheckLogits(string prefix, double[] logits, double tolerance) =>
        CompareLogits($"{_outputPrefix}{prefix}logits", $"{_outputPrefix}{prefix}logits", prefix, logits, tolerance);

    private void CheckHidden(string prefix, List<double[]> hidden)
    {
        for (int l = 0; l < hidden.Count; l++)
        {
            string name = $"{prefix}hidden.{l}";
            if (_case.Outputs.Find(name) is StoredTensor stored)
            {
                GoldenRow[] rows = Rows(prefix);
                int width = hidden[l].Length / rows.Sum(r => r.Ids.Length);      // OPT's last may be narrower than the others
                double[] expected = Packed(stored, rows, width);
                _report.Add(name, Errors.RelativeToMaximum(hidden[l], expected), _case.Tolerance("hidden", "rel_to_max"), $"{expected.Length} values");
            }
        }
    }

    // Some reference models form the loss itself in bfloat16, others in single precision: how far the reference's own two losses are apart.
    private double RoundingOfLoss(string prefix, string wide) =>
        _case.Outputs.Find($"bf16.{prefix}loss") is StoredTensor narrow && _case.Outputs.Find($"{wide}{prefix}loss") is StoredTensor exact
            ? Errors.Relative(GoldenCase.Scalar(narrow), GoldenCase.Scalar(exact))
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

        int targets = Rows(prefix).Sum(r => r.Trained.Count(t => t != 0));
        _report.Add(check, Errors.Relative(rowLosses.Sum() / targets, GoldenCase.Scalar(stored)), tolerance, $"{targets} targets");
    }

    private void CheckRowLogProbabilities(string prefix, double[] rowLosses)
    {
        string name = $"{prefix}row_logprob";
        if (_case.Outputs.Find(name) is not StoredTensor stored)
        {
            _report.AddAbsent(name);
            return;
        }

        double[] expected = GoldenCase.Values(stored, [rowLosses.Length]);
        double tolerance = _case.FindTolerance("row_logprob", "rel") ?? _case.Tolerance("loss", "rel");
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

    // A padded tensor (rows, columns, width) without its padding.
    private static double[] Packed(StoredTensor stored, GoldenRow[] rows, int width)
    {
        int columns = rows[0].Columns;
        double[] padded = GoldenCase.Values(stored, [rows.Length, columns, width]);
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
