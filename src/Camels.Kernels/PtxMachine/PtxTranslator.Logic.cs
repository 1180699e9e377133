using static Camels.Kernels.PtxOperations;

namespace Camels.Kernels;

/// <summary>Bits, comparisons, selections and moves.</summary>
internal sealed unsafe partial class PtxTranslator
{
    private bool TranslateLogic()
    {
        switch (_statement.Name)
        {
            case "and" or "or" or "xor" or "not":
                return TranslateBits();
            case "shl" or "shr":
                return TranslateShift();
            case "shf":
                return TranslateFunnel();
            case "prmt" or "bfe" or "lop3":
                return TranslateFields();
            case "popc" or "clz" or "brev" or "bfind":
                return TranslateCounts();
            case "setp":
                TranslateComparison();
                return true;
            case "selp":
                TranslateSelection();
                return true;
            case "mov":
                TranslateMove();
                return true;
            default:
                return false;
        }
    }

    private bool TranslateBits()
    {
        bool isNot = _statement.Name == "not";
        Need(operands: isNot ? 2 : 3);
        Allow("pred", "b16", "b32", "b64");
        PtxWidth width = WidthOfType(_statement.Type);
        if (width == PtxWidth.Predicate)
        {
            TranslatePredicateBits();
            return true;
        }

        _instruction.D = Destination(_statement.Operands[0], width);
        _instruction.A = Source(_statement.Operands[1], width);
        _instruction.B = isNot ? -1 : Source(_statement.Operands[2], width);
        switch (_statement.Name)
        {
            case "and" when width == PtxWidth.B64: Binary<And64, ulong>(); return true;
            case "and": Binary<And, uint>(); return true;
            case "or" when width == PtxWidth.B64: Binary<Or64, ulong>(); return true;
            case "or": Binary<Or, uint>(); return true;
            case "xor" when width == PtxWidth.B64: Binary<Xor64, ulong>(); return true;
            case "xor": Binary<Xor, uint>(); return true;
            case "not" when width == PtxWidth.B64: Unary<Not64, ulong>(); return true;
            case "not" when width == PtxWidth.B16: Unary<Not16, uint>(); return true;
            default: Unary<Not, uint>(); return true;
        }
    }

    private void TranslatePredicateBits()
    {
        _instruction.D = PredicateRegister(_statement.Operands[0]);
        _instruction.A = Predicate(_statement.Operands[1]);
        bool isInverse = _statement.Name == "xor" && _statement.Operands[2].Kind == PtxOperandKind.Immediate && _statement.Operands[2].Value != 0;
        _instruction.B = _statement.Operands.Length > 2 && !isInverse ? Predicate(_statement.Operands[2]) : _instruction.A;
        _instruction.Kind = PtxKind.Predicate;
        delegate*<byte*, PtxInstruction*, uint> handler = _statement.Name switch
        {
            "xor" when isInverse => &PtxPredicates.Not,      // clang writes it with -1
            "and" => &PtxPredicates.And,
            "or" => &PtxPredicates.Or,
            "xor" => &PtxPredicates.Xor,
            _ => &PtxPredicates.Not,
        };
        _instruction.Handler = handler;
    }

