namespace Camels.Kernels;

/// <summary>Reads a PTX text: directives, variables and kernels. Bodies of kernels are read by <see cref="PtxBodyParser"/>.</summary>
internal sealed class PtxParser(string text, string file)
{
    private const int MostSharedBytes = 1 << 20;
    private const int MostParameters = 256;
    private const int MostParameterBytes = 4096;
    private const int MostVariableBytes = 16 << 20;

    private readonly PtxTokens _tokens = new(text, file);
    private readonly PtxModuleContext _context = new();
    private readonly List<PtxEntry> _entries = [];
    private readonly HashSet<string> _names = [];
    private string _version = "";

    public PtxModule ParseModule()
    {
        while (_tokens.Kind != PtxTokenKind.End)
        {
            ParseDirective();
        }

        if (_version.Length == 0 || _context.Target.Length == 0)
        {
            throw _tokens.Error("no .version and .target: this is not a PTX text");
        }

        return new PtxModule(file, _version, _context.Target, [.. _context.Variables.Values], _entries);
    }

    private void ParseDirective()
    {
        switch (_tokens.Text)
        {
            case ".version":
                _tokens.Next();
                _version = ParseVersion();
                break;
            case ".target":
                _tokens.Next();
                _context.Target = _tokens.ExpectWord("an architecture");
                SkipList();
                break;
            case ".address_size":
                _tokens.Next();
                if (_tokens.ExpectCount("the size of an address", 64) != 64)
                {
                    throw _tokens.Error("addresses have 64 bits");
                }

                break;
            case ".file" or ".loc":
                SkipLine();
                break;
            default:
                ParseDeclaration();
                break;
        }
    }

    // 7.8 comes as the number 7 and the word .8
    private string ParseVersion()
    {
        string version = $"{_tokens.ExpectCount("a version", 99)}{_tokens.ExpectWord("a version")}";
        return version.Length is >= 3 and <= 5 ? version : throw _tokens.Error($"'{PtxTokens.Shorten(version)}' is no version of PTX");
    }

    private void SkipList()
    {
        while (_tokens.Accept(','))
        {
            _ = _tokens.ExpectWord("an option of the target");
        }
    }

    private void SkipLine()
    {
        int line = _tokens.Line;
        while (_tokens.Kind != PtxTokenKind.End && _tokens.Line == line)
        {
            _tokens.Next();
        }
    }

    private void ParseDeclaration()
    {
        bool isExtern = false;
        while (_tokens.Is(".visible") || _tokens.Is(".extern") || _tokens.Is(".weak") || _tokens.Is(".common"))
        {
            isExtern |= _tokens.Is(".extern");
            _tokens.Next();
        }

        switch (_tokens.Text)
        {
            case ".entry":
                _tokens.Next();
                ParseEntry();
                break;
            case ".func":
                throw _tokens.Error(".func: kernels call nothing");
            case ".shared" or ".global" or ".const":
                PtxVariable variable = ParseVariable(isExtern);
                if (!_names.Add(variable.Name) || !_context.Variables.TryAdd(variable.Name, variable))
                {
                    throw _tokens.Error($"{variable.Name} is declared twice");
                }

                break;
            default:
                throw _tokens.Error($"{_tokens.Describe()} is no directive that the machine knows");
        }
    }

    private void ParseEntry()
    {
        int line = _tokens.Line;
        string name = _tokens.ExpectWord("the name of a kernel");
        if (!_names.Add(name))
        {
            throw _tokens.Error($"{name} is declared twice");
        }

        PtxEntry entry = new(name, file, ParseParameters(), _context) { Line = line };
        ParseLimits(entry);
        _tokens.Expect('{');
        new PtxBodyParser(_tokens, entry, this).Parse();
        _entries.Add(entry);
    }

    private List<PtxParameter> ParseParameters()
    {
        List<PtxParameter> parameters = [];
        if (!_tokens.Accept('(') || _tokens.Accept(')'))
        {
            return parameters;
        }

        int offset = 0;
        do
        {
            PtxParameter parameter = ParseParameter(offset);
            offset = parameter.OffsetBytes + parameter.SizeBytes;
            parameters.Add(parameter);
            if (parameters.Count > MostParameters || offset > MostParameterBytes)
            {
                throw _tokens.Error($"more than {MostParameters} parameters or {MostParameterBytes} bytes of them");
            }
        }
        while (_tokens.Accept(','));
        _tokens.Expect(')');
        return parameters;
    }

