using Camels.Engine.Models;
using Camels.Engine.Parameters;
using Camels.Engine.Training;
using Camels.Kernels;
using Xunit;

namespace Camels.Engine.Tests.Models;

/// <summary>The whole model's hand-written backward against finite differences, in double precision on the reference device.</summary>
public class ModelGradientTests
{
    private const double Step = 1e-5;
    private const int ProbesPerParameter = 4;

    [Theory]
    [MemberData(nameof(TinyModels.All), MemberType = typeof(TinyModels))]
    public void Every_weight_has_the_gradient_that_finite_differences_give(string name)
    {
        using Device device = Device.OpenReference();
        using ILanguageModel model = TinyModels.Create(name, device, Precision.Fp64, blocks: 1);
        TestRows rows = new(TinyLlama.Documents(count: 4, longest: 7), documentsPerRow: 2, batchSize: 2);
        TrainerSettings settings = new(TinyLlama.Recipe(batchSize: 2), Lanes: 2, LanesPerCall: 0, Steps: 4);
        using Trainer trainer = new(model, device, settings, rows, sources: 2);
        _ = trainer.Accumulate(step: 0, out _, out _);

        Dictionary<Parameter, double[]> gradients = trainer.Optimizer.Parameters.ToDictionary(p => p, p => p.Gradient.AsSpan<double>().ToArray());
        foreach ((Parameter parameter, double[] gradient) in gradients)
        {
            double largest = gradient.Max(Math.Abs);
            if (parameter.Name.EndsWith("k_proj.bias", StringComparison.Ordinal) && model.Config.Family == ModelFamily.Opt)
            {
                Assert.True(largest < 1e-12, $"{parameter.Name}: a constant added to every score of a query changes nothing, but {largest} arrives");
                continue;
            }

            Assert.True(largest > 0, $"{parameter.Name} has no gradient");

            // The largest one too: a table of tokens has no gradient in most of its rows.
            int[] probes = [.. Enumerable.Range(0, ProbesPerParameter).Select(probe => (int)(parameter.Elements * probe / ProbesPerParameter))];
            foreach (int i in probes.Append(Array.FindIndex(gradient, number => Math.Abs(number) == largest)))
            {
                double numeric = CentralDifference(trainer, parameter, i);
                Assert.True(
                    Math.Abs(numeric - gradient[i]) <= 1e-6 * largest,
                    $"{parameter.Name}[{i}]: {gradient[i]:E6}, finite differences give {numeric:E6}");
            }
        }
    }

    internal static double CentralDifference(Trainer trainer, Parameter parameter, int i)
    {
        Span<double> weight = parameter.Weight.AsSpan<double>();
        double value = weight[i];
        weight[i] = value + Step;
        double above = trainer.Accumulate(step: 0, out _, out _);
        weight[i] = value - Step;
        double below = trainer.Accumulate(step: 0, out _, out _);
        weight[i] = value;
        return (above - below) / (2 * Step);
    }
}
