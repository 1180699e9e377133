using Camels.Kernels;
using Camels.Kernels.Ops;

namespace Camels.Cli.Measurements;

/// <summary>What <c>bench kernels</c> times: the operators of a LLaMA of some sizes, and square matrix products.</summary>
internal sealed class KernelCases(KernelSizes sizes)
{
    private int N => sizes.Tokens;

    private int Rows => sizes.Rows;

    private int C => sizes.Channels;

    private int F => sizes.Features;

    private int H => sizes.Heads;

    private int D => C / H;

    private int V => sizes.Vocabulary;

    private int Trained => N * 2 / 3;

    /// <summary>All cases for a type of weights and activations.</summary>
    public IEnumerable<KernelCase> All(DType dtype)
    {
        double bytes = dtype.Bytes();
        double wide = DTypes.StatisticsOf(dtype).Bytes();
        return [.. MatMuls(bytes, wide), .. Attentions(bytes), .. Rowwise(bytes), .. Whole(bytes, wide)];
    }

    private IEnumerable<KernelCase> MatMuls(double bytes, double wide)
    {
        foreach ((int n, int o, int c) in sizes.Squares.Select(side => (side, side, side)).Concat([(N, C, C), (N, F, C), (N, C, F), (1, F, C)]))
        {
            double flops = 2.0 * n * o * c;
            double moved = bytes * ((1.0 * n * c) + (1.0 * o * c) + (1.0 * n * o));
            yield return new KernelCase("MatMul.Forward", $"N {n}, O {o}, C {c}", flops, moved, tensors =>
            {
                Tensor y = tensors.New(n, o), x = tensors.New(n, c), weight = tensors.New(o, c);
                return () => MatMul.Forward(tensors.Stream, y: y, x: x, weight: weight);
            });
            if (n == 1)
            {
                continue;
            }

            yield return new KernelCase("MatMul.BackwardInput", $"N {n}, O {o}, C {c}", flops, moved, tensors =>
            {
                Tensor dx = tensors.New(n, c), dy = tensors.New(n, o), weight = tensors.New(o, c);
                return () => MatMul.BackwardInput(tensors.Stream, dx: dx, dy: dy, weight: weight);
            });
            yield return new KernelCase("MatMul.BackwardWeight", $"N {n}, O {o}, C {c}, {Rows} lanes", flops, moved + (wide * o * c), tensors =>
            {
                Tensor dWeightSum = tensors.NewWide(o, c), dy = tensors.New(n, o), x = tensors.New(n, c), lanes = Bounds(tensors, n);
                return () => MatMul.BackwardWeight(tensors.Stream, dWeightSum: dWeightSum, dy: dy, x: x, laneBounds: lanes);
            });
        }
    }

    private IEnumerable<KernelCase> Attentions(double bytes)
    {
        int tokens = N / Rows;
        double pairs = Rows * (tokens * (tokens + 1.0) / 2) * H;
        float scale = 1 / MathF.Sqrt(D);
        string shape = $"{Rows} documents of {tokens}, H {H}, D {D}";
        yield return new KernelCase("Attention.Forward", shape, 4 * D * pairs, 4 * bytes * N * C, tensors =>
        {
            Tensor y = tensors.New(N, C), q = tensors.New(N, C), k = tensors.New(N, C), v = tensors.New(N, C);
            Tensor logSumExp = tensors.NewWide(N, H), bounds = Bounds(tensors, N);
            return () => Attention.Forward(
                tensors.Stream, y: y, logSumExp: logSumExp, q: q, k: k, v: v, documentBounds: bounds, headWidth: D, scale: scale);
        });
        yield return new KernelCase("Attention.Backward", shape, 10 * D * pairs, 8 * bytes * N * C, tensors =>
        {
            Tensor dq = tensors.New(N, C), dk = tensors.New(N, C), dv = tensors.New(N, C), dy = tensors.New(N, C);
            Tensor y = tensors.New(N, C), q = tensors.New(N, C), k = tensors.New(N, C), v = tensors.New(N, C);
            Tensor logSumExp = tensors.NewWide(N, H), delta = tensors.NewWide(N, H), bounds = Bounds(tensors, N);
            Attention.Forward(tensors.Stream, y: y, logSumExp: logSumExp, q: q, k: k, v: v, documentBounds: bounds, headWidth: D, scale: scale);
            return () => Attention.Backward(
                tensors.Stream, dq: dq, dk: dk, dv: dv, dy: dy, q: q, k: k, v: v, y: y, logSumExp: logSumExp, delta: delta,
                documentBounds: bounds, headWidth: D, scale: scale);
        });
    }

