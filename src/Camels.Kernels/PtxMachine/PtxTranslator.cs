namespace Camels.Kernels;

/// <summary>Turns the statements of a kernel into instructions that run: handlers chosen, operands resolved to places.</summary>
internal sealed unsafe partial class PtxTranslator(PtxEntry entry)
{
    private const int MostRegisterBytes = 4 << 20;

    private readonly PtxRegisterPlaces _places = new(entry);
    private readonly Dictionary<(PtxWidth, ulong), int> _constants = [];
    private readonly Dictionary<PtxSpecial, int> _specials = [];
    private readonly Dictionary<string, int> _sharedOffsets = [];
    private readonly List<int[]> _lists = [];
    private readonly PtxConstantBank _bank = new(entry.Module.Variables.Values);
    private PtxStatement _statement = null!;
    private PtxInstruction _instruction;
    private int _sink = -1;

    public PtxProgram Translate()
    {
        int dynamicStart = PlaceShared();
        PtxInstruction[] instructions = GC.AllocateArray<PtxInstruction>(entry.Statements.Count + 1, pinned: true);
        for (int i = 0; i < entry.Statements.Count; i++)
        {
            instructions[i] = TranslateOne(i);
        }

        instructions[^1] = new PtxInstruction { Kind = PtxKind.Exit, Guard = -1 };
        if (_places.Bytes > MostRegisterBytes)
        {
            throw new PtxException(PtxFault.Malformed, $"{entry.File}:{entry.Line}: {entry.Name} keeps {_places.Bytes:N0} bytes of registers alive");
        }

        return new PtxProgram
        {
            Entry = entry,
            Instructions = instructions,
            RegisterBytes = _places.Bytes,
            PredicateBytes = _places.PredicateBytes,
            Constants = [.. _constants.Select(pair => (pair.Value, pair.Key.Item1, pair.Key.Item2))],
            Specials = [.. _specials.Select(pair => (pair.Value, pair.Key))],
            DynamicSharedStart = dynamicStart,
            Poisoned = [.. entry.Flow.Liveness.ReadBeforeWritten()
                .Where(register => register.Width != PtxWidth.Predicate)
                .Select(register => (_places[register], 32 * PtxTypes.LaneBytes(register.Width)))],
            Lists = [.. _lists],
            Bank = _bank,
        };
    }

    // Static shared variables one behind the other, then the dynamic array at its alignment.
    private int PlaceShared()
    {
        HashSet<string> used = [.. entry.Statements.SelectMany(statement => statement.Operands).SelectMany(NamesIn)];
        int offset = 0;
        int alignment = 16;
        foreach (PtxVariable variable in entry.Module.Variables.Values.Where(variable => variable.Space == ".shared" && used.Contains(variable.Name)))
        {
            if (variable.IsExtern)
            {
                alignment = Math.Max(alignment, variable.AlignmentBytes);
                continue;
            }

            offset = (offset + variable.AlignmentBytes - 1) & -variable.AlignmentBytes;
            _sharedOffsets[variable.Name] = offset;
            offset += variable.SizeBytes;
        }

        entry.StaticSharedBytes = offset;
        offset = (offset + alignment - 1) & -alignment;
        foreach (PtxVariable variable in entry.Module.Variables.Values.Where(variable => variable.Space == ".shared" && variable.IsExtern))
        {
            _sharedOffsets[variable.Name] = offset;
        }

        return offset;
    }

    private static IEnumerable<string> NamesIn(PtxOperand operand) =>
        operand.Name is null ? operand.Elements.SelectMany(NamesIn) : operand.Elements.SelectMany(NamesIn).Append(operand.Name);

    private PtxInstruction TranslateOne(int index)
    {
        _statement = entry.Statements[index];
        _instruction = new PtxInstruction { Guard = -1, D = -1, A = -1, B = -1, C = -1 };
        if (_statement.Guard is PtxRegister guard)
        {
            _instruction.Guard = _places[guard];
            _instruction.GuardFlip = _statement.IsGuardNegated ? uint.MaxValue : 0;
        }

        bool isKnown = TranslateControl(index) || TranslateArithmetic() || TranslateLogic() || TranslateMemory() || TranslateTogether()
            || TranslateAsynchronous() || TranslateTensor();
        return isKnown ? _instruction : throw Unknown();
    }

