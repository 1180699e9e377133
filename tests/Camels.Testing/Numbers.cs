using Camels.Kernels;

namespace Camels.Testing;

/// <summary>Elements of any type as doubles.</summary>
public static unsafe class Numbers
{
    public static double Normal(Random random) =>
        Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble());

    /// <summary>The nearest value that the type can hold.</summary>
    public static double Round(double value, DType dtype) => dtype switch
    {
        DType.F64 => value,
        DType.F32 => (float)value,
        DType.F16 => (double)(Half)value,
        DType.BF16 => (double)(BFloat16)value,
        _ => throw new ArgumentOutOfRangeException(nameof(dtype)),
    };

    /// <summary>Half the distance between 1 and the next larger number: the relative error of one rounding.</summary>
    public static double HalfUlp(DType dtype) => dtype switch
    {
        DType.F64 => Math.ScaleB(1, -53),
        DType.F32 => Math.ScaleB(1, -24),
        DType.F16 => Math.ScaleB(1, -11),
        DType.BF16 => Math.ScaleB(1, -8),
        _ => throw new ArgumentOutOfRangeException(nameof(dtype)),
    };

    public static double[] Read(Tensor tensor)
    {
        double[] values = new double[tensor.Elements];
        for (long i = 0; i < values.Length; i++)
        {
            values[i] = Read(tensor, i);
        }

        return values;
    }

    public static double Read(Tensor tensor, long i) => tensor.DType switch
    {
        DType.F64 => tensor.Pointer<double>()[i],
        DType.F32 => tensor.Pointer<float>()[i],
        DType.F16 => (double)tensor.Pointer<Half>()[i],
        DType.BF16 => (double)tensor.Pointer<BFloat16>()[i],
        DType.U8 => tensor.Pointer<byte>()[i],
        _ => tensor.Pointer<int>()[i],
    };

    public static void Write(Tensor tensor, long i, double value)
    {
        switch (tensor.DType)
        {
            case DType.F64: tensor.Pointer<double>()[i] = value; break;
            case DType.F32: tensor.Pointer<float>()[i] = (float)value; break;
            case DType.F16: tensor.Pointer<Half>()[i] = (Half)value; break;
            case DType.BF16: tensor.Pointer<BFloat16>()[i] = (BFloat16)value; break;
            default: tensor.Pointer<int>()[i] = (int)value; break;
        }
    }
}