    private IEnumerable<KernelCase> Rowwise(double bytes)
    {
        yield return new KernelCase("RmsNorm.Forward", $"N {N}, C {C}", 0, 2 * bytes * N * C, tensors =>
        {
            Tensor y = tensors.New(N, C), x = tensors.New(N, C), rstd = tensors.NewWide(N), weight = tensors.New(C);
            return () => RmsNorm.Forward(tensors.Stream, y: y, rstd: rstd, x: x, weight: weight, eps: 1e-5f);
        });
        yield return new KernelCase("RmsNorm.Backward", $"N {N}, C {C}", 0, 3 * bytes * N * C, tensors =>
        {
            Tensor dx = tensors.New(N, C), dy = tensors.New(N, C), x = tensors.New(N, C), rstd = tensors.NewWide(N), weight = tensors.New(C);
            Tensor dWeightSum = tensors.NewWide(C), lanes = Bounds(tensors, N);
            return () => RmsNorm.Backward(
                tensors.Stream, dx: dx, dWeightSum: dWeightSum, dy: dy, x: x, weight: weight, rstd: rstd, laneBounds: lanes);
        });
        yield return new KernelCase("Rope.Forward", $"N {N}, H {H}, D {D}", 0, 2 * bytes * N * C, tensors =>
        {
            Tensor y = tensors.New(N, C), x = tensors.New(N, C), cosines = tensors.NewWide(N, D / 2), sines = tensors.NewWide(N, D / 2);
            Tensor positions = tensors.Integers(N, row => row % (N / Rows));
            return () => Rope.Forward(tensors.Stream, y: y, x: x, positions: positions, cosines: cosines, sines: sines, headWidth: D);
        });
        yield return new KernelCase("SwiGlu.Forward", $"N {N}, F {F}", 0, 3 * bytes * N * F, tensors =>
        {
            Tensor hidden = tensors.New(N, F), gated = tensors.New(N, F), raised = tensors.New(N, F);
            return () => SwiGlu.Forward(tensors.Stream, hidden: hidden, gated: gated, raised: raised);
        });
        yield return new KernelCase("SwiGlu.Backward", $"N {N}, F {F}", 0, 5 * bytes * N * F, tensors =>
        {
            Tensor dGated = tensors.New(N, F), dRaised = tensors.New(N, F), dHidden = tensors.New(N, F);
            Tensor gated = tensors.New(N, F), raised = tensors.New(N, F);
            return () => SwiGlu.Backward(tensors.Stream, dGated: dGated, dRaised: dRaised, dHidden: dHidden, gated: gated, raised: raised);
        });
        yield return new KernelCase("Add.Forward", $"N {N}, C {C}", 0, 3 * bytes * N * C, tensors =>
        {
            Tensor y = tensors.New(N, C), x = tensors.New(N, C), residual = tensors.New(N, C);
            return () => Add.Forward(tensors.Stream, y: y, x: x, residual: residual);
        });
        yield return new KernelCase("Embedding.Forward", $"N {N}, V {V}, C {C}", 0, 2 * bytes * N * C, tensors =>
        {
            Tensor y = tensors.New(N, C), ids = tensors.RandomIntegers(N, V), weight = tensors.New(V, C);
            return () => Embedding.Forward(tensors.Stream, y: y, ids: ids, weight: weight);
        });
    }

    private IEnumerable<KernelCase> Whole(double bytes, double wide)
    {
        yield return new KernelCase("LossHead.ForwardBackward", $"M {Trained}, C {C}, V {V}", 6.0 * Trained * C * V, bytes * V * C, tensors =>
        {
            Tensor dx = tensors.New(N, C), x = tensors.New(N, C), weight = tensors.New(V, C), dWeightSum = tensors.NewWide(V, C);
            Tensor losses = tensors.NewWide(Trained), scales = tensors.NewWide(Trained), labels = tensors.RandomIntegers(Trained, V);
            Tensor rows = tensors.Integers(Trained, row => row), lanes = Bounds(tensors, Trained);
            Tensor workspace = tensors.NewWide((int)LossHead.WorkspaceElements(Trained, C, V));
            return () => LossHead.ForwardBackward(
                tensors.Stream, losses: losses, dx: dx, dWeightSum: dWeightSum, x: x, weight: weight, trainedRows: rows, labels: labels,
                scales: scales, trainedLaneBounds: lanes, workspace: workspace);
        });
        int weights = F * C;
        yield return new KernelCase("AdamW.Update", $"{weights} weights", 0, ((7 * wide) + (bytes < wide ? bytes : 0)) * weights, tensors =>
        {
            Tensor weight = tensors.New(weights), first = tensors.NewWide(weights), second = tensors.NewWide(weights, least: 0), gradient = tensors.NewWide(weights);
            Tensor master = tensors.DType == DTypes.StatisticsOf(tensors.DType) ? weight : tensors.NewWide(weights);
            AdamWSettings settings = new()
            {
                LearningRate = 1e-5,
                Beta1 = 0.9,
                Beta2 = 0.999,
                Epsilon = 1e-8,
                WeightDecay = 0,
                GradientScale = 1,
                Step = 10,
            };
            return () => AdamW.Update(tensors.Stream, weight, master, first, second, gradient, settings);
        });
        yield return new KernelCase("SumOfSquares.Forward", $"{weights} numbers", 0, wide * weights, tensors =>
        {
            Tensor x = tensors.NewWide(weights), sums = tensors.NewWide(SumOfSquares.Blocks(weights));
            return () => SumOfSquares.Forward(tensors.Stream, blockSums: sums, x: x);
        });
    }

    private Tensor Bounds(KernelTensors tensors, int rows) => tensors.Integers(Rows + 1, lane => lane * rows / Rows);
}
