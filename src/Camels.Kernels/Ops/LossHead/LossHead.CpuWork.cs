using System.Numerics;
using System.Runtime.Intrinsics;

namespace Camels.Kernels.Ops;

public static unsafe partial class LossHead
{
    // The rows of one tile of logits, shared out.
    private readonly struct TileRows(LossHeadSpace space, int tile, Tensor labels)
    {
        private readonly float* _logits = space.Logits(tile).Pointer<float>();
        private readonly int* _labels = labels.Pointer<int>();

        public LossHeadSpace Space { get; } = space;

        public int First { get; } = space.ColumnsOf(tile).First;

        public int Columns { get; } = space.ColumnsOf(tile).Count;

        public CpuParts Parts { get; } = new CpuParts(labels.Shape[0], space.ColumnsOf(tile).Count);

        public float* Row(int m) => _logits + ((nint)m * Columns);

        public bool HasLabel(int m) => (uint)(_labels[m] - First) < (uint)Columns;

        public float* LabelOf(int m) => Row(m) + (_labels[m] - First);
    }

    private struct SumWork : ICpuWork
    {
        public TileRows Tile;

        public readonly void Run(int part, int worker)
        {
            for (int m = Tile.Parts.Start(part); m < Tile.Parts.End(part); m++)
            {
                Tile.Space.Sums[m].Add(Tile.Row(m), Tile.Columns);
                if (Tile.HasLabel(m))
                {
                    Tile.Space.LabelLogits[m] = *Tile.LabelOf(m);
                }
            }
        }
    }

    // logits become scale * (softmax − onehot(label)), in a type that may be narrower: from the left, so that none is overwritten before it is read
    private struct GradientWork<T> : ICpuWork
        where T : struct, ICpuElements
    {
        public TileRows Tile;
        public float* Scales;

        public readonly void Run(int part, int worker)
        {
            for (int m = Tile.Parts.Start(part); m < Tile.Parts.End(part); m++)
            {
                CpuLogSumExp sums = Tile.Space.Sums[m];
                float ofLabel = Tile.HasLabel(m) ? (CpuMath.Exp(sums.LogProbability(*Tile.LabelOf(m))) - 1) * Scales[m] : 0;
                ScaleRow(Tile.Row(m), Tile.Columns, sums.Largest, sums.LogOfSum, Scales[m]);
                if (Tile.HasLabel(m))
                {
                    T.StoreOne(Tile.Row(m), (nint)(Tile.LabelOf(m) - Tile.Row(m)), ofLabel);
                }
            }
        }

        private static void ScaleRow(float* row, int columns, float largest, float logOfSum, float scale)
        {
            int v = 0;
            if (CpuPath.UsesVector512)
            {
                for (; v <= columns - CpuVector512.Width; v += CpuVector512.Width)
                {
                    Vector512<float> logits = CpuVector512.Load(row + v);
                    Vector512<float> gradients =
                        CpuMath.Exp(logits - Vector512.Create(largest) - Vector512.Create(logOfSum)) * Vector512.Create(scale);
                    T.Store(row, v, gradients.GetLower().AsVector());
                    T.Store(row, v + Vector<float>.Count, gradients.GetUpper().AsVector());
                }
            }

            for (; v <= columns - Vector<float>.Count; v += Vector<float>.Count)
            {
                T.Store(row, v, CpuMath.Exp(CpuF32.Load(row, v) - new Vector<float>(largest) - new Vector<float>(logOfSum)) * scale);
            }

            for (; v < columns; v++)
            {
                T.StoreOne(row, v, CpuMath.Exp(row[v] - largest - logOfSum) * scale);
            }
        }
    }
}
