using System.Numerics;

namespace Camels.Kernels.Ops;

public static partial class Sgd
{
    private static void UpdateReference<T>(Reals<T> weight, Reals<T> master, Reals<T> gradient, long elements, in SgdSettings settings)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        T scale = T.CreateTruncating(settings.GradientScale);
        T limit = T.CreateTruncating(settings.GradientLimit);
        T keep = T.CreateTruncating(1 - (settings.LearningRate * settings.WeightDecay));
        T rate = T.CreateTruncating(settings.LearningRate);
        for (long i = 0; i < elements; i++)
        {
            T g = T.Clamp(gradient[i] * scale, -limit, limit);
            T w = (master[i] * keep) - (rate * g);
            master[i] = w;
            weight[i] = w;
            gradient[i] = T.Zero;
        }
    }
}
