namespace Camels.Kernels;

/// <summary>Reads the body of a kernel. Registers and labels belong to the braces they stand in; inline assembly comes in braces of its own.</summary>
internal sealed class PtxBodyParser(PtxTokens tokens, PtxEntry entry, PtxParser module)
{
    private const int MostRegisters = 1 << 17;
    private const int MostScopes = 64;
    private const int MostElements = 256;

    private readonly List<PtxRegister> _registers = [];
    private readonly List<PtxStatement> _statements = [];
    private readonly List<Scope> _scopes = [];

    private sealed class Scope
    {
        public Dictionary<string, PtxRegister> Registers { get; } = [];

        public Dictionary<string, int> Labels { get; } = [];

        public List<(PtxOperand Operand, int Line)> Jumps { get; } = [];
    }

    /// <summary>Reads up to and including the brace that closes the body.</summary>
    public void Parse()
    {
        _scopes.Add(new Scope());
        while (_scopes.Count > 0)
        {
            ParseOne();
        }

        entry.Registers = _registers;
        entry.Statements = _statements;
    }

    private void ParseOne()
    {
        if (tokens.Accept('{'))
        {
            _scopes.Add(_scopes.Count < MostScopes ? new Scope() : throw tokens.Error($"more than {MostScopes} braces in each other"));
        }
        else if (tokens.Accept('}'))
        {
            CloseScope();
        }
        else if (tokens.Accept(';'))
        {
            // An empty statement: inline assembly ends with one more semicolon than it needs.
        }
        else if (tokens.Kind == PtxTokenKind.Word && tokens.Text[0] == '.')
        {
            ParseDirective();
        }
        else
        {
            ParseStatement();
        }
    }

    // A jump whose label is not in these braces may lead to the braces around them.
    private void CloseScope()
    {
        Scope scope = _scopes[^1];
        _scopes.RemoveAt(_scopes.Count - 1);
        foreach ((PtxOperand operand, int line) in scope.Jumps)
        {
            if (scope.Labels.TryGetValue(operand.Name!, out int target))
            {
                operand.Target = target;
            }
            else if (_scopes.Count > 0)
            {
                _scopes[^1].Jumps.Add((operand, line));
            }
            else
            {
                throw new PtxException(PtxFault.Malformed, $"{entry.File}:{line}: there is no label {PtxTokens.Shorten(operand.Name!)}");
            }
        }
    }

    private void ParseDirective()
    {
        switch (tokens.Text)
        {
            case ".reg":
                ParseRegisters();
                break;
            case ".shared":
                PtxVariable variable = module.ParseVariable(isExtern: false);
                if (!entry.Module.Variables.TryAdd(variable.Name, variable))
                {
                    throw tokens.Error($"{variable.Name} is declared twice");
                }

                break;
            case ".local":
                throw tokens.Error(".local: a kernel keeps everything in registers (an array was indexed at run time, or registers ran out)");
            case ".loc" or ".pragma" or ".file":
                int line = tokens.Line;
                while (tokens.Kind != PtxTokenKind.End && tokens.Line == line)
                {
                    tokens.Next();
                }

                break;
            default:
                throw tokens.Error($"{tokens.Describe()} is no directive that the machine knows");
        }
    }

    // .reg .b32 %r<15>;   .reg .pred p, q;
    private void ParseRegisters()
    {
        tokens.Next();
        string type = tokens.ExpectWord("a type").TrimStart('.');
        PtxWidth width = PtxTypes.WidthOf(type) ?? throw tokens.Error($"'{PtxTokens.Shorten(type)}' is no type of a register");
        do
        {
            string name = tokens.ExpectWord("the name of a register");
            if (tokens.Accept('<'))
            {
                int count = tokens.ExpectCount("a number of registers", MostRegisters);
                tokens.Expect('>');
                for (int i = 0; i < count; i++)
                {
                    Declare($"{name}{i}", width);
                }
            }
            else
            {
                Declare(name, width);
            }
        }
        while (tokens.Accept(','));
        tokens.Expect(';');
    }

    private void Declare(string name, PtxWidth width)
    {
        PtxRegister register = new(_registers.Count, name, width);
        if (_registers.Count >= MostRegisters || !_scopes[^1].Registers.TryAdd(name, register))
        {
            throw tokens.Error(_registers.Count >= MostRegisters ? $"more than {MostRegisters} registers" : $"{name} is declared twice");
        }

        _registers.Add(register);
    }

    private void ParseStatement()
    {
        int line = tokens.Line;
        PtxRegister? guard = null;
        bool isNegated = false;
        if (tokens.Accept('@'))
        {
            isNegated = tokens.Accept('!');
            string name = tokens.ExpectWord("a predicate");
            guard = Find(name) is { Width: PtxWidth.Predicate } found ? found : throw tokens.Error($"{PtxTokens.Shorten(name)} is no predicate");
        }

        string opcode = tokens.ExpectWord("an instruction");
        if (guard is null && tokens.Accept(':'))
        {
            if (!_scopes[^1].Labels.TryAdd(opcode, _statements.Count))
            {
                throw tokens.Error($"the label {PtxTokens.Shorten(opcode)} stands here twice");
            }

            return;
        }

        List<PtxOperand> operands = [];
        while (!tokens.Is(';'))
        {
            operands.Add(ParseOperand(isJump: opcode.StartsWith("bra", StringComparison.Ordinal)));
            if (!tokens.Accept(','))
            {
                break;
            }
        }

        bool isJump = opcode == "bra" || opcode.StartsWith("bra.", StringComparison.Ordinal);
        if (isJump && (operands.Count != 1 || operands[0].Kind != PtxOperandKind.Label))
        {
            throw tokens.Error("a jump leads to one label");
        }

        tokens.Expect(';');
        _statements.Add(new PtxStatement
        {
            Opcode = opcode,
            Parts = opcode.Split('.'),
            Operands = [.. operands],
            Guard = guard,
            IsGuardNegated = isNegated,
            Line = line,
        });
    }