    private bool TranslateShift()
    {
        Need(operands: 3);
        string type = _statement.Type;
        Allow(type);
        PtxWidth width = WidthOfType(type);
        bool isSigned = type[0] == 's';
        bool isLeft = _statement.Name == "shl";
        _instruction.D = Destination(_statement.Operands[0], width);
        _instruction.A = Source(_statement.Operands[1], width);
        PtxOperand count = _statement.Operands[2];
        bool isFixed = count.Kind == PtxOperandKind.Immediate && count.Value < (width == PtxWidth.B64 ? 64u : 32u) && width != PtxWidth.B16;
        _instruction.Immediate = isFixed ? (long)count.Value : 0;
        _instruction.B = isFixed ? -1 : Source(count, PtxWidth.B32);
        switch (width)
        {
            case PtxWidth.B16 when isLeft: Lane2<ShiftLeftBy16, uint, uint, uint>(); return true;
            case PtxWidth.B16 when isSigned: Lane2<ShiftRightSignedBy16, uint, uint, uint>(); return true;
            case PtxWidth.B16: Lane2<ShiftRightBy16, uint, uint, uint>(); return true;
            case PtxWidth.B32 when isLeft && isFixed: ShiftBy<ShiftLeft, uint>(); return true;
            case PtxWidth.B32 when isLeft: Lane2<ShiftLeftBy<uint>, uint, uint, uint>(); return true;
            case PtxWidth.B32 when isSigned && isFixed: ShiftBy<ShiftRightSigned, int>(); return true;
            case PtxWidth.B32 when isSigned: Lane2<ShiftRightBy<int>, int, uint, int>(); return true;
            case PtxWidth.B32 when isFixed: ShiftBy<ShiftRight, uint>(); return true;
            case PtxWidth.B32: Lane2<ShiftRightBy<uint>, uint, uint, uint>(); return true;
            case PtxWidth.B64 when isLeft && isFixed: ShiftBy<ShiftLeft64, ulong>(); return true;
            case PtxWidth.B64 when isLeft: Lane2<ShiftLeftBy<ulong>, ulong, uint, ulong>(); return true;
            case PtxWidth.B64 when isSigned: return TranslateSigned64Shift();
            case PtxWidth.B64 when isFixed: ShiftBy<ShiftRight64, ulong>(); return true;
            case PtxWidth.B64: Lane2<ShiftRightBy<ulong>, ulong, uint, ulong>(); return true;
            default: return false;
        }
    }

    private bool TranslateSigned64Shift()
    {
        _instruction.B = Source(_statement.Operands[2], PtxWidth.B32);
        Lane2<ShiftRightBy<long>, long, uint, long>();
        return true;
    }

    private bool TranslateFunnel()
    {
        Need(operands: 4);
        SetThree(PtxWidth.B32);
        switch (_statement.Opcode)
        {
            case "shf.l.wrap.b32": Lane3<FunnelLeftWrap, uint, uint, uint, uint>(); return true;
            case "shf.r.wrap.b32": Lane3<FunnelRightWrap, uint, uint, uint, uint>(); return true;
            case "shf.l.clamp.b32": Lane3<FunnelLeftClamp, uint, uint, uint, uint>(); return true;
            case "shf.r.clamp.b32": Lane3<FunnelRightClamp, uint, uint, uint, uint>(); return true;
            default: return false;
        }
    }

    private bool TranslateFields()
    {
        Need(operands: _statement.Name == "lop3" ? 5 : 4);
        SetThree(PtxWidth.B32);
        switch (_statement.Opcode)
        {
            case "prmt.b32": Lane3<Permute, uint, uint, uint, uint>(); return true;
            case "bfe.u32": Lane3<ExtractField, uint, uint, uint, uint>(); return true;
            case "bfe.s32": Lane3<ExtractFieldSigned, uint, uint, uint, uint>(); return true;
            case "lop3.b32":
                _instruction.Immediate = (long)Immediate(_statement.Operands[4]);
                Lanes(&PtxPredicates.Logic3, laneBytes: 4);
                return true;
            default: return false;
        }
    }

    private void SetThree(PtxWidth width)
    {
        _instruction.D = Destination(_statement.Operands[0], width);
        _instruction.A = Source(_statement.Operands[1], width);
        _instruction.B = Source(_statement.Operands[2], width);
        _instruction.C = Source(_statement.Operands[3], width);
    }

    private ulong Immediate(PtxOperand operand) =>
        operand.Kind == PtxOperandKind.Immediate ? operand.Value : throw Error("a number is needed");

    private bool TranslateCounts()
    {
        Need(operands: 2);
        PtxWidth width = WidthOfType(_statement.Type);
        _instruction.D = Destination(_statement.Operands[0], PtxWidth.B32);
        _instruction.A = Source(_statement.Operands[1], width);
        switch (_statement.Opcode)
        {
            case "popc.b32": Lane1<CountOnes, uint, uint>(); return true;
            case "popc.b64": Lane1<CountOnes64, ulong, uint>(); return true;
            case "clz.b32": Lane1<LeadingZeros, uint, uint>(); return true;
            case "clz.b64": Lane1<LeadingZeros64, ulong, uint>(); return true;
            case "brev.b32": Lane1<ReverseBits, uint, uint>(); return true;
            case "bfind.u32": Lane1<HighestOne, uint, uint>(); return true;
            default: return false;
        }
    }

