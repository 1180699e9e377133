using System.Buffers;
using System.Runtime.InteropServices;
using Camels.Kernels;

namespace Camels.Engine.Checkpoints;

/// <summary>W + (alpha / rank) · B · A for each adapted weight: a model without adapters that computes the same up to rounding.</summary>
public static class AdapterMerge
{
    /// <summary>The base's weights with the adapter's products added, computed in double precision and rounded once, as they are written.</summary>
    /// <exception cref="CamelsException">A matrix of the adapter does not fit its weight: exit code 3.</exception>
    public static IReadOnlyList<TensorToWrite> Tensors(HuggingFaceFolder model, AdapterFolder adapter, DType storedAs)
    {
        List<TensorToWrite> merged = [];
        int used = 0;
        foreach ((string name, int[] shape) in model.Config.Tensors())
        {
            TensorToWrite weight = TensorToWrite.FromStored(model.Weight(name), storedAs) with { Name = name };
            if (adapter.Find(name, 'A') is StoredTensor a && adapter.Find(name, 'B') is StoredTensor b)
            {
                a.RequireShape(adapter.Settings.Rank, shape[1]);
                b.RequireShape(shape[0], adapter.Settings.Rank);
                weight = weight with { Source = SumOf(model.Weight(name), Values(a), Values(b), adapter.Settings.Scale, shape[1], storedAs) };
                used += 2;
            }

            merged.Add(weight);
        }

        return used == adapter.Tensors.Count()
            ? merged
            : throw CamelsException.BadInput($"{adapter.Path}: {adapter.Tensors.Count() - used} of its matrices belong to no weight of {model.Path}");
    }

    private static double[] Values(StoredTensor tensor)
    {
        double[] values = new double[tensor.ElementCount];
        tensor.Read(DType.F64, MemoryMarshal.AsBytes(values.AsSpan()));
        return values;
    }

    // Elements from any place on: an element is one row of B times one column of A.
    private static ByteSource SumOf(StoredTensor weight, double[] a, double[] b, double scale, int columns, DType storedAs)
    {
        int rank = a.Length / columns;
        return (byteOffset, bytes) =>
        {
            long first = byteOffset / storedAs.Bytes();
            int count = bytes.Length / storedAs.Bytes();
            double[] sums = ArrayPool<double>.Shared.Rent(count);
            weight.Read(DType.F64, MemoryMarshal.AsBytes(sums.AsSpan(0, count)), first);
            Parallel.For(0, (count + columns - 1) / columns, part =>
            {
                for (int i = part * columns; i < Math.Min(count, (part + 1) * columns); i++)
                {
                    (long row, long column) = Math.DivRem(first + i, columns);
                    double product = 0;
                    for (int r = 0; r < rank; r++)
                    {
                        product += b[(row * rank) + r] * a[((long)r * columns) + column];
                    }

                    sums[i] += scale * product;
                }
            });
            ElementConversion.Convert(DType.F64, MemoryMarshal.AsBytes(sums.AsSpan(0, count)), storedAs, bytes);
            ArrayPool<double>.Shared.Return(sums);
            if (!ElementConversion.AreFinite(storedAs, bytes))
            {
                throw CamelsException.BadInput($"{weight.Path}: the tensor '{weight.Name}' with its adapter has numbers that {storedAs} cannot hold; take bf16 or fp32");
            }
        };
    }
}
