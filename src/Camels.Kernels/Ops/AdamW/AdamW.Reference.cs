using System.Numerics;

namespace Camels.Kernels.Ops;

public static partial class AdamW
{
    private static void UpdateReference<T>(
        Tensor weight, Tensor master, Tensor firstMoment, Tensor secondMoment, Tensor gradient, in AdamWSettings settings)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        T scale = T.CreateTruncating(settings.GradientScale);
        T beta1 = T.CreateTruncating(settings.Beta1);
        T rest1 = T.CreateTruncating(1 - settings.Beta1);
        T beta2 = T.CreateTruncating(settings.Beta2);
        T rest2 = T.CreateTruncating(1 - settings.Beta2);
        T keep = T.CreateTruncating(1 - (settings.LearningRate * settings.WeightDecay));
        T rate = T.CreateTruncating(settings.LearningRate / settings.Correction1);
        T root = T.CreateTruncating(settings.RootOfCorrection2);
        T epsilon = T.CreateTruncating(settings.Epsilon);
        Reals<T> w = master;
        Reals<T> m = firstMoment;
        Reals<T> v = secondMoment;
        Reals<T> dw = gradient;
        Reals<T> rounded = weight;
        for (long i = 0; i < weight.Elements; i++)
        {
            T g = dw[i] * scale;
            m[i] = (m[i] * beta1) + (rest1 * g);
            v[i] = (v[i] * beta2) + (rest2 * g * g);
            w[i] = (w[i] * keep) - (rate * m[i] / ((T.Sqrt(v[i]) / root) + epsilon));
            rounded[i] = w[i];
            dw[i] = T.Zero;
        }
    }
}
