using System.Numerics;

namespace Camels.Kernels.Ops;

public static partial class Relu
{
    private readonly struct CpuFunction : ICpuFunction
    {
        public static Vector<float> Of(Vector<float> x) => Vector.Max(x, Vector<float>.Zero);

        public static float Of(float x) => MathF.Max(x, 0);

        public static Vector<float> Backward(Vector<float> dy, Vector<float> x) =>
            Vector.ConditionalSelect(Vector.GreaterThan(x, Vector<float>.Zero), dy, Vector<float>.Zero);

        public static float Backward(float dy, float x) => x > 0 ? dy : 0;
    }
}