    // setp.lt.f32 p, a, b;   setp.lt.and.s32 p, a, b, q;
    private void TranslateComparison()
    {
        string type = _statement.Type;
        string comparison = _statement.Part(1);
        bool isCombined = _statement.Part(2) is "and" or "or" or "xor";
        Need(operands: isCombined ? 4 : 3);
        Allow(comparison, "and", "or", "xor", type);
        PtxWidth width = WidthOfType(type);
        _instruction.D = PredicateRegister(_statement.Operands[0]);
        _instruction.A = Source(_statement.Operands[1], width);
        _instruction.B = Source(_statement.Operands[2], width);
        if (isCombined)
        {
            _instruction.C = Predicate(_statement.Operands[3]);
            _instruction.Count = (short)(_statement.Operands[3].IsNegated ? 1 : 0);
            _instruction.Immediate = _statement.Part(2) switch
            {
                "and" => 1,
                "or" => 2,
                _ => 3,
            };
        }

        switch (type)
        {
            case "f32": ChooseFloat<float>(comparison); break;
            case "f64": ChooseFloat<double>(comparison); break;
            case "s16": ChooseSigned16(comparison); break;
            case "b16" or "u16" or "b32" or "u32": ChooseInteger<uint>(comparison); break;
            case "s32": ChooseInteger<int>(comparison); break;
            case "s64": ChooseInteger<long>(comparison); break;
            case "b64" or "u64": ChooseInteger<ulong>(comparison); break;
            default: throw Unknown();
        }
    }

    private void ChooseInteger<T>(string comparison)
        where T : unmanaged
    {
        switch (comparison)
        {
            case "eq": Compare<Equal<T>, T>(); break;
            case "ne": Compare<NotEqual<T>, T>(); break;
            case "lt" or "lo": Compare<Less<T>, T>(); break;
            case "le" or "ls": Compare<LessOrEqual<T>, T>(); break;
            case "gt" or "hi": Compare<Swapped<Less<T>, T>, T>(); break;
            case "ge" or "hs": Compare<Swapped<LessOrEqual<T>, T>, T>(); break;
            default: throw Unknown();
        }
    }

    private void ChooseSigned16(string comparison)
    {
        switch (comparison)
        {
            case "eq": Compare<Equal<int>, int>(); break;
            case "ne": Compare<NotEqual<int>, int>(); break;
            case "lt": Compare<Compared16<Less<int>>, int>(); break;
            case "le": Compare<Compared16<LessOrEqual<int>>, int>(); break;
            case "gt": Compare<Compared16<Swapped<Less<int>, int>>, int>(); break;
            case "ge": Compare<Compared16<Swapped<LessOrEqual<int>, int>>, int>(); break;
            default: throw Unknown();
        }
    }

    private void ChooseFloat<T>(string comparison)
        where T : unmanaged
    {
        switch (comparison)
        {
            case "eq": Compare<Equal<T>, T>(); break;
            case "ne": Compare<LessOrGreater<T>, T>(); break;
            case "lt": Compare<Less<T>, T>(); break;
            case "le": Compare<LessOrEqual<T>, T>(); break;
            case "gt": Compare<Swapped<Less<T>, T>, T>(); break;
            case "ge": Compare<Swapped<LessOrEqual<T>, T>, T>(); break;
            case "equ": Compare<Unordered<LessOrGreater<T>, T>, T>(); break;
            case "neu": Compare<NotEqual<T>, T>(); break;
            case "ltu": Compare<Unordered<LessOrEqual<T>, T>, T>(); break;
            case "leu": Compare<Unordered<Less<T>, T>, T>(); break;
            case "gtu": Compare<Unordered<Swapped<LessOrEqual<T>, T>, T>, T>(); break;
            case "geu": Compare<Unordered<Swapped<Less<T>, T>, T>, T>(); break;
            case "num": Compare<AreNumbers<T>, T>(); break;
            case "nan": Compare<IsNaN<T>, T>(); break;
            default: throw Unknown();
        }
    }

    private void TranslateSelection()
    {
        Need(operands: 4);
        Allow(_statement.Type);
        PtxWidth width = WidthOfType(_statement.Type);
        _instruction.D = Destination(_statement.Operands[0], width);
        _instruction.A = Source(_statement.Operands[1], width);
        _instruction.B = Source(_statement.Operands[2], width);
        _instruction.C = Predicate(_statement.Operands[3]);
        if (width == PtxWidth.B64)
        {
            Lanes(&PtxLanes.Select<ulong>, laneBytes: 8);
        }
        else
        {
            Lanes(&PtxLanes.Select<uint>, laneBytes: 4);
        }
    }