    private PtxOperand ParseOperand(bool isJump)
    {
        PtxOperand first = ParseSingle(isJump);
        if (!tokens.Accept('|'))
        {
            return first;
        }

        return new PtxOperand { Kind = PtxOperandKind.Pair, Elements = [first, ParseSingle(isJump: false)] };
    }

    private PtxOperand ParseSingle(bool isJump)
    {
        if (tokens.Accept('['))
        {
            return ParseAddress();
        }

        if (tokens.Accept('{'))
        {
            return new PtxOperand { Kind = PtxOperandKind.Vector, Elements = ParseElements() };
        }

        if (tokens.Kind == PtxTokenKind.Number || tokens.Is('-'))
        {
            return new PtxOperand { Kind = PtxOperandKind.Immediate, Value = PtxNumbers.Parse(tokens) };
        }

        bool isNegated = tokens.Accept('!');
        string name = tokens.ExpectWord("an operand");
        if (isJump)
        {
            PtxOperand label = new() { Kind = PtxOperandKind.Label, Name = name };
            _scopes[^1].Jumps.Add((label, tokens.Line));
            return label;
        }

        return NamedOperand(name, isNegated);
    }

    private PtxOperand NamedOperand(string name, bool isNegated)
    {
        if (Find(name) is PtxRegister register)
        {
            return new PtxOperand { Kind = PtxOperandKind.Register, Register = register, IsNegated = isNegated };
        }

        PtxOperandKind kind = name == "_" ? PtxOperandKind.Sink
            : name[0] == '%' || name == "WARP_SZ" ? PtxOperandKind.Special
            : PtxOperandKind.Symbol;
        if (kind == PtxOperandKind.Symbol)
        {
            RequireSymbol(name);
        }

        if (kind == PtxOperandKind.Special && !PtxSpecials.IsKnown(name))
        {
            throw tokens.Error($"the register {PtxTokens.Shorten(name)} is not declared");
        }

        return new PtxOperand { Kind = kind, Name = name };
    }

    // After the opening bracket: register, symbol or number, an offset, and for a tensor map coordinates in braces.
    private PtxOperand ParseAddress()
    {
        PtxRegister? register = null;
        string? symbol = null;
        ulong offset = 0;
        if (tokens.Kind == PtxTokenKind.Word)
        {
            string name = tokens.ExpectWord("an address");
            register = Find(name);
            if (register is null)
            {
                symbol = name;
                RequireSymbol(name);
            }

            if (tokens.Accept('+'))
            {
                offset = PtxNumbers.Parse(tokens);
            }
            else if (tokens.Is('-'))
            {
                offset = PtxNumbers.Parse(tokens);
            }
        }
        else
        {
            offset = PtxNumbers.Parse(tokens);
        }

        if (tokens.Accept(','))
        {
            tokens.Expect('{');
            PtxOperand map = new() { Kind = PtxOperandKind.Address, Register = register, Name = symbol, Value = offset };
            PtxOperand[] coordinates = ParseElements();
            tokens.Expect(']');
            return new PtxOperand { Kind = PtxOperandKind.TensorAddress, Elements = [map, .. coordinates] };
        }

        tokens.Expect(']');
        return new PtxOperand { Kind = PtxOperandKind.Address, Register = register, Name = symbol, Value = offset };
    }

    private PtxOperand[] ParseElements()
    {
        List<PtxOperand> elements = [];
        do
        {
            PtxOperand element = ParseSingle(isJump: false);
            bool isSimple = element.Kind is PtxOperandKind.Register or PtxOperandKind.Immediate or PtxOperandKind.Sink or PtxOperandKind.Special;
            elements.Add(isSimple ? element : throw tokens.Error("a vector holds registers and numbers only"));
            if (elements.Count > MostElements)
            {
                throw tokens.Error($"more than {MostElements} elements");
            }
        }
        while (tokens.Accept(','));
        tokens.Expect('}');
        return [.. elements];
    }

    private PtxRegister? Find(string name)
    {
        for (int i = _scopes.Count - 1; i >= 0; i--)
        {
            if (_scopes[i].Registers.TryGetValue(name, out PtxRegister? register))
            {
                return register;
            }
        }

        return null;
    }

    private void RequireSymbol(string name)
    {
        if (!entry.Module.Variables.ContainsKey(name) && !entry.Parameters.Any(parameter => parameter.Name == name))
        {
            throw tokens.Error($"{PtxTokens.Shorten(name)} is neither a register nor a parameter nor a variable");
        }
    }
}
