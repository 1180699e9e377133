using System.Runtime.Intrinsics;

namespace Camels.Kernels.Ops;

public static unsafe partial class Attention
{
    // What a part of the forward takes: few heads and several sets of rows, so that keys are loaded seldom and all stays in the second cache.
    private const int SetsPerPart = 4;
    private const int ColumnsPerPart = 128;

    private static void ForwardCpu(
        DeviceStream stream, Tensor y, Tensor logSumExp, Tensor q, Tensor k, Tensor v, Tensor documentBounds, AttentionShape shape)
    {
        switch (q.DType)
        {
            case DType.F32: ForwardCpu<CpuF32>(stream, y, logSumExp, q, k, v, documentBounds, shape); break;
            case DType.BF16: ForwardCpu<CpuBF16>(stream, y, logSumExp, q, k, v, documentBounds, shape); break;
            case DType.F16: ForwardCpu<CpuF16>(stream, y, logSumExp, q, k, v, documentBounds, shape); break;
            default: throw CpuParts.Unsupported(q);
        }
    }

    private static void ForwardCpu<TElement>(
        DeviceStream stream, Tensor y, Tensor logSumExp, Tensor q, Tensor k, Tensor v, Tensor documentBounds, AttentionShape shape)
        where TElement : struct, ICpuElements
    {
        if (CpuPath.UsesVector512)
        {
            ForwardCpu<TElement, CpuVector512, Vector512<float>>(stream, y, logSumExp, q, k, v, documentBounds, shape);
        }
        else if (CpuPath.UsesVector256)
        {
            ForwardCpu<TElement, CpuVector256, Vector256<float>>(stream, y, logSumExp, q, k, v, documentBounds, shape);
        }
        else
        {
            ForwardCpu<TElement, CpuScalar, float>(stream, y, logSumExp, q, k, v, documentBounds, shape);
        }
    }

    private static void ForwardCpu<TElement, TVector, TRegister>(
        DeviceStream stream, Tensor y, Tensor logSumExp, Tensor q, Tensor k, Tensor v, Tensor documentBounds, AttentionShape shape)
        where TElement : struct, ICpuElements
        where TVector : struct, ICpuVector<TRegister>
        where TRegister : struct
    {
        int headParts = shape.HeadParts(ColumnsPerPart);
        AttentionParts parts = new(documentBounds, shape, headParts, SetsPerPart);
        ForwardWork<TElement, TVector, TRegister> work = new()
        {
            Forward = new AttentionForward<TElement, TVector, TRegister>
            {
                Shape = shape,
                Y = (void*)y.Address,
                LogSumExp = logSumExp.Pointer<float>(),
                Q = (void*)q.Address,
                K = (void*)k.Address,
                V = (void*)v.Address,
            },
            Parts = parts,
            Scratch = stream.Device.Workers.Scratch(AttentionTile.Elements(shape.HeadWidth, shape.MostHeads(headParts), parts.MostSets)),
        };
        stream.Device.Workers.Run(ref work, parts.Count);
    }

    private static void BackwardCpu(
        DeviceStream stream, Tensor dq, Tensor dk, Tensor dv, Tensor dy, Tensor q, Tensor k, Tensor v, Tensor y, Tensor logSumExp,
        Tensor documentBounds, AttentionShape shape)
    {
        switch (q.DType)
        {
            case DType.F32: BackwardCpu<CpuF32>(stream, dq, dk, dv, dy, q, k, v, y, logSumExp, documentBounds, shape); break;
            case DType.BF16: BackwardCpu<CpuBF16>(stream, dq, dk, dv, dy, q, k, v, y, logSumExp, documentBounds, shape); break;
            case DType.F16: BackwardCpu<CpuF16>(stream, dq, dk, dv, dy, q, k, v, y, logSumExp, documentBounds, shape); break;
            default: throw CpuParts.Unsupported(q);
        }
    }

    private static void BackwardCpu<TElement>(
        DeviceStream stream, Tensor dq, Tensor dk, Tensor dv, Tensor dy, Tensor q, Tensor k, Tensor v, Tensor y, Tensor logSumExp,
        Tensor documentBounds, AttentionShape shape)
        where TElement : struct, ICpuElements
    {
        if (CpuPath.UsesVector512)
        {
            BackwardCpu<TElement, CpuVector512, Vector512<float>>(stream, dq, dk, dv, dy, q, k, v, y, logSumExp, documentBounds, shape);
        }
        else if (CpuPath.UsesVector256)
        {
            BackwardCpu<TElement, CpuVector256, Vector256<float>>(stream, dq, dk, dv, dy, q, k, v, y, logSumExp, documentBounds, shape);
        }
        else
        {
            BackwardCpu<TElement, CpuScalar, float>(stream, dq, dk, dv, dy, q, k, v, y, logSumExp, documentBounds, shape);
        }
    }

