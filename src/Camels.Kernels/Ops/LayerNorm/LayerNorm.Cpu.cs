using System.Numerics;

namespace Camels.Kernels.Ops;

public static unsafe partial class LayerNorm
{
    private static void ForwardCpu(
        DeviceStream stream, Tensor y, Tensor mean, Tensor rstd, Tensor x, Tensor weight, Tensor bias, float eps)
    {
        switch (x.DType)
        {
            case DType.F32: ForwardCpu<CpuF32>(stream, y, mean, rstd, x, weight, bias, eps); break;
            case DType.BF16: ForwardCpu<CpuBF16>(stream, y, mean, rstd, x, weight, bias, eps); break;
            case DType.F16: ForwardCpu<CpuF16>(stream, y, mean, rstd, x, weight, bias, eps); break;
            default: throw CpuParts.Unsupported(x);
        }
    }

    private static void ForwardCpu<T>(
        DeviceStream stream, Tensor y, Tensor mean, Tensor rstd, Tensor x, Tensor weight, Tensor bias, float eps)
        where T : struct, ICpuElements
    {
        ForwardWork<T> work = new()
        {
            Y = (void*)y.Address,
            Mean = mean.Pointer<float>(),
            Rstd = rstd.Pointer<float>(),
            X = (void*)x.Address,
            Weight = (void*)weight.Address,
            Bias = (void*)bias.Address,
            Rows = new CpuParts(x.Shape[0], x.Shape[1]),
            Channels = x.Shape[1],
            Eps = eps,
        };
        stream.Device.Workers.Run(ref work, work.Rows.Count);
    }

    private struct ForwardWork<T> : ICpuWork
        where T : struct, ICpuElements
    {
        public void* Y;
        public float* Mean;
        public float* Rstd;
        public void* X;
        public void* Weight;
        public void* Bias;
        public CpuParts Rows;
        public int Channels;
        public float Eps;

        public readonly void Run(int part, int worker)
        {
            for (int n = Rows.Start(part); n < Rows.End(part); n++)
            {
                nint row = (nint)n * Channels;
                float mean = Sum(row) / Channels;
                float r = 1 / MathF.Sqrt((SumOfSquares(row, mean) / Channels) + Eps);
                int width = Vector<float>.Count;
                Vector<float> shift = new(mean);
                int c = 0;
                for (; c <= Channels - width; c += width)
                {
                    T.Store(Y, row + c, ((T.Load(X, row + c) - shift) * r * T.Load(Weight, c)) + T.Load(Bias, c));
                }

                for (; c < Channels; c++)
                {
                    T.StoreOne(Y, row + c, ((T.LoadOne(X, row + c) - mean) * r * T.LoadOne(Weight, c)) + T.LoadOne(Bias, c));
                }

                Mean[n] = mean;
                Rstd[n] = r;
            }
        }

        private readonly float Sum(nint row)
        {
            int width = Vector<float>.Count;
            Vector<float> lanes = Vector<float>.Zero;
            int c = 0;
            for (; c <= Channels - width; c += width)
            {
                lanes += T.Load(X, row + c);
            }

            float sum = Vector.Sum(lanes);
            for (; c < Channels; c++)
            {
                sum += T.LoadOne(X, row + c);
            }

            return sum;
        }

        private readonly float SumOfSquares(nint row, float mean)
        {
            int width = Vector<float>.Count;
            Vector<float> squares = Vector<float>.Zero;
            Vector<float> shift = new(mean);
            int c = 0;
            for (; c <= Channels - width; c += width)
            {
                Vector<float> v = T.Load(X, row + c) - shift;
                squares = Vector.FusedMultiplyAdd(v, v, squares);
            }

            float sum = Vector.Sum(squares);
            for (; c < Channels; c++)
            {
                float v = T.LoadOne(X, row + c) - mean;
                sum += v * v;
            }

            return sum;
        }
    }
}
