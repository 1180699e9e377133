using System.Numerics;

namespace Camels.Kernels.Ops;

public static partial class Gelu
{
    private readonly struct CpuFunction : ICpuFunction
    {
        public static Vector<float> Of(Vector<float> x) => x * NormalDistribution.Of(x, out _);

        public static float Of(float x) => x * NormalDistribution.Of(x, out _);

        public static Vector<float> Backward(Vector<float> dy, Vector<float> x)
        {
            Vector<float> distribution = NormalDistribution.Of(x, out Vector<float> density);
            return dy * Vector.FusedMultiplyAdd(x, density, distribution);
        }

        public static float Backward(float dy, float x)
        {
            float distribution = NormalDistribution.Of(x, out float density);
            return dy * MathF.FusedMultiplyAdd(x, density, distribution);
        }
    }
}