    private static void BackwardCpu<TElement, TVector, TRegister>(
        DeviceStream stream, Tensor dq, Tensor dk, Tensor dv, Tensor dy, Tensor q, Tensor k, Tensor v, Tensor y, Tensor logSumExp,
        Tensor documentBounds, AttentionShape shape)
        where TElement : struct, ICpuElements
        where TVector : struct, ICpuVector<TRegister>
        where TRegister : struct
    {
        AttentionParts parts = new(documentBounds, shape, headParts: shape.KeyHeads, sets: 1);
        long tileElements = AttentionTile.Elements(shape.HeadWidth, heads: 1, sets: 1);
        long documentElements = AttentionBackward<TElement, TVector, TRegister>.DocumentElements(parts.LongestDocument, shape.HeadWidth);
        BackwardWork<TElement, TVector, TRegister> work = new()
        {
            Backward = new AttentionBackward<TElement, TVector, TRegister>
            {
                Shape = shape,
                Dq = (void*)dq.Address,
                Dk = (void*)dk.Address,
                Dv = (void*)dv.Address,
                Dy = (void*)dy.Address,
                Q = (void*)q.Address,
                K = (void*)k.Address,
                V = (void*)v.Address,
                Y = (void*)y.Address,
                LogSumExp = logSumExp.Pointer<float>(),
            },
            Parts = parts,
            Scratch = stream.Device.Workers.Scratch(tileElements + documentElements),
        };
        stream.Device.Workers.Run(ref work, parts.Count);
    }

    private struct ForwardWork<TElement, TVector, TRegister> : ICpuWork
        where TElement : struct, ICpuElements
        where TVector : struct, ICpuVector<TRegister>
        where TRegister : struct
    {
        public AttentionForward<TElement, TVector, TRegister> Forward;
        public AttentionParts Parts;
        public CpuWorkerScratch Scratch;

        // The rows that start in the part's tokens. The last tokens, whose rows see the most keys, come first.
        public readonly void Run(int part, int worker)
        {
            part = Parts.Count - 1 - part;
            (int first, int end) = Parts.TokensOf(part);
            (int keyHead, int heads) = Parts.HeadsOf(part);
            for (int document = Parts.FirstDocumentEndingAfter(first); document < Parts.Documents && Parts.Bounds[document] < end; document++)
            {
                AttentionRows rows = Parts.RowsOf(document, keyHead, first, end);
                if (rows.Count > 0)
                {
                    Forward.Run(rows, heads, Scratch.Of(worker));
                }
            }
        }
    }

    private struct BackwardWork<TElement, TVector, TRegister> : ICpuWork
        where TElement : struct, ICpuElements
        where TVector : struct, ICpuVector<TRegister>
        where TRegister : struct
    {
        public AttentionBackward<TElement, TVector, TRegister> Backward;
        public AttentionParts Parts;
        public CpuWorkerScratch Scratch;

        // The documents that start in the part's tokens.
        public readonly void Run(int part, int worker)
        {
            (int first, int end) = Parts.TokensOf(part);
            AttentionTile tile = new(Scratch.Of(worker), Backward.Shape.HeadWidth, heads: 1, head: 0, member: 0);
            float* memory = Scratch.Of(worker) + AttentionTile.Elements(Backward.Shape.HeadWidth, heads: 1, sets: 1);
            for (int document = Parts.FirstDocumentEndingAfter(first); document < Parts.Documents && Parts.Bounds[document] < end; document++)
            {
                if (Parts.Bounds[document] < first)
                {
                    continue;
                }

                int tokens = Parts.Bounds[document + 1] - Parts.Bounds[document];
                AttentionRows rows = Parts.RowsOf(document, Parts.HeadsOf(part).First, first, Parts.Bounds[document + 1]);
                Backward.Start(rows, memory, tokens);
                for (int set = 0; set * AttentionRows.Maximum < rows.Count; set++)
                {
                    Backward.Run(rows.Set(set, keyHead: 0, Backward.Shape.HeadsPerKeyHead), tile, memory, tokens);
                }

                Backward.Finish(rows, memory, tokens);
            }
        }
    }
}
