using System.Numerics;

namespace Camels.Kernels.Ops;

public static partial class Sample
{
    private static void ForwardReference<T>(
        Tensor tokens, Tensor logProbabilities, Tensor logits, Tensor uniforms, in SampleSettings settings)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        (int rows, int vocabulary) = logits.Rank2();
        Reals<T> logit = logits;
        Reals<T> logProbability = logProbabilities;
        Reals<T> uniform = uniforms;
        T[] row = new T[vocabulary];
        for (int n = 0; n < rows; n++)
        {
            for (int v = 0; v < vocabulary; v++)
            {
                row[v] = logit[n, v];
            }

            int[] ranked = [.. Enumerable.Range(0, vocabulary).OrderByDescending(v => row[v])];   // stable: ties stay in the order of ids
            T largest = row.Any(T.IsNaN) ? T.NaN : row[ranked[0]];
            RequireUniform(double.CreateTruncating(uniform[n]), n);
            if (!T.IsFinite(largest))
            {
                tokens.AsSpan<int>()[n] = NoProbabilities;
                logProbability[n] = T.NaN;
                continue;
            }

            int token = settings.IsGreedy ? ranked[0] : Draw(row, ranked, uniform[n], settings);
            T total = row.Aggregate(T.Zero, (sum, l) => sum + T.Exp(l - largest));
            tokens.AsSpan<int>()[n] = token;
            logProbability[n] = row[token] - largest - T.Log(total);
        }
    }

    private static int Draw<T>(T[] row, int[] ranked, T uniform, in SampleSettings settings)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        T temperature = T.CreateTruncating(settings.Temperature);
        T largest = row[ranked[0]];
        T[] weights = [.. row.Select(l => T.Exp((l - largest) / temperature))];
        IEnumerable<int> kept = ranked.Take(settings.TopK == 0 ? ranked.Length : settings.TopK);
        if (settings.TopP < 1)
        {
            T target = T.CreateTruncating(settings.TopP) * Sum(weights, kept);
            T before = T.Zero;
            kept = kept.TakeWhile(v =>
            {
                bool isNeeded = before < target;
                before += weights[v];
                return isNeeded;
            });
        }

        int[] inOrder = [.. kept.Order()];
        T threshold = uniform * Sum(weights, inOrder);
        T running = T.Zero;
        return inOrder.First(v => (running += weights[v]) > threshold);
    }

    private static T Sum<T>(T[] weights, IEnumerable<int> ids)
        where T : unmanaged, IFloatingPointIeee754<T> => ids.Aggregate(T.Zero, (sum, v) => sum + weights[v]);
}