    private bool TranslateControl(int index)
    {
        switch (_statement.Name)
        {
            case "bra":
                Allow("uni");
                Need(operands: 1);
                _instruction.Kind = PtxKind.Jump;
                _instruction.A = _statement.Operands[0].Target;
                _instruction.B = entry.Flow.MeetingOf(index);
                return true;
            case "ret" or "exit" or "trap":
                Allow("uni");
                Need(operands: 0);
                _instruction.Kind = PtxKind.Exit;
                return true;
            default:
                return false;
        }
    }

    private PtxException Error(string message) => new(PtxFault.Malformed, $"{entry.File}:{_statement.Line}: {PtxTokens.Shorten(_statement.Opcode)}: {message}");

    private PtxException Unknown() => Error("the machine does not know this instruction");

    /// <summary>Refuses modifiers other than these.</summary>
    private void Allow(params ReadOnlySpan<string> modifiers)
    {
        foreach (string part in _statement.Parts.AsSpan(1))
        {
            if (!modifiers.Contains(part))
            {
                throw Error($"the machine does not know .{PtxTokens.Shorten(part)} here");
            }
        }
    }

    private void Need(int operands)
    {
        if (_statement.Operands.Length != operands)
        {
            throw Error($"{_statement.Operands.Length} operands, expected {operands}");
        }
    }

    private PtxWidth WidthOfType(string type) => PtxTypes.WidthOf(type) ?? throw Unknown();

    /// <summary>The place of a register that is written.</summary>
    private int Destination(PtxOperand operand, PtxWidth width, bool allowsWider = false)
    {
        if (operand.Kind == PtxOperandKind.Sink)
        {
            return Sink();
        }

        RequireRegister(operand, width, allowsWider);
        return _places[operand.Register!];
    }

    /// <summary>The place of a register, number or special register that is read.</summary>
    private int Source(PtxOperand operand, PtxWidth width, bool allowsWider = false)
    {
        switch (operand.Kind)
        {
            case PtxOperandKind.Register:
                RequireRegister(operand, width, allowsWider);
                return _places[operand.Register!];
            case PtxOperandKind.Immediate when width != PtxWidth.Predicate:
                return Constant(width, operand.Value);
            case PtxOperandKind.Special when width == PtxWidth.B32:
                return Special(operand.Name!);
            case PtxOperandKind.Symbol when width == PtxWidth.B64 || width == PtxWidth.B32:
                return Constant(width, AddressOfSymbol(operand.Name!, isGeneric: false));
            default:
                throw Error($"an operand of another kind is needed ({width})");
        }
    }

    private int Predicate(PtxOperand operand)
    {
        if (operand.Kind == PtxOperandKind.Immediate)
        {
            // A number in all lanes: its first word is the bits of all of them.
            return Constant(PtxWidth.B32, operand.Value == 0 ? 0 : uint.MaxValue);
        }

        return PredicateRegister(operand);
    }

    private int PredicateRegister(PtxOperand operand)
    {
        RequireRegister(operand, PtxWidth.Predicate, allowsWider: false);
        return _places[operand.Register!];
    }

    private void RequireRegister(PtxOperand operand, PtxWidth width, bool allowsWider)
    {
        if (operand.Kind != PtxOperandKind.Register)
        {
            throw Error("a register is needed");
        }

        PtxWidth actual = operand.Register!.Width;
        bool fits = actual == width || (allowsWider && actual > width && width != PtxWidth.Predicate);
        if (!fits)
        {
            throw Error($"{PtxTokens.Shorten(operand.Register.Name)} has the width {actual}, expected {width}");
        }
    }

    private int Constant(PtxWidth width, ulong bits)
    {
        bits = width switch
        {
            PtxWidth.B16 => (ushort)bits,
            PtxWidth.B32 => (uint)bits,
            _ => bits,
        };
        if (!_constants.TryGetValue((width, bits), out int offset))
        {
            offset = _places.Add(width);
            _constants.Add((width, bits), offset);
        }

        return offset;
    }

