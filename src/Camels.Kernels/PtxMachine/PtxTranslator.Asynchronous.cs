namespace Camels.Kernels;

/// <summary>Copies that land later, and the barriers that count them.</summary>
internal sealed unsafe partial class PtxTranslator
{
    private bool TranslateAsynchronous()
    {
        switch (_statement.Name)
        {
            case "cp" when _statement.Has("bulk"):
                return TranslateBulk();
            case "cp" when _statement.Part(2) is "ca" or "cg":
                TranslateCopy();
                return true;
            case "cp":
                return TranslateCopyGroup();
            case "mbarrier":
                return TranslatePhase();
            case "fence":
                return TranslateFence();
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

        PtxOperand source = WideAddress(_statement.Operands[1]);
        SetAddress(_statement.Operands[0]);
        _instruction.D = _instruction.A;
        _instruction.A = _places[source.Register!];
        _instruction.B = operands == 4 ? Source(_statement.Operands[3], PtxWidth.B32) : -1;
        _instruction.Count = (short)bytes;
        _instruction.More = Keep([0, (int)(long)source.Value]);
        Effect(&PtxCopies.Issue);
    }

    private PtxOperand WideAddress(PtxOperand operand) =>
        operand.Kind == PtxOperandKind.Address && operand.Register?.Width == PtxWidth.B64
            ? operand
            : throw Error("an address in a 64-bit register is needed");

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
                _instruction.Immediate = Groups();
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

    private long Groups() => (long)Math.Min(Immediate(_statement.Operands[0]), 1 << 20);

    // cp.async.bulk.tensor.2d.shared::cluster.global.mbarrier::complete_tx::bytes [destination], [map, {x, y}], [barrier];
    // cp.async.bulk.tensor.2d.global.shared::cta.bulk_group [map, {x, y}], [source];
    private bool TranslateBulk()
    {
        switch (_statement.Opcode)
        {
            case "cp.async.bulk.tensor.2d.shared::cluster.global.mbarrier::complete_tx::bytes":
                Need(operands: 3);
                PtxOperand barrier = _statement.Operands[2];
                if (barrier.Kind != PtxOperandKind.Address || barrier.Register?.Width != PtxWidth.B32 || barrier.Value != 0)
                {
                    throw Error("the mbarrier is an address in a 32-bit register");
                }

                SetTensorAddress(_statement.Operands[1], _places[barrier.Register]);
                SetAddress(_statement.Operands[0]);
                Effect(&PtxBulkCopies.Load);
                return true;
            case "cp.async.bulk.tensor.2d.global.shared::cta.bulk_group":
                Need(operands: 2);
                SetTensorAddress(_statement.Operands[0], barrier: -1);
                SetAddress(_statement.Operands[1]);
                Effect(&PtxBulkCopies.Store);
                return true;
            case "cp.async.bulk.commit_group":
                Need(operands: 0);
                Effect(&PtxBulkCopies.Commit);
                return true;
            case "cp.async.bulk.wait_group.read" or "cp.async.bulk.wait_group":
                Need(operands: 1);
                _instruction.Immediate = Groups();
                Effect(&PtxBulkCopies.Await);
                return true;
            default:
                return false;
        }
    }

    private void SetTensorAddress(PtxOperand operand, int barrier)
    {
        if (operand.Kind != PtxOperandKind.TensorAddress || operand.Elements.Length != 3)
        {
            throw Error("a tensor map with two coordinates is needed");
        }

        PtxOperand map = WideAddress(operand.Elements[0]);
        _instruction.B = _places[map.Register!];
        _instruction.More = Keep(
        [
            barrier, Source(operand.Elements[1], PtxWidth.B32), Source(operand.Elements[2], PtxWidth.B32), (int)(long)map.Value,
        ]);
    }

    private bool TranslatePhase()
    {
        Allow(
            "init", "inval", "arrive", "expect_tx", "try_wait", "test_wait", "parity", "shared", "shared::cta", "b64", "release", "acquire", "cta", "relaxed");
        if (_statement.Operands.Length == 0)
        {
            throw Error("no operands");
        }

        bool hasResult = _statement.Operands[0].Kind != PtxOperandKind.Address;
        int operands = _statement.Operands.Length - (hasResult ? 1 : 0);
        if (operands == 0)
        {
            throw Error("no address");
        }

        SetAddress(_statement.Operands[hasResult ? 1 : 0]);
        PtxOperand? second = operands > 1 ? _statement.Operands[^1] : null;
        switch (_statement.Part(1))
        {
            case "init" when operands == 2 && !hasResult:
                _instruction.B = Source(second!, PtxWidth.B32);
                Effect(&PtxPhases.Make);
                return true;
            case "inval" when operands == 1 && !hasResult:
                Effect(&PtxPhases.Forget);
                return true;
            case "arrive" when hasResult && operands <= 2:
                _instruction.D = Destination(_statement.Operands[0], PtxWidth.B64);
                _instruction.B = second is null ? -1 : Source(second, PtxWidth.B32);
                _instruction.Count = (short)(_statement.Has("expect_tx") ? 1 : 0);
                Effect(&PtxPhases.Arrive);
                return second is not null || !_statement.Has("expect_tx");
            case "expect_tx" when operands == 2 && !hasResult:
                _instruction.B = Source(second!, PtxWidth.B32);
                _instruction.Count = 2;
                Effect(&PtxPhases.Arrive);
                return true;
            case "try_wait" or "test_wait" when hasResult:
                return TranslatePhaseWait();
            default:
                return false;
        }
    }

    // mbarrier.try_wait.parity.shared::cta.b64 p, [barrier], parity, time;
    private bool TranslatePhaseWait()
    {
        bool isParity = _statement.Has("parity");
        if (_statement.Operands.Length is not (3 or 4))
        {
            return false;
        }

        _instruction.D = PredicateRegister(_statement.Operands[0]);
        _instruction.B = Source(_statement.Operands[2], isParity ? PtxWidth.B32 : PtxWidth.B64);
        _instruction.Count = (short)(isParity ? 1 : 0);
        Effect(&PtxPhases.Await);
        return true;
    }

    private bool TranslateFence()
    {
        if (_statement.Opcode is "fence.proxy.async.shared::cta" or "fence.proxy.async" or "fence.proxy.async.global")
        {
            Effect(&PtxTogether.FenceProxy);
            return true;
        }

        Effect(&PtxTogether.Nothing);
        return _statement.Opcode is "fence.mbarrier_init.release.cluster" or "fence.acq_rel.cta" or "fence.acq_rel.gpu" or "fence.sc.cta"
            or "fence.sc.gpu" or "fence.acq_rel.sys";
    }
}