    private PtxParameter ParseParameter(int offset)
    {
        if (!_tokens.Is(".param"))
        {
            throw _tokens.Error($"expected .param, found {_tokens.Describe()}");
        }

        _tokens.Next();
        int alignment = ParseAlignment();
        int elementBytes = ParseTypeBytes();
        while (_tokens.Is(".ptr") || _tokens.Is(".global") || _tokens.Is(".shared") || _tokens.Is(".const"))
        {
            _tokens.Next();
        }

        _ = ParseAlignment();
        string name = _tokens.ExpectWord("the name of a parameter");
        int bytes = elementBytes * ParseCount(1, MostParameterBytes);
        alignment = Math.Max(alignment, elementBytes);
        return new PtxParameter(name, (offset + alignment - 1) & -alignment, bytes, alignment);
    }

    private void ParseLimits(PtxEntry entry)
    {
        while (!_tokens.Is('{'))
        {
            string directive = _tokens.ExpectWord("the body of the kernel");
            switch (directive)
            {
                case ".maxntid":
                    entry.MaximumThreads = ParseProduct(1024);
                    break;
                case ".reqntid":
                    entry.MaximumThreads = ParseProduct(1024);
                    break;
                case ".minnctapersm":
                    entry.MinimumBlocks = Math.Max(1, _tokens.ExpectCount("a number of blocks", 64));
                    break;
                case ".maxnreg":
                    _ = _tokens.ExpectCount("a number of registers", 256);
                    break;
                default:
                    throw _tokens.Error($"'{PtxTokens.Shorten(directive)}' is no limit of a kernel that the machine knows");
            }
        }
    }

    private int ParseProduct(int most)
    {
        int product = 1;
        do
        {
            product *= _tokens.ExpectCount("a number of threads", most);
            if (product > most)
            {
                throw _tokens.Error($"more than {most} threads");
            }
        }
        while (_tokens.Accept(','));
        return product;
    }

    /// <summary>.shared .align 16 .b8 name[128]; and, outside of shared memory, = {1, 2};</summary>
    internal PtxVariable ParseVariable(bool isExtern)
    {
        int line = _tokens.Line;
        string space = _tokens.ExpectWord("a space");
        int alignment = ParseAlignment();
        int elementBytes = ParseTypeBytes();
        string name = _tokens.ExpectWord("a name");
        int most = space == ".shared" ? MostSharedBytes : MostVariableBytes;
        int bytes = ParseCount(elementBytes, most);
        byte[] initial = _tokens.Accept('=') ? ParseInitial(elementBytes, bytes) : [];
        _tokens.Expect(';');
        return new PtxVariable(name, space, Math.Max(alignment, elementBytes), bytes, isExtern, initial, line);
    }

    private int ParseAlignment()
    {
        if (!_tokens.Is(".align"))
        {
            return 1;
        }

        _tokens.Next();
        int alignment = _tokens.ExpectCount("an alignment", 1 << 16);
        return System.Numerics.BitOperations.IsPow2(alignment) ? alignment : throw _tokens.Error($"{alignment} is no power of two");
    }

    private int ParseTypeBytes()
    {
        string type = _tokens.ExpectWord("a type");
        return PtxTypes.BytesOf(type.TrimStart('.')) is int bytes and > 0
            ? bytes
            : throw _tokens.Error($"'{PtxTokens.Shorten(type)}' is no type that the machine knows");
    }

    // [n][m] times the element; nothing for one element; [] for an extern array of any length.
    private int ParseCount(int elementBytes, int mostBytes)
    {
        long bytes = elementBytes;
        while (_tokens.Accept('['))
        {
            bytes = _tokens.Is(']') ? 0 : bytes * _tokens.ExpectCount("a length", mostBytes);
            _tokens.Expect(']');
            if (bytes > mostBytes)
            {
                throw _tokens.Error($"more than {mostBytes:N0} bytes");
            }
        }

        return (int)bytes;
    }

    private byte[] ParseInitial(int elementBytes, int bytes)
    {
        List<byte> initial = [];
        bool isList = _tokens.Accept('{');
        do
        {
            ulong value = PtxNumbers.Parse(_tokens);
            for (int i = 0; i < elementBytes; i++)
            {
                initial.Add((byte)(value >> (8 * i)));
            }

            if (initial.Count > bytes)
            {
                throw _tokens.Error($"more values than the {bytes} bytes that are declared");
            }
        }
        while (isList && _tokens.Accept(','));
        if (isList)
        {
            _tokens.Expect('}');
        }

        return [.. initial];
    }
}