    private int Special(string name)
    {
        PtxSpecial special = PtxSpecials.Of(name);
        if (!_specials.TryGetValue(special, out int offset))
        {
            offset = _places.Add(PtxWidth.B32);
            _specials.Add(special, offset);
        }

        return offset;
    }

    private int Sink() => _sink >= 0 ? _sink : _sink = _places.Add(PtxWidth.B64);

    private ulong AddressOfSymbol(string name, bool isGeneric)
    {
        if (_sharedOffsets.TryGetValue(name, out int shared))
        {
            return PtxBlock.SharedStart + (ulong)shared + (isGeneric ? PtxBlock.SharedWindow : 0);
        }

        if (_bank.AddressOf(name) is ulong table)
        {
            return table;
        }

        foreach (PtxParameter parameter in entry.Parameters)
        {
            if (parameter.Name == name)
            {
                return (ulong)parameter.OffsetBytes + (isGeneric ? PtxBlock.ParameterWindow : 0);
            }
        }

        throw Error($"{PtxTokens.Shorten(name)} is not there");
    }

    /// <summary>Keeps a list of operands for an instruction with many.</summary>
    private int* Keep(int[] list)
    {
        int[] pinned = GC.AllocateArray<int>(Math.Max(1, list.Length), pinned: true);
        list.CopyTo(pinned, 0);
        _lists.Add(pinned);
        return (int*)System.Runtime.CompilerServices.Unsafe.AsPointer(ref pinned[0]);
    }

    private PtxOperand[] Elements(PtxOperand operand) => operand.Kind == PtxOperandKind.Vector ? operand.Elements : [operand];

    private void Lanes(delegate*<byte*, PtxInstruction*, byte*, void> handler, int laneBytes)
    {
        _instruction.Handler = handler;
        _instruction.Kind = laneBytes == 8 ? PtxKind.Lanes64 : PtxKind.Lanes32;
    }

    private void Effect(delegate*<PtxWarp, PtxInstruction*, void> handler)
    {
        _instruction.Handler = handler;
        _instruction.Kind = PtxKind.Effect;
    }

    private void Unary<TOperation, T>()
        where TOperation : struct, IPtxUnary<T>
        where T : unmanaged => Lanes(&PtxLanes.Unary<TOperation, T>, sizeof(T));

    private void Binary<TOperation, T>()
        where TOperation : struct, IPtxBinary<T>
        where T : unmanaged => Lanes(&PtxLanes.Binary<TOperation, T>, sizeof(T));

    private void Ternary<TOperation, T>()
        where TOperation : struct, IPtxTernary<T>
        where T : unmanaged => Lanes(&PtxLanes.Ternary<TOperation, T>, sizeof(T));

    private void ShiftBy<TOperation, T>()
        where TOperation : struct, IPtxShift<T>
        where T : unmanaged => Lanes(&PtxLanes.Shift<TOperation, T>, sizeof(T));

    private void Lane1<TOperation, TA, TD>()
        where TOperation : struct, IPtxLane1<TA, TD>
        where TA : unmanaged
        where TD : unmanaged => Lanes(&PtxLanes.Lane1<TOperation, TA, TD>, sizeof(TD));

    private void Lane2<TOperation, TA, TB, TD>()
        where TOperation : struct, IPtxLane2<TA, TB, TD>
        where TA : unmanaged
        where TB : unmanaged
        where TD : unmanaged => Lanes(&PtxLanes.Lane2<TOperation, TA, TB, TD>, sizeof(TD));

    private void Lane3<TOperation, TA, TB, TC, TD>()
        where TOperation : struct, IPtxLane3<TA, TB, TC, TD>
        where TA : unmanaged
        where TB : unmanaged
        where TC : unmanaged
        where TD : unmanaged => Lanes(&PtxLanes.Lane3<TOperation, TA, TB, TC, TD>, sizeof(TD));

    private void Compare<TOperation, T>()
        where TOperation : struct, IPtxComparison<T>
        where T : unmanaged
    {
        delegate*<byte*, PtxInstruction*, uint> handler = &PtxLanes.Compare<TOperation, T>;
        _instruction.Handler = handler;
        _instruction.Kind = PtxKind.Predicate;
    }
}
