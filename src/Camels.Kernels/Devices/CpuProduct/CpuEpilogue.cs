using System.Numerics;
using System.Runtime.Intrinsics.X86;
using Camels.Kernels.Ops;

namespace Camels.Kernels;

/// <summary>
/// Where the finished sums of a product go, and what they pass on the way: y = residual + activation(bias + sums), in single precision, rounded
/// to y's type, a tile at a time while it is in the first cache.
/// </summary>
internal readonly unsafe struct CpuEpilogue
{
    private const int BytesPerLine = 64;

    private readonly void* _y;
    private readonly void* _bias;
    private readonly void* _residual;
    private readonly void* _before;
    private readonly nint _stride;
    private readonly DType _type;
    private readonly Activation _activation;

    /// <param name="y">The result, a matrix.</param>
    /// <param name="epilogue">What is added and applied.</param>
    public CpuEpilogue(Tensor y, in Epilogue epilogue)
    {
        _y = (void*)y.Address;
        _bias = (void*)epilogue.Bias.Address;
        _residual = (void*)epilogue.Residual.Address;
        _before = (void*)epilogue.BeforeActivation.Address;
        _stride = y.Shape[1];
        _type = y.DType;
        _activation = epilogue.Activation;
    }

    private CpuEpilogue(in CpuEpilogue other, int row, int column)
    {
        this = other;
        nint moved = ((row * _stride) + column) * _type.Bytes();
        _y = (byte*)_y + moved;
        _bias = _bias == null ? null : (byte*)_bias + (column * _type.Bytes());
        _residual = _residual == null ? null : (byte*)_residual + moved;
        _before = _before == null ? null : (byte*)_before + moved;
    }

    /// <summary>False for the default, which leaves the sums where they are.</summary>
    public bool Exists => _y != null;

    /// <summary>The same of the part that begins at (<paramref name="row"/>, <paramref name="column"/>).</summary>
    public CpuEpilogue At(int row, int column) => Exists ? new CpuEpilogue(this, row, column) : this;

    /// <summary>
    /// Takes the sums of rows × columns results at (<paramref name="row"/>, <paramref name="column"/>); their rows are
    /// <paramref name="stride"/> elements apart.
    /// </summary>
    public void Finish(float* sums, nint stride, int row, int column, int rows, int columns)
    {
        switch (_type)
        {
            case DType.F32: Finish<CpuF32>(sums, stride, row, column, rows, columns); break;
            case DType.BF16: Finish<CpuBF16>(sums, stride, row, column, rows, columns); break;
            default: Finish<CpuF16>(sums, stride, row, column, rows, columns); break;
        }
    }

    private void Finish<T>(float* sums, nint stride, int row, int column, int rows, int columns)
        where T : struct, ICpuElements
    {
        int width = Vector<float>.Count;
        for (int i = 0; i < rows; i++)
        {
            nint first = ((row + i) * _stride) + column;
            Fetch(first + (CpuTile.Rows * _stride), columns);
            int c = 0;
            for (; c <= columns - width; c += width)
            {
                Vector<float> value = CpuF32.Load(sums, c);
                value = _bias == null ? value : T.Load(_bias, column + c) + value;
                if (_before != null)
                {
                    T.Store(_before, first + c, value);
                }

                value = _activation switch
                {
                    Activation.Relu => Vector.Max(value, Vector<float>.Zero),
                    Activation.Gelu => value * NormalDistribution.Of(value, out _),
                    _ => value,
                };
                T.Store(_y, first + c, _residual == null ? value : T.Load(_residual, first + c) + value);
            }

            for (; c < columns; c++)
            {
                FinishOne<T>(sums[c], column + c, first + c);
            }

            sums += stride;
        }
    }

    private void FinishOne<T>(float value, int column, nint place)
        where T : struct, ICpuElements
    {
        value = _bias == null ? value : T.LoadOne(_bias, column) + value;
        if (_before != null)
        {
            T.StoreOne(_before, place, value);
        }

        value = _activation switch
        {
            Activation.Relu => MathF.Max(value, 0),
            Activation.Gelu => value * NormalDistribution.Of(value, out _),
            _ => value,
        };
        T.StoreOne(_y, place, _residual == null ? value : T.LoadOne(_residual, place) + value);
    }

    // What the tile below will read and write.
    private void Fetch(nint place, int columns)
    {
        if (!Sse.IsSupported)
        {
            return;
        }

        int bytes = _type.Bytes();
        for (nint at = place * bytes; at < (place + columns) * bytes; at += BytesPerLine)
        {
            Sse.Prefetch1((byte*)_y + at);
            if (_residual != null)
            {
                Sse.Prefetch1((byte*)_residual + at);
            }
        }
    }
}
