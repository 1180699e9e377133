using System.Buffers.Binary;
using System.Numerics;
using System.Text;

namespace Camels.Engine.Checkpoints;

/// <summary>
/// Reads what torch.save pickles of a dictionary of tensors, and nothing else. A pickle is a program; of its instructions those are known
/// that build numbers, texts, tuples, lists and dictionaries, and of what it may import and call three functions of PyTorch that are imitated
/// here. Every other import or call ends the reading before anything happens. Memory is proportional to the pickle, nothing recurses.
/// </summary>
internal ref struct PickleReader
{
    private const int MaximumNameBytes = 256;
    private const int MaximumRank = 64;
    private const string OrderedDict = "collections OrderedDict";
    private const string RebuildTensor = "torch._utils _rebuild_tensor_v2";
    private const string RebuildParameter = "torch._utils _rebuild_parameter";

    private static readonly Dictionary<string, StoredType> _storageTypes = new()
    {
        ["torch DoubleStorage"] = StoredType.F64,
        ["torch FloatStorage"] = StoredType.F32,
        ["torch HalfStorage"] = StoredType.F16,
        ["torch BFloat16Storage"] = StoredType.BF16,
        ["torch LongStorage"] = StoredType.I64,
        ["torch IntStorage"] = StoredType.I32,
        ["torch ShortStorage"] = StoredType.I16,
        ["torch CharStorage"] = StoredType.I8,
        ["torch ByteStorage"] = StoredType.U8,
        ["torch BoolStorage"] = StoredType.BOOL,
    };

    private static readonly object _mark = new();
    private readonly ReadOnlySpan<byte> _bytes;
    private readonly string _path;
    private readonly List<object?> _stack = [];
    private readonly Dictionary<uint, object?> _memo = [];

    /// <param name="bytes">One or several pickles.</param>
    /// <param name="path">The file, for messages.</param>
    public PickleReader(ReadOnlySpan<byte> bytes, string path)
    {
        _bytes = bytes;
        _path = path;
    }

    /// <summary>The byte after the last pickle that was read.</summary>
    public int Position { get; private set; }

    /// <summary>The next pickle, a dictionary of tensors under distinct names.</summary>
    public IReadOnlyList<(string Name, PickledTensor Tensor)> ReadTensors()
    {
        if (ReadWhole() is not Items { IsDictionary: true } dictionary)
        {
            throw Broken("it does not hold a dictionary of tensors");
        }

        List<(string, PickledTensor)> tensors = [];
        HashSet<string> names = new(StringComparer.Ordinal);
        for (int i = 0; i < dictionary.Values.Count; i += 2)
        {
            if (dictionary.Values[i] is not string name || dictionary.Values[i + 1] is not PickledTensor tensor)
            {
                throw Broken($"its entry '{Shown(dictionary.Values[i])}' is not a tensor under a name");
            }

            if (!names.Add(name))
            {
                throw Broken($"the tensor '{Shown(name)}' is there twice");
            }

            tensors.Add((name, tensor));
        }

        return tensors;
    }

    /// <summary>The next pickle, a list of texts.</summary>
    public IReadOnlyList<string> ReadNames() => ReadWhole() is Items { IsDictionary: false } list && list.Values.All(value => value is string)
        ? [.. list.Values.Cast<string>()]
        : throw Broken("it does not list its storages");

    /// <summary>The value of the next pickle.</summary>
    public object? ReadWhole()
    {
        _stack.Clear();
        _memo.Clear();
        while (true)
        {
            char instruction = (char)Take(1)[0];
            if (instruction == '.')
            {
                object? result = Pop();
                return _stack.Count == 0 ? result : throw Broken("values are left over");
            }

            Do(instruction);
        }
    }

    private void Do(char instruction)
    {
        switch (instruction)
        {
            case '\x80': RequireProtocol(Take(1)[0]); break;
            case '(': Push(_mark); break;
            case 'N': Push(null); break;
            case '\x88': Push(true); break;
            case '\x89': Push(false); break;
            case 'K': Push((long)Take(1)[0]); break;
            case 'M': Push((long)BinaryPrimitives.ReadUInt16LittleEndian(Take(2))); break;
            case 'J': Push((long)BinaryPrimitives.ReadInt32LittleEndian(Take(4))); break;
            case '\x8a': PushLong(Take(Take(1)[0])); break;
            case 'G': Push(BinaryPrimitives.ReadDoubleBigEndian(Take(8))); break;
            case 'X': Push(TakeText(BinaryPrimitives.ReadUInt32LittleEndian(Take(4)))); break;
            case 'U': Push(TakeText(Take(1)[0])); break;
            case 'T': Push(TakeText(BinaryPrimitives.ReadUInt32LittleEndian(Take(4)))); break;
            case ')': Push(Array.Empty<object?>()); break;
            case '\x85': PushTuple(1); break;
            case '\x86': PushTuple(2); break;
            case '\x87': PushTuple(3); break;
            case 't': PushTuple(_stack.Count - 1 - LastMark()); PopUnderTop(); break;
            case '}': Push(new Items(isDictionary: true)); break;
            case ']': Push(new Items(isDictionary: false)); break;
            case 'a': AddItems(end: _stack.Count - 1, _stack.Count - 1, isDictionary: false); break;
            case 'e': AddItems(end: LastMark(), LastMark() + 1, isDictionary: false); break;
            case 's': AddItems(end: _stack.Count - 2, _stack.Count - 2, isDictionary: true); break;
            case 'u': AddItems(end: LastMark(), LastMark() + 1, isDictionary: true); break;
            case 'q': _memo[Take(1)[0]] = Top(); break;
            case 'r': _memo[BinaryPrimitives.ReadUInt32LittleEndian(Take(4))] = Top(); break;
            case 'h': PushMemo(Take(1)[0]); break;
            case 'j': PushMemo(BinaryPrimitives.ReadUInt32LittleEndian(Take(4))); break;
            case 'c': PushImport(TakeLine(), TakeLine()); break;
            case 'Q': PushStorage(Pop()); break;
            case 'R': Call(arguments: Pop(), function: Pop()); break;
            case 'b': Build(state: Pop()); break;
            default: throw Unknown(instruction);
        }
    }

    private readonly void RequireProtocol(int protocol)
    {
        if (protocol != 2)
        {
            throw Broken($"it is of pickle protocol {protocol}, torch.save writes protocol 2");
        }
    }

    private readonly void PushLong(ReadOnlySpan<byte> littleEndian)
    {
        BigInteger number = new(littleEndian);
        Push(number >= long.MinValue && number <= long.MaxValue ? (long)number : number);
    }

    private readonly void PushTuple(int count)
    {
        object?[] values = count <= _stack.Count ? [.. _stack[^count..]] : throw Broken("values are missing");
        _stack.RemoveRange(_stack.Count - count, count);
        Push(values);
    }

    // A tuple above its mark: the mark goes.
    private readonly void PopUnderTop() => _stack.RemoveAt(_stack.Count - 2);

    // The container is the value below place end; what is added begins at place first, above the mark where there is one.
    private readonly void AddItems(int end, int first, bool isDictionary)
    {
        bool fits = end > 0 && _stack[end - 1] is Items items && items.IsDictionary == isDictionary
            && (!isDictionary || (_stack.Count - first) % 2 == 0);
        if (!fits)
        {
            throw Broken("values are added to what cannot take them");
        }

        ((Items)_stack[end - 1]!).Values.AddRange(_stack[first..]);
        _stack.RemoveRange(end, _stack.Count - end);
    }

    private readonly void PushMemo(uint index) =>
        Push(_memo.TryGetValue(index, out object? value) ? value : throw Broken("it uses a value that it never made"));

    private readonly void PushImport(string module, string name)
    {
        string import = $"{module} {name}";
        bool isKnown = import is OrderedDict or RebuildTensor or RebuildParameter || _storageTypes.ContainsKey(import);
        Push(isKnown ? new Import(import) : throw Refused($"{module}.{name}"));
    }

    // ("storage", type, key, device, elements), in the older layout followed by a view, which must be None.
    private readonly void PushStorage(object? identity)
    {
        bool isPlain = identity is object?[] and (["storage", Import, string, string, long and >= 0] or ["storage", Import, string, string, long and >= 0, null]);
        object?[] fields = isPlain ? (object?[])identity! : throw Broken("it names something that is not a storage");
        bool isKnown = _storageTypes.TryGetValue(((Import)fields[1]!).Name, out StoredType type) && (long)fields[4]! <= long.MaxValue / type.Bytes();
        Push(isKnown ? new PickledStorage(type, (string)fields[2]!, (long)fields[4]!) : throw Broken("it names a storage of an unknown kind"));
    }

    private readonly void Call(object? arguments, object? function)
    {
        if (function is not Import import || arguments is not object?[] values)
        {
            throw Broken("it calls what is no function");
        }

        Push((import.Name, values) switch
        {
            (OrderedDict, []) => new Items(isDictionary: true),
            (RebuildTensor, [PickledStorage storage, long first, object?[] shape, object?[] strides, _, _]) => TensorOf(storage, first, shape, strides),
            (RebuildTensor, [_, _, _, _, _, _, _]) => throw Broken("a tensor is a view that is still to be negated; save the model's tensors with .resolve_neg()"),
            (RebuildParameter, [PickledTensor tensor, ..]) => tensor,
            _ => throw Broken($"it calls {import.Name.Replace(' ', '.')} with other arguments than torch.save writes"),
        });
    }

    private readonly PickledTensor TensorOf(PickledStorage storage, long first, object?[] shape, object?[] strides)
    {
        bool areNumbers = shape.All(size => size is long) && strides.All(stride => stride is long) && shape.Length <= MaximumRank;
        return (areNumbers ? PickledTensor.Of(storage, first, [.. shape.Cast<long>()], [.. strides.Cast<long>()]) : null)
            ?? throw Broken("a tensor is not contiguous, or not inside its storage; save the model's tensors with .contiguous()");
    }

    // The state of an OrderedDict is PyTorch's table of layer versions: nothing here depends on it.
    private readonly void Build(object? state)
    {
        if (state is not Items { IsDictionary: true } || Top() is not Items { IsDictionary: true })
        {
            throw Broken("it sets the state of an object");
        }
    }

    private readonly int LastMark()
    {
        int mark = _stack.LastIndexOf(_mark);
        return mark >= 0 ? mark : throw Broken("values are missing");
    }

    private readonly object? Top() => _stack.Count > 0 ? _stack[^1] : throw Broken("values are missing");

    private readonly object? Pop()
    {
        object? top = Top();
        _stack.RemoveAt(_stack.Count - 1);
        return top;
    }

    private readonly void Push(object? value) => _stack.Add(value);

    private string TakeText(uint bytes) => Encoding.UTF8.GetString(Take(bytes));

    private string TakeLine()
    {
        int length = _bytes[Position..].IndexOf((byte)'\n');
        return length is >= 0 and <= MaximumNameBytes
            ? Encoding.UTF8.GetString(Take((uint)length + 1)[..^1])
            : throw Broken("an import has no name");
    }

    private ReadOnlySpan<byte> Take(uint bytes)
    {
        if (bytes > _bytes.Length - Position)
        {
            throw Broken("it is cut short");
        }

        ReadOnlySpan<byte> taken = _bytes.Slice(Position, (int)bytes);
        Position += (int)bytes;
        return taken;
    }

    private readonly CamelsException Unknown(char instruction) => instruction switch
    {
        '\x93' => Refused(_stack is [.., string module, string name] ? $"{module}.{name}" : "something by a computed name"),
        'i' or 'o' or '\x81' or '\x92' or '\x82' or '\x83' or '\x84' => Refused("a class of its own"),
        _ => Broken($"instruction 0x{(int)instruction:x2} is none that torch.save writes"),
    };

    private readonly CamelsException Refused(string import) => CamelsException.BadInput(
        $"{_path}: its pickle asks to import or call '{Shown(import)}', which no checkpoint needs: nothing was run. Do not trust this file");

    private readonly CamelsException Broken(string problem) => CamelsException.BadInput($"{_path}: its pickle is refused: {problem}");

    private static string Shown(object? value)
    {
        string text = value as string ?? $"{value?.GetType().Name}";
        string plain = string.Concat(text.Take(100).Select(letter => char.IsControl(letter) ? '?' : letter));
        return text.Length > 100 ? plain + "…" : plain;
    }

    /// <summary>A list, or a dictionary as keys and values in turn.</summary>
    private sealed class Items(bool isDictionary)
    {
        public bool IsDictionary { get; } = isDictionary;

        public List<object?> Values { get; } = [];
    }

    /// <summary>Something that may be imported.</summary>
    private sealed record Import(string Name);
}
