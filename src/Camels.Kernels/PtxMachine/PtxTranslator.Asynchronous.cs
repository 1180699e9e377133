namespace Camels.Kernels;

/// <summary>Copies that land later.</summary>
internal sealed unsafe partial class PtxTranslator
{
    private bool TranslateAsynchronous()
    {
        switch (_statement.Name)
        {
            case "cp" when _statement.Parts.Length > 2 && _statement.Parts[2] is "ca" or "cg":
                TranslateCopy();
                return true;
            case "cp":
                return TranslateCopyGroup();
            default:
                return false;
        }
    }

    // cp.async.cg.shared.global [destination], [source], 16, bytes to read;
    private void TranslateCopy()
    {
        Allow("async", "ca", "cg", "shared", "shared::cta", "global", "L2::128B", "L2::256B");
        int operands = _statement.Operands.Length;
        int bytes = operands > 2 ? (int)Immediate(_statement.Operands[2]) : 0;
        if (operands is not (3 or 4) || bytes is not (4 or 8 or 16) || (bytes != 16 && _statement.Has("cg")))
        {
            throw Error($"{operands} operands and {bytes} bytes");
        }

        PtxOperand source = _statement.Operands[1];
        if (source.Kind != PtxOperandKind.Address || source.Register?.Width != PtxWidth.B64)
        {
            throw Error("the source is an address in a 64-bit register");
        }

        SetAddress(_statement.Operands[0]);
        _instruction.D = _instruction.A;
        _instruction.A = _places[source.Register];
        _instruction.B = operands == 4 ? Source(_statement.Operands[3], PtxWidth.B32) : -1;
        _instruction.Count = (short)bytes;
        _instruction.More = Keep([0, (int)(long)source.Value]);
        Effect(&PtxCopies.Issue);
    }

    private bool TranslateCopyGroup()
    {
        switch (_statement.Opcode)
        {
            case "cp.async.commit_group":
                Need(operands: 0);
                Effect(&PtxCopies.Commit);
                return true;
            case "cp.async.wait_group":
                Need(operands: 1);
                _instruction.Immediate = (long)Math.Min(Immediate(_statement.Operands[0]), 1 << 20);
                Effect(&PtxCopies.Await);
                return true;
            case "cp.async.wait_all":
                Need(operands: 0);
                _instruction.Immediate = -1;
                Effect(&PtxCopies.Await);
                return true;
            default:
                return false;
        }
    }
}
