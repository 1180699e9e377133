using System.Runtime.Intrinsics;

namespace Camels.Kernels.Ops;

public static unsafe partial class CachedAttention
{
    // Some lines of every key: few enough that one token's heads are shared out, enough that the cache is read in runs.
    private const int ColumnsPerPart = 128;

    // Queries of one key head from which on it is better that lanes are queries.
    private const int MostSingleQueries = 4;

    private static void ForwardCpu(
        DeviceStream stream, Tensor y, Tensor q, Tensor keys, Tensor values, Tensor slots, Tensor positions, int length, AttentionShape shape)
    {
        switch (q.DType)
        {
            case DType.F32: ForwardCpu<CpuF32>(stream, y, q, keys, values, slots, positions, length, shape); break;
            case DType.BF16: ForwardCpu<CpuBF16>(stream, y, q, keys, values, slots, positions, length, shape); break;
            case DType.F16: ForwardCpu<CpuF16>(stream, y, q, keys, values, slots, positions, length, shape); break;
            default: throw CpuParts.Unsupported(q);
        }
    }

    private static void ForwardCpu<TElement>(
        DeviceStream stream, Tensor y, Tensor q, Tensor keys, Tensor values, Tensor slots, Tensor positions, int length, AttentionShape shape)
        where TElement : struct, ICpuElements
    {
        if (CpuPath.UsesVector512)
        {
            ForwardCpu<TElement, CpuVector512, Vector512<float>>(stream, y, q, keys, values, slots, positions, length, shape);
        }
        else if (CpuPath.UsesVector256)
        {
            ForwardCpu<TElement, CpuVector256, Vector256<float>>(stream, y, q, keys, values, slots, positions, length, shape);
        }
        else
        {
            ForwardCpu<TElement, CpuScalar, float>(stream, y, q, keys, values, slots, positions, length, shape);
        }
    }

    private static void ForwardCpu<TElement, TVector, TRegister>(
        DeviceStream stream, Tensor y, Tensor q, Tensor keys, Tensor values, Tensor slots, Tensor positions, int length, AttentionShape shape)
        where TElement : struct, ICpuElements
        where TVector : struct, ICpuVector<TRegister>
        where TRegister : struct
    {
        int headParts = shape.HeadParts(ColumnsPerPart);
        ForwardWork<TElement, TVector, TRegister> work = new()
        {
            Forward = new AttentionForward<TElement, TVector, TRegister>
            {
                Shape = shape,
                Y = (void*)y.Address,
                Q = (void*)q.Address,
                K = (void*)keys.Address,
                V = (void*)values.Address,
            },
            One = new OneQuery<TElement>
            {
                Keys = CpuOperand.RowsOf(new Tensor(keys.Address, keys.DType, new Shape(keys.Shape[0] * length, keys.Shape[2]))),
                Values = CpuOperand.RowsOf(new Tensor(values.Address, values.DType, new Shape(keys.Shape[0] * length, keys.Shape[2]))),
                HeadWidth = shape.HeadWidth,
                Scale = shape.Scale,
            },
            TakesOne = OneQuery<TElement>.Takes(q.DType, shape.HeadWidth),
            Slots = slots.Pointer<int>(),
            Positions = positions.Pointer<int>(),
            Length = length,
            HeadParts = headParts,
            Scratch = stream.Device.Workers.Scratch(AttentionTile.Elements(shape.HeadWidth, shape.MostHeads(headParts), MostSets(shape))),
        };
        stream.Device.Workers.Run(ref work, checked(shape.Tokens * headParts));
    }

    // Tokens whose heads of one group fill a set of rows, at least one.
    private static int TokensAtOnce(AttentionShape shape) => Math.Max(1, AttentionRows.Maximum / shape.HeadsPerKeyHead);

    private static int MostSets(AttentionShape shape) =>
        ((TokensAtOnce(shape) * shape.HeadsPerKeyHead) + AttentionRows.Maximum - 1) / AttentionRows.Maximum;

    private struct ForwardWork<TElement, TVector, TRegister> : ICpuWork
        where TElement : struct, ICpuElements
        where TVector : struct, ICpuVector<TRegister>
        where TRegister : struct
    {
        public AttentionForward<TElement, TVector, TRegister> Forward;
        public OneQuery<TElement> One;
        public bool TakesOne;
        public int* Slots;
        public int* Positions;
        public int Length;
        public int HeadParts;
        public CpuWorkerScratch Scratch;

        // A part is a token and some key heads. Tokens of one sequence that follow each other are computed together, by the part of the first.
        public readonly void Run(int part, int worker)
        {
            AttentionShape shape = Forward.Shape;
            (int first, int headPart) = Math.DivRem(part, HeadParts);
            if (Continues(first))
            {
                return;
            }

            int end = first + 1;
            while (end < shape.Tokens && Continues(end))
            {
                end++;
            }

            (int keyHead, int heads) = shape.HeadsOf(headPart, HeadParts);
            if (TakesOne && end == first + 1 && shape.HeadsPerKeyHead <= MostSingleQueries)
            {
                RunOneByOne(first, keyHead, heads);
                return;
            }

            AttentionRows rows = new()
            {
                FirstToken = first,
                FirstHead = 0,
                Count = (end - first) * shape.HeadsPerKeyHead,
                FirstKeys = Positions[first] + 1,
                KeyHead = keyHead,
                FirstKeyRow = (long)Slots[first] * Length,
            };
            Forward.Run(rows, heads, Scratch.Of(worker));
        }

        private readonly void RunOneByOne(int token, int keyHead, int heads)
        {
            AttentionShape shape = Forward.Shape;
            for (int head = keyHead * shape.HeadsPerKeyHead; head < (keyHead + heads) * shape.HeadsPerKeyHead; head++)
            {
                nint place = (((nint)token * shape.Heads) + head) * shape.HeadWidth;
                int column = head / shape.HeadsPerKeyHead * shape.HeadWidth;
                One.Run(Forward.Y, Forward.Q, place, (long)Slots[token] * Length, Positions[token] + 1, column);
            }
        }

        // Whether a token is computed with the one before it: where it is the next of the same sequence, but for every so many positions,
        // so that a long prompt is shared out.
        private readonly bool Continues(int n) =>
            n > 0 && Slots[n] == Slots[n - 1] && Positions[n] == Positions[n - 1] + 1 && Positions[n] % TokensAtOnce(Forward.Shape) != 0;
    }
}
