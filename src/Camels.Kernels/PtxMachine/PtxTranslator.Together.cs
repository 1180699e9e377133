using static Camels.Kernels.PtxTogether;

namespace Camels.Kernels;

/// <summary>Barriers, shuffles, votes and fences.</summary>
internal sealed unsafe partial class PtxTranslator
{
    private bool TranslateTogether()
    {
        switch (_statement.Name)
        {
            case "bar" or "barrier":
                TranslateBarrier();
                return true;
            case "shfl":
                return TranslateShuffle();
            case "vote":
                return TranslateVote();
            case "redux":
                return TranslateReduction();
            case "match":
                Allow("any", "sync", "b32");
                SetMembers(operands: 3);
                Effect(&MatchAny);
                return _statement.Opcode == "match.any.sync.b32";
            case "activemask":
                Allow("b32");
                Need(operands: 1);
                _instruction.D = Destination(_statement.Operands[0], PtxWidth.B32);
                Effect(&ActiveMask);
                return true;
            case "elect":
                TranslateElection();
                return true;
            case "membar" or "nanosleep" or "griddepcontrol":
                Effect(&Nothing);
                return true;
            default:
                return false;
        }
    }

    private void TranslateBarrier()
    {
        if (_statement.Has("warp"))
        {
            Allow("warp", "sync");
            Need(operands: 1);
            _instruction.A = Source(_statement.Operands[0], PtxWidth.B32);
            Effect(&WarpBarrier);
            return;
        }

        Allow("sync", "arrive", "aligned", "cta");
        int count = _statement.Operands.Length;
        if (count is not (1 or 2) || (_statement.Has("arrive") && count != 2))
        {
            throw Error($"{count} operands");
        }

        _instruction.A = Source(_statement.Operands[0], PtxWidth.B32);
        _instruction.B = count == 2 ? Source(_statement.Operands[1], PtxWidth.B32) : -1;
        _instruction.Count = (short)(_statement.Has("arrive") ? 1 : 0);
        Effect(&BlockBarrier);
    }

    // shfl.sync.bfly.b32 d|p, a, b, c, members;
    private bool TranslateShuffle()
    {
        Allow("sync", "up", "down", "bfly", "idx", "b32");
        Need(operands: 5);
        PtxOperand destination = _statement.Operands[0];
        bool isPair = destination.Kind == PtxOperandKind.Pair;
        _instruction.D = Destination(isPair ? destination.Elements[0] : destination, PtxWidth.B32);
        _instruction.A = Source(_statement.Operands[1], PtxWidth.B32);
        _instruction.B = Source(_statement.Operands[2], PtxWidth.B32);
        _instruction.C = Source(_statement.Operands[3], PtxWidth.B32);
        _instruction.More = Keep([Source(_statement.Operands[4], PtxWidth.B32), isPair ? PredicateRegister(destination.Elements[1]) : -1]);
        switch (_statement.Part(2))
        {
            case "up": Effect(&Shuffle<Up>); return true;
            case "down": Effect(&Shuffle<Down>); return true;
            case "bfly": Effect(&Shuffle<Butterfly>); return true;
            case "idx": Effect(&Shuffle<Indexed>); return true;
            default: return false;
        }
    }

    // vote.sync.ballot.b32 d, p, members;   vote.sync.any.pred q, p, members;
    private bool TranslateVote()
    {
        Allow("sync", "ballot", "any", "all", "uni", "b32", "pred");
        Need(operands: 3);
        bool isBallot = _statement.Has("ballot");
        _instruction.D = isBallot ? Destination(_statement.Operands[0], PtxWidth.B32) : PredicateRegister(_statement.Operands[0]);
        _instruction.A = Predicate(_statement.Operands[1]);
        _instruction.Immediate = _statement.Operands[1].IsNegated ? uint.MaxValue : 0;
        _instruction.B = Source(_statement.Operands[2], PtxWidth.B32);
        _instruction.Count = (short)(isBallot ? 0 : _statement.Has("any") ? 1 : _statement.Has("all") ? 2 : 3);
        Effect(&Vote);
        return true;
    }

    private bool TranslateReduction()
    {
        SetMembers(operands: 3);
        switch (_statement.Opcode)
        {
            case "redux.sync.add.u32" or "redux.sync.add.s32": Effect(&Reduce<AddLanes>); return true;
            case "redux.sync.min.u32": Effect(&Reduce<MinLanes>); return true;
            case "redux.sync.max.u32": Effect(&Reduce<MaxLanes>); return true;
            case "redux.sync.min.s32": Effect(&Reduce<MinSignedLanes>); return true;
            case "redux.sync.max.s32": Effect(&Reduce<MaxSignedLanes>); return true;
            case "redux.sync.and.b32": Effect(&Reduce<AndLanes>); return true;
            case "redux.sync.or.b32": Effect(&Reduce<OrLanes>); return true;
            case "redux.sync.xor.b32": Effect(&Reduce<XorLanes>); return true;
            default: return false;
        }
    }

    private void SetMembers(int operands)
    {
        Need(operands);
        _instruction.D = Destination(_statement.Operands[0], PtxWidth.B32);
        _instruction.A = Source(_statement.Operands[1], PtxWidth.B32);
        _instruction.B = Source(_statement.Operands[2], PtxWidth.B32);
    }

    // elect.sync d|p, members;
    private void TranslateElection()
    {
        Allow("sync");
        Need(operands: 2);
        PtxOperand destination = _statement.Operands[0];
        if (destination.Kind != PtxOperandKind.Pair)
        {
            throw Error("a lane and a predicate are needed");
        }

        _instruction.D = Destination(destination.Elements[0], PtxWidth.B32);
        _instruction.More = Keep([PredicateRegister(destination.Elements[1])]);
        _instruction.B = Source(_statement.Operands[1], PtxWidth.B32);
        Effect(&Elect);
    }

    private readonly struct AddLanes : IPtxLane2<uint, uint, uint>
    {
        public static uint Apply(uint a, uint b) => a + b;
    }

    private readonly struct MinLanes : IPtxLane2<uint, uint, uint>
    {
        public static uint Apply(uint a, uint b) => Math.Min(a, b);
    }

    private readonly struct MaxLanes : IPtxLane2<uint, uint, uint>
    {
        public static uint Apply(uint a, uint b) => Math.Max(a, b);
    }

    private readonly struct MinSignedLanes : IPtxLane2<uint, uint, uint>
    {
        public static uint Apply(uint a, uint b) => (uint)Math.Min((int)a, (int)b);
    }

    private readonly struct MaxSignedLanes : IPtxLane2<uint, uint, uint>
    {
        public static uint Apply(uint a, uint b) => (uint)Math.Max((int)a, (int)b);
    }

    private readonly struct AndLanes : IPtxLane2<uint, uint, uint>
    {
        public static uint Apply(uint a, uint b) => a & b;
    }

    private readonly struct OrLanes : IPtxLane2<uint, uint, uint>
    {
        public static uint Apply(uint a, uint b) => a | b;
    }

    private readonly struct XorLanes : IPtxLane2<uint, uint, uint>
    {
        public static uint Apply(uint a, uint b) => a ^ b;
    }
}
