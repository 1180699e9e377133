using Camels.Kernels.Ops;

namespace Camels.Testing.Cases;

internal static class SgdCases
{
    public static IEnumerable<OpCase> All() =>
    [
        Case([0], weightDecay: 0, limit: double.PositiveInfinity),
        Case([1], weightDecay: 0, limit: double.PositiveInfinity),
        Case([7], weightDecay: 0.1, limit: 0.2),
        Case([3, 11], weightDecay: 0, limit: 0.2),
        Case([40, 443], weightDecay: 0.1, limit: 0.2),
    ];

    private static OpCase Case(int[] extents, double weightDecay, double limit) => OpCase.Of("Sgd", $"{string.Join("x", extents)}, limit {limit}")
        .State("master", extents)
        .State("gradient", extents)
        .Output("weight", extents)
        .MayBe("weight", "master")
        .OnForward(t => Sgd.Update(t.Stream, weight: t["weight"], master: t["master"], gradient: t["gradient"], new SgdSettings
        {
            LearningRate = 0.01,
            WeightDecay = weightDecay,
            GradientScale = 0.3,
            GradientLimit = limit,
        }));
}
