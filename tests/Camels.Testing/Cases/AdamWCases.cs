using Camels.Kernels.Ops;

namespace Camels.Testing.Cases;

internal static class AdamWCases
{
    public static IEnumerable<OpCase> All() =>
    [
        Case([0], step: 1, weightDecay: 0),
        Case([1], step: 1, weightDecay: 0),
        Case([7], step: 2, weightDecay: 0.1),
        Case([3, 11], step: 3, weightDecay: 0.01),
        Case([40, 443], step: 1000, weightDecay: 0.1),
    ];

    private static OpCase Case(int[] extents, int step, double weightDecay) => OpCase.Of("AdamW", $"{string.Join("x", extents)}, step {step}")
        .State("master", extents)
        .State("firstMoment", extents)
        .State("secondMoment", extents, random => Math.Pow(Numbers.Normal(random), 2))
        .State("gradient", extents)
        .Output("weight", extents)
        .MayBe("weight", "master")
        .OnForward(t => AdamW.Update(
            t.Stream, weight: t["weight"], master: t["master"], firstMoment: t["firstMoment"], secondMoment: t["secondMoment"],
            gradient: t["gradient"], new AdamWSettings
            {
                LearningRate = 0.01,
                Beta1 = 0.9,
                Beta2 = 0.999,
                Epsilon = 1e-8,
                WeightDecay = weightDecay,
                GradientScale = 0.3,
                Step = step,
            }));
}
