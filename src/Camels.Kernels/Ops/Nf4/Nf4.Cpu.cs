namespace Camels.Kernels.Ops;

public static unsafe partial class Nf4
{
    private static void QuantizeCpu(DeviceStream stream, Tensor codes, Tensor absmax, Tensor x)
    {
        switch (x.DType)
        {
            case DType.F32: Run<CpuF32>(stream, codes, absmax, x, quantizes: true); break;
            case DType.BF16: Run<CpuBF16>(stream, codes, absmax, x, quantizes: true); break;
            case DType.F16: Run<CpuF16>(stream, codes, absmax, x, quantizes: true); break;
            default: throw CpuParts.Unsupported(x);
        }
    }

    private static void DequantizeCpu(DeviceStream stream, Tensor y, Tensor codes, Tensor absmax)
    {
        switch (y.DType)
        {
            case DType.F32: Run<CpuF32>(stream, codes, absmax, y, quantizes: false); break;
            case DType.BF16: Run<CpuBF16>(stream, codes, absmax, y, quantizes: false); break;
            case DType.F16: Run<CpuF16>(stream, codes, absmax, y, quantizes: false); break;
            default: throw CpuParts.Unsupported(y);
        }
    }

    private static void Run<T>(DeviceStream stream, Tensor codes, Tensor absmax, Tensor x, bool quantizes)
        where T : struct, ICpuElements
    {
        BlockWork<T> work = new()
        {
            Codes = codes.Pointer<byte>(),
            Absmax = absmax.Pointer<float>(),
            X = (void*)x.Address,
            Elements = x.Elements,
            Parts = new CpuParts(absmax.Shape[0], BlockElements),
            Quantizes = quantizes,
        };
        stream.Device.Workers.Run(ref work, work.Parts.Count);
    }

    // Blocks are shared out: a block is whole bytes, because its size is even.
    private struct BlockWork<T> : ICpuWork
        where T : struct, ICpuElements
    {
        public byte* Codes;
        public float* Absmax;
        public void* X;
        public long Elements;
        public CpuParts Parts;
        public bool Quantizes;

        public readonly void Run(int part, int worker)
        {
            fixed (float* values = Nf4Codes.Values)
            {
                for (int block = Parts.Start(part); block < Parts.End(part); block++)
                {
                    nint start = (nint)block * BlockElements;
                    int count = (int)Math.Min(BlockElements, Elements - start);
                    if (Quantizes)
                    {
                        Absmax[block] = Largest(start, count);
                        Quantize(start, count, Absmax[block]);
                    }
                    else
                    {
                        Dequantize(values, start, count, Absmax[block]);
                    }
                }
            }
        }

        private readonly float Largest(nint start, int count)
        {
            float largest = 0;
            for (int i = 0; i < count; i++)
            {
                largest = Math.Max(largest, Math.Abs(T.LoadOne(X, start + i)));
            }

            return largest;
        }

        private readonly void Quantize(nint start, int count, float absmax)
        {
            float inverse = 1 / absmax;
            for (int i = 0; i < count; i += 2)
            {
                int high = absmax == 0 ? ZeroCode : Nf4Codes.NearestValue(T.LoadOne(X, start + i) * inverse);
                int low = absmax == 0 || i + 1 == count ? ZeroCode : Nf4Codes.NearestValue(T.LoadOne(X, start + i + 1) * inverse);
                Codes[(start + i) / 2] = (byte)((high << 4) | low);
            }
        }

        private readonly void Dequantize(float* values, nint start, int count, float absmax)
        {
            int i = 0;
            for (; i + 1 < count; i += 2)
            {
                int pair = Codes[(start + i) / 2];
                T.StoreOne(X, start + i, values[pair >> 4] * absmax);
                T.StoreOne(X, start + i + 1, values[pair & 15] * absmax);
            }

            if (i < count)
            {
                T.StoreOne(X, start + i, values[Codes[(start + i) / 2] >> 4] * absmax);
            }
        }
    }
}
