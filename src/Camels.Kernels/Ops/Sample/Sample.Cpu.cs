using System.Numerics;

namespace Camels.Kernels.Ops;

public static unsafe partial class Sample
{
    private static void ForwardCpu(
        DeviceStream stream, Tensor tokens, Tensor logProbabilities, Tensor logits, Tensor uniforms, in SampleSettings settings)
    {
        if (logits.DType != DType.F32)
        {
            throw CpuParts.Unsupported(logits);
        }

        ForwardWork work = new()
        {
            Tokens = tokens.Pointer<int>(),
            LogProbabilities = logProbabilities.Pointer<float>(),
            Logits = logits.Pointer<float>(),
            Uniforms = uniforms.Pointer<float>(),
            Vocabulary = logits.Shape[1],
            IsGreedy = settings.IsGreedy,
            Temperature = (float)settings.Temperature,
            TopK = settings.TopK,
            TopP = settings.TopP,
        };
        stream.Device.Workers.Run(ref work, logits.Shape[0]);
    }

    private struct ForwardWork : ICpuWork
    {
        public int* Tokens;
        public float* LogProbabilities;
        public float* Logits;
        public float* Uniforms;
        public int Vocabulary;
        public bool IsGreedy;
        public float Temperature;
        public int TopK;
        public double TopP;

        public readonly void Run(int part, int worker)
        {
            float* logits = Logits + ((nint)part * Vocabulary);
            float largest = Largest(logits);
            RequireUniform(Uniforms[part], part);
            if (!float.IsFinite(largest))
            {
                Tokens[part] = NoProbabilities;
                LogProbabilities[part] = float.NaN;
                return;
            }

            int token = IsGreedy
                ? new ReadOnlySpan<float>(logits, Vocabulary).IndexOf(largest)
                : Draw(new SampleRow(logits, Vocabulary, largest, Temperature), Uniforms[part]);
            Tokens[part] = token;
            CpuLogSumExp sums = new();
            sums.Add(logits, Vocabulary);
            LogProbabilities[part] = sums.LogProbability(logits[token]);
        }

        private readonly int Draw(SampleRow row, float uniform)
        {
            if (TopK > 0 && TopK < Vocabulary)
            {
                row.Keep(byWeight: false, target: TopK);
            }

            if (TopP < 1)
            {
                row.Keep(byWeight: true, target: TopP * row.TotalWeight());
            }

            return row.Find(uniform * row.TotalWeight());
        }

        // NaN where one is there.
        private readonly float Largest(float* logits)
        {
            int width = Vector<float>.Count;
            Vector<float> lanes = new(float.NegativeInfinity);
            int v = 0;
            for (; v <= Vocabulary - width; v += width)
            {
                lanes = Vector.Max(lanes, CpuF32.Load(logits, v));
            }

            float largest = float.NegativeInfinity;
            for (int lane = 0; lane < width; lane++)
            {
                largest = MathF.Max(largest, lanes[lane]);
            }

            for (; v < Vocabulary; v++)
            {
                largest = MathF.Max(largest, logits[v]);
            }

            return largest;
        }
    }
}
