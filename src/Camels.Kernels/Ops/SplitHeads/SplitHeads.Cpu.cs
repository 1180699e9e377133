namespace Camels.Kernels.Ops;

public static unsafe partial class SplitHeads
{
    private static void CopyCpu(DeviceStream stream, Tensor fused, Tensor q, Tensor k, Tensor v, int headWidth, bool splits)
    {
        if (fused.DType is not (DType.F32 or DType.BF16 or DType.F16))
        {
            throw CpuParts.Unsupported(fused);
        }

        int elementBytes = fused.DType.Bytes();
        CopyWork work = new()
        {
            Fused = (byte*)fused.Address,
            Q = (byte*)q.Address,
            K = (byte*)k.Address,
            V = (byte*)v.Address,
            Rows = new CpuParts(q.Shape[0], 2L * fused.Shape[1]),
            Heads = q.Shape[1] / headWidth,
            HeadBytes = headWidth * elementBytes,
            Splits = splits,
        };
        stream.Device.Workers.Run(ref work, work.Rows.Count);
    }

    private struct CopyWork : ICpuWork
    {
        public byte* Fused;
        public byte* Q;
        public byte* K;
        public byte* V;
        public CpuParts Rows;
        public int Heads;
        public int HeadBytes;
        public bool Splits;

        public readonly void Run(int part, int worker)
        {
            nint first = (nint)Rows.Start(part) * Heads;
            nint end = (nint)Rows.End(part) * Heads;
            for (nint head = first; head < end; head++)
            {
                Copy(Q + (head * HeadBytes), Fused + (3 * head * HeadBytes));
                Copy(K + (head * HeadBytes), Fused + (((3 * head) + 1) * HeadBytes));
                Copy(V + (head * HeadBytes), Fused + (((3 * head) + 2) * HeadBytes));
            }
        }

        private readonly void Copy(byte* single, byte* fused) =>
            Buffer.MemoryCopy(Splits ? fused : single, Splits ? single : fused, HeadBytes, HeadBytes);
    }
}