    private void TranslateMove()
    {
        Need(operands: 2);
        Allow(_statement.Type);
        PtxWidth width = WidthOfType(_statement.Type);
        PtxOperand destination = _statement.Operands[0];
        PtxOperand source = _statement.Operands[1];
        if (destination.Kind == PtxOperandKind.Vector)
        {
            TranslateUnpack(width, destination, source);
        }
        else if (source.Kind == PtxOperandKind.Vector)
        {
            TranslatePack(width, destination, source);
        }
        else if (width == PtxWidth.Predicate)
        {
            TranslatePredicateMove(destination, source);
        }
        else if (source.Kind == PtxOperandKind.Symbol)
        {
            // mov gives an address in the variable's own space; of a parameter the one that cvta.param takes.
            _instruction.D = Destination(destination, width);
            _instruction.A = Constant(width, AddressOfSymbol(source.Name!, isGeneric: false) + source.Value);
            SetMove(width);
        }
        else
        {
            _instruction.D = Destination(destination, width);
            _instruction.A = Source(source, width);
            SetMove(width);
        }
    }

    private void TranslatePredicateMove(PtxOperand destination, PtxOperand source)
    {
        _instruction.D = PredicateRegister(destination);
        _instruction.Kind = PtxKind.Predicate;
        delegate*<byte*, PtxInstruction*, uint> handler;
        if (source.Kind == PtxOperandKind.Immediate)
        {
            _instruction.Immediate = source.Value == 0 ? 0 : uint.MaxValue;
            handler = &PtxPredicates.Constant;
        }
        else
        {
            _instruction.A = Predicate(source);
            handler = &PtxPredicates.Copy;
        }

        _instruction.Handler = handler;
    }

    private void SetMove(PtxWidth width)
    {
        if (width == PtxWidth.B64)
        {
            Lanes(&PtxLanes.Move<ulong>, laneBytes: 8);
        }
        else
        {
            Lanes(&PtxLanes.Move<uint>, laneBytes: 4);
        }
    }

    private void TranslatePack(PtxWidth width, PtxOperand destination, PtxOperand source)
    {
        PtxWidth half = width == PtxWidth.B64 ? PtxWidth.B32 : PtxWidth.B16;
        int elements = source.Elements.Length;
        _instruction.D = Destination(destination, width);
        if (elements == 4 && width == PtxWidth.B64)
        {
            _instruction.More = Keep([.. source.Elements.Select(element => Source(element, PtxWidth.B16))]);
            Lanes(&PtxPredicates.PackFour, laneBytes: 8);
            return;
        }

        if (elements != 2 || width is not (PtxWidth.B32 or PtxWidth.B64))
        {
            throw Unknown();
        }

        _instruction.A = Source(source.Elements[0], half);
        _instruction.B = Source(source.Elements[1], half);
        if (width == PtxWidth.B64)
        {
            Lane2<PackWords, uint, uint, ulong>();
        }
        else
        {
            Binary<PackHalves, uint>();
        }
    }

    // mov.b32 {low, high}, a;   mov.b64 {low, high}, a;   mov.b64 {a, b, c, d}, e;
    private void TranslateUnpack(PtxWidth width, PtxOperand destination, PtxOperand source)
    {
        int elements = destination.Elements.Length;
        bool isKnown = (width, elements) is (PtxWidth.B32, 2) or (PtxWidth.B64, 2) or (PtxWidth.B64, 4);
        if (!isKnown)
        {
            throw Unknown();
        }

        PtxWidth part = width == PtxWidth.B64 && elements == 2 ? PtxWidth.B32 : PtxWidth.B16;
        _instruction.More = Keep([.. destination.Elements.Select(element => Destination(element, part))]);
        _instruction.A = Source(source, width);
        _instruction.Count = (short)elements;
        delegate*<PtxWarp, PtxInstruction*, void> handler = (width, elements) switch
        {
            (PtxWidth.B32, 2) => &PtxPredicates.UnpackHalves,
            (PtxWidth.B64, 2) => &PtxPredicates.UnpackWords,
            _ => &PtxPredicates.UnpackFour,
        };
        Effect(handler);
    }
}
