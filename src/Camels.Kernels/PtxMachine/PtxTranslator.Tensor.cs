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
            case "wgmma":
                return TranslateWarpgroup();
            case "setmaxnreg":
                return TranslateRegisterLimit();
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

    private bool TranslateWarpgroup()
    {
        switch (_statement.Opcode)
        {
            case "wgmma.fence.sync.aligned":
                Need(operands: 0);
                Effect(&PtxTogether.Nothing);
                return true;
            case "wgmma.commit_group.sync.aligned":
                Need(operands: 0);
                Effect(&PtxProducts.Commit);
                return true;
            case "wgmma.wait_group.sync.aligned":
                Need(operands: 1);
                _instruction.Immediate = Groups();
                Effect(&PtxProducts.Await);
                return true;
            default:
                return _statement.Part(1) == "mma_async" && TranslateWarpgroupProduct();
        }
    }

    // wgmma.mma_async.sync.aligned.m64nNk16.f32.bf16.bf16 {N / 2 d}, a, b, adds, 1, 1, a lies along i, b lies along i;   a: descriptor or {4}
    private bool TranslateWarpgroupProduct()
    {
        string shape = _statement.Part(4);
        bool isShape = shape.StartsWith("m64n", StringComparison.Ordinal) && shape.EndsWith("k16", StringComparison.Ordinal);
        if (!isShape || !int.TryParse(shape.AsSpan(4, shape.Length - 7), out int columns) || columns is < 8 or > 256 || columns % 8 != 0)
        {
            return false;
        }

        bool isBFloat16 = _statement.Opcode.EndsWith(".f32.bf16.bf16", StringComparison.Ordinal);
        if (!isBFloat16 && !_statement.Opcode.EndsWith(".f32.f16.f16", StringComparison.Ordinal))
        {
            return false;
        }

        bool isInRegisters = _statement.Operands.Length > 1 && _statement.Operands[1].Kind == PtxOperandKind.Vector;
        Need(operands: isInRegisters ? 7 : 8);
        PtxOperand a = _statement.Operands[1];
        if (Immediate(_statement.Operands[4]) != 1 || Immediate(_statement.Operands[5]) != 1)
        {
            throw Error("factors are taken as they are (1, 1)");
        }

        int[] sums = Places(_statement.Operands[0], columns / 2, isWritten: true);
        int[] left = isInRegisters ? Places(a, elements: 4, isWritten: false) : [-1, -1, -1, -1];
        ulong leftAlong = isInRegisters ? 0 : Immediate(_statement.Operands[6]);
        ulong rightAlong = Immediate(_statement.Operands[^1]);
        _instruction.More = Keep([.. sums, isBFloat16 ? 1 : 0, (int)(leftAlong & 1), (int)(rightAlong & 1), .. left]);
        _instruction.Count = (short)columns;
        _instruction.A = isInRegisters ? Constant(PtxWidth.B64, 0) : Source(a, PtxWidth.B64);
        _instruction.B = Source(_statement.Operands[2], PtxWidth.B64);
        _instruction.C = PredicateRegister(_statement.Operands[3]);
        Effect(&PtxProducts.Issue);
        return true;
    }

    // setmaxnreg.inc.sync.aligned.u32 232;
    private bool TranslateRegisterLimit()
    {
        Need(operands: 1);
        ulong registers = Immediate(_statement.Operands[0]);
        if (registers is < 24 or > 256 || registers % 8 != 0)
        {
            throw Error($"{registers} registers: a multiple of 8 from 24 to 256");
        }

        _instruction.Immediate = (long)registers;
        Effect(&PtxWarpgroup.LimitRegisters);
        return _statement.Opcode is "setmaxnreg.inc.sync.aligned.u32" or "setmaxnreg.dec.sync.aligned.u32";
    }

    private int[] Places(PtxOperand operand, int elements, bool isWritten)
    {
        PtxOperand[] registers = Elements(operand);
        return registers.Length == elements
            ? [.. registers.Select(register => isWritten ? Destination(register, PtxWidth.B32) : Source(register, PtxWidth.B32))]
            : throw Error($"{registers.Length} registers, expected {elements}");
    }
}
