using System.Numerics;

namespace Camels.Kernels.Ops;

public static partial class SwiGlu
{
    private static void ForwardReference<T>(Reals<T> hidden, Reals<T> gated, Reals<T> raised, long elements)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        for (long i = 0; i < elements; i++)
        {
            hidden[i] = gated[i] * Sigmoid(gated[i]) * raised[i];
        }
    }

    // With s = sigmoid(g):   d silu / dg = s + g * s * (1 − s)
    private static void BackwardReference<T>(
        Reals<T> dGated, Reals<T> dRaised, Reals<T> dHidden, Reals<T> gated, Reals<T> raised, long elements)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        for (long i = 0; i < elements; i++)
        {
            T g = gated[i];
            T s = Sigmoid(g);
            T gradient = dHidden[i];
            dRaised[i] = gradient * g * s;
            dGated[i] = gradient * raised[i] * (s + (g * s * (T.One - s)));
        }
    }

    private static T Sigmoid<T>(T x)
        where T : IFloatingPointIeee754<T> => T.One / (T.One + T.Exp(-x));
}
