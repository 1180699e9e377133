namespace Camels.Kernels;

/// <summary>Tensor cores and the loads that feed them.</summary>
internal sealed unsafe partial class PtxTranslator
{
    private bool TranslateTensor()
    {
        switch (_statement.Name)
        {
            case "mma":
                return TranslateProduct();
            case "ldmatrix":
                return TranslateMatrixLoad();
            default:
                return false;
        }
    }

    // mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {4 d}, {4 a}, {2 b}, {4 c};
    private bool TranslateProduct()
    {
        Need(operands: 4);
        bool isBFloat16 = _statement.Opcode == "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32";
        if (!isBFloat16 && _statement.Opcode != "mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32")
        {
            return false;
        }

        int[] d = Places(_statement.Operands[0], elements: 4, isWritten: true);
        int[] a = Places(_statement.Operands[1], elements: 4, isWritten: false);
        int[] b = Places(_statement.Operands[2], elements: 2, isWritten: false);
        int[] c = Places(_statement.Operands[3], elements: 4, isWritten: false);
        _instruction.More = Keep([.. d, .. a, .. b, .. c]);
        if (isBFloat16)
        {
            Effect(&PtxTensorCore.Multiply<PtxBFloat16Half>);
        }
        else
        {
            Effect(&PtxTensorCore.Multiply<PtxFloat16Half>);
        }

        return true;
    }

    // ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {4 d}, [address];
    private bool TranslateMatrixLoad()
    {
        Need(operands: 2);
        Allow("sync", "aligned", "m8n8", "x1", "x2", "x4", "trans", "shared", "shared::cta", "b16");
        int matrices = _statement.Has("x4") ? 4 : _statement.Has("x2") ? 2 : 1;
        _instruction.Count = (short)matrices;
        _instruction.More = Keep(Places(_statement.Operands[0], matrices, isWritten: true));
        SetAddress(_statement.Operands[1]);
        if (_statement.Has("trans"))
        {
            Effect(&PtxTensorCore.LoadTransposed);
        }
        else
        {
            Effect(&PtxTensorCore.LoadMatrices);
        }

        return true;
    }

    private int[] Places(PtxOperand operand, int elements, bool isWritten)
    {
        PtxOperand[] registers = Elements(operand);
        return registers.Length == elements
            ? [.. registers.Select(register => isWritten ? Destination(register, PtxWidth.B32) : Source(register, PtxWidth.B32))]
            : throw Error($"{registers.Length} registers, expected {elements}");
    }
}
