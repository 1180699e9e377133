using System.Runtime.Intrinsics;

namespace Camels.Kernels.Ops;

public static unsafe partial class CachedAttention
{
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
            Slots = slots.Pointer<int>(),
            Positions = positions.Pointer<int>(),
            Length = length,
            Scratch = stream.Device.Workers.Scratch(AttentionTile.Elements(shape.HeadWidth)),
        };
        stream.Device.Workers.Run(ref work, checked(shape.Tokens * shape.KeyHeads));
    }

    private struct ForwardWork<TElement, TVector, TRegister> : ICpuWork
        where TElement : struct, ICpuElements
        where TVector : struct, ICpuVector<TRegister>
        where TRegister : struct
    {
        public AttentionForward<TElement, TVector, TRegister> Forward;
        public int* Slots;
        public int* Positions;
        public int Length;
        public CpuWorkerScratch Scratch;

        // A part is a token and a key head. Tokens of one sequence that follow each other are computed together, by the part of the first.
        public readonly void Run(int part, int worker)
        {
            AttentionShape shape = Forward.Shape;
            (int first, int keyHead) = Math.DivRem(part, shape.KeyHeads);
            if (Continues(first))
            {
                return;
            }

            int end = first + 1;
            while (end < shape.Tokens && Continues(end))
            {
                end++;
            }

            AttentionTile tile = new(Scratch.Of(worker), shape.HeadWidth);
            int rows = (end - first) * shape.HeadsPerKeyHead;
            for (int row = 0; row < rows; row += AttentionRows.Maximum)
            {
                (int token, int head) = Math.DivRem(row, shape.HeadsPerKeyHead);
                AttentionRows set = new()
                {
                    FirstToken = first + token,
                    FirstHead = head,
                    Count = Math.Min(AttentionRows.Maximum, rows - row),
                    FirstKeys = Positions[first] + token + 1,
                    KeyHead = keyHead,
                    KeyOffset = (((nint)Slots[first] * Length * shape.KeyHeads) + keyHead) * shape.HeadWidth,
                };
                Forward.Run(set, tile);
            }
        }

        // Whether a token is computed with the one before it: where it is the next of the same sequence, but for every so many positions,
        // so that a long prompt is shared out.
        private readonly bool Continues(int n) =>
            n > 0 && Slots[n] == Slots[n - 1] && Positions[n] == Positions[n - 1] + 1 && Positions[n] % AttentionRows.Maximum != 0;
    }
}
