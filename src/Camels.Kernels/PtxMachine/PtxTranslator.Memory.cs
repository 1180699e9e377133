using System.Numerics;

namespace Camels.Kernels;

/// <summary>Loads, stores, atomics and addresses of spaces.</summary>
internal sealed unsafe partial class PtxTranslator
{
    private static readonly string[] AccessModifiers =
    [
        "global", "shared", "shared::cta", "param", "const", "nc", "v2", "v4", "ca", "cg", "cs", "lu", "cv", "wb", "wt", "volatile", "weak",
        "relaxed", "acquire", "release", "cta", "gpu", "sys", "L1::no_allocate", "L1::evict_last", "L1::evict_first", "L2::128B", "L2::256B",
        "add", "max", "exch", "cas",
    ];

    // The destination has 16 bits, whose upper neighbours stay zero: a sign is not extended into them.
    private bool _isNarrow;

    private bool TranslateMemory()
    {
        switch (_statement.Name)
        {
            case "ld":
                TranslateLoad();
                return true;
            case "st":
                TranslateStore();
                return true;
            case "atom" or "red":
                TranslateAtomic();
                return true;
            case "cvta":
                TranslateSpaceConversion();
                return true;
            case "prefetch":
                Effect(&PtxTogether.Nothing);
                return true;
            default:
                return false;
        }
    }

    private void TranslateLoad()
    {
        Need(operands: 2);
        Allow([.. AccessModifiers, _statement.Type]);
        PtxOperand[] destinations = Elements(_statement.Operands[0]);
        RequireVector(destinations.Length);
        PtxWidth width = AccessWidth(_statement.Type);
        _instruction.Count = (short)destinations.Length;
        _instruction.More = Keep([.. destinations.Select(destination => Destination(destination, width, allowsWider: true))]);
        _instruction.D = _instruction.More[0];
        SetAddress(_statement.Operands[1]);
        bool isWide = RegisterIsWide(destinations);
        _isNarrow = destinations[0].Register?.Width == PtxWidth.B16;
        switch (SpaceOf(_statement))
        {
            case PtxSpace.Global: LoadFrom<PtxGlobalSpace>(isWide); break;
            case PtxSpace.Shared: LoadFrom<PtxSharedSpace>(isWide); break;
            case PtxSpace.Parameter: LoadFrom<PtxParameterSpace>(isWide); break;
            default: LoadFrom<PtxGenericSpace>(isWide); break;
        }
    }

    private void TranslateStore()
    {
        Need(operands: 2);
        Allow([.. AccessModifiers, _statement.Type]);
        PtxOperand[] sources = Elements(_statement.Operands[1]);
        RequireVector(sources.Length);
        PtxWidth width = AccessWidth(_statement.Type);
        _instruction.Count = (short)sources.Length;
        bool isWide = RegisterIsWide(sources) || width == PtxWidth.B64;
        _instruction.More = Keep([.. sources.Select(source => Source(source, isWide ? PtxWidth.B64 : width, allowsWider: true))]);
        SetAddress(_statement.Operands[0]);
        switch (SpaceOf(_statement))
        {
            case PtxSpace.Global: StoreTo<PtxGlobalSpace>(isWide); break;
            case PtxSpace.Shared: StoreTo<PtxSharedSpace>(isWide); break;
            case PtxSpace.Parameter: throw Error("parameters are only read");
            default: StoreTo<PtxGenericSpace>(isWide); break;
        }
    }

    private PtxWidth AccessWidth(string type) => type is "b8" or "u8" or "s8" ? PtxWidth.B16 : WidthOfType(type);

    private bool RegisterIsWide(PtxOperand[] operands)
    {
        IEnumerable<bool> wide = operands.Where(operand => operand.Register is not null).Select(operand => operand.Register!.Width == PtxWidth.B64).Distinct();
        return wide.Count() <= 1 ? wide.FirstOrDefault() : throw Error("registers of different widths");
    }

    private void RequireVector(int elements)
    {
        int expected = _statement.Has("v4") ? 4 : _statement.Has("v2") ? 2 : 1;
        int bytes = elements * PtxTypes.BytesOf(_statement.Type);
        if (elements != expected || bytes is 0 or > 16)
        {
            throw Error($"{elements} elements of .{PtxTokens.Shorten(_statement.Type)}");
        }
    }

    private static PtxSpace SpaceOf(PtxStatement statement) =>
        statement.Has("global") || statement.Has("const") ? PtxSpace.Global
        : statement.Has("shared") || statement.Has("shared::cta") ? PtxSpace.Shared
        : statement.Has("param") ? PtxSpace.Parameter
        : PtxSpace.Generic;

    /// <summary>The address operand: base and offset. Registers of addresses have 64 bits, of shared memory 64 or 32.</summary>
    private void SetAddress(PtxOperand operand)
    {
        if (operand.Kind != PtxOperandKind.Address)
        {
            throw Error("an address is needed");
        }

        _instruction.Immediate = (long)operand.Value;
        if (operand.Register is PtxRegister register)
        {
            _instruction.Addressing = register.Width switch
            {
                PtxWidth.B64 => PtxAddressing.Register64,
                PtxWidth.B32 => PtxAddressing.Register32,
                _ => throw Error($"{PtxTokens.Shorten(register.Name)} is too narrow for an address"),
            };
            _instruction.A = _places[register];
        }
        else
        {
            _instruction.Addressing = PtxAddressing.Constant;
            _instruction.A = 0;
            bool isGeneric = SpaceOf(_statement) == PtxSpace.Generic && _statement.Name is "ld" or "st";
            _instruction.Immediate += operand.Name is null ? 0 : (long)AddressOfSymbol(operand.Name, isGeneric);
        }
    }

    private void LoadFrom<TSpace>(bool isWide)
        where TSpace : struct, IPtxSpace
    {
        switch (_statement.Type)
        {
            case "b8" or "u8": LoadAs<TSpace, byte>(isWide); break;
            case "s8" when !_isNarrow: LoadAs<TSpace, sbyte>(isWide); break;
            case "s16" when !_isNarrow: LoadAs<TSpace, short>(isWide); break;
            case "b16" or "u16" or "s16" or "f16" or "bf16": LoadAs<TSpace, ushort>(isWide); break;
            case "b32" or "u32" or "f32": LoadAs<TSpace, uint>(isWide); break;
            case "s32": LoadAs<TSpace, int>(isWide); break;
            case "b64" or "u64" or "s64" or "f64": LoadAs<TSpace, ulong>(isWide); break;
            default: throw Unknown();
        }
    }

    private void LoadAs<TSpace, T>(bool isWide)
        where TSpace : struct, IPtxSpace
        where T : unmanaged, IBinaryInteger<T>
    {
        if (isWide)
        {
            Effect(&PtxAccesses.Load<TSpace, T, ulong>);
        }
        else
        {
            Effect(&PtxAccesses.Load<TSpace, T, uint>);
        }
    }

    private void StoreTo<TSpace>(bool isWide)
        where TSpace : struct, IPtxSpace
    {
        switch (PtxTypes.BytesOf(_statement.Type))
        {
            case 1: StoreAs<TSpace, byte>(isWide); break;
            case 2: StoreAs<TSpace, ushort>(isWide); break;
            case 4: StoreAs<TSpace, uint>(isWide); break;
            case 8: StoreAs<TSpace, ulong>(isWide: true); break;
            default: throw Unknown();
        }
    }

    private void StoreAs<TSpace, T>(bool isWide)
        where TSpace : struct, IPtxSpace
        where T : unmanaged, IBinaryInteger<T>
    {
        if (isWide)
        {
            Effect(&PtxAccesses.Store<TSpace, T, ulong>);
        }
        else
        {
            Effect(&PtxAccesses.Store<TSpace, T, uint>);
        }
    }

    // atom.global.add.u32 d, [a], b;   atom.global.cas.b32 d, [a], b, c;   red.global.add.u32 [a], b;
    private void TranslateAtomic()
    {
        bool returns = _statement.Name == "atom";
        bool isSwap = _statement.Has("cas");
        Need(operands: (returns ? 3 : 2) + (isSwap ? 1 : 0));
        Allow([.. AccessModifiers, "u32", "b32", "s32"]);
        ReadOnlySpan<PtxOperand> operands = _statement.Operands.AsSpan(returns ? 1 : 0);
        _instruction.D = returns ? Destination(_statement.Operands[0], PtxWidth.B32) : Sink();
        _instruction.B = Source(operands[1], PtxWidth.B32);
        _instruction.C = isSwap ? Source(operands[2], PtxWidth.B32) : _instruction.B;
        SetAddress(operands[0]);
        switch (SpaceOf(_statement))
        {
            case PtxSpace.Shared: AtomicIn<PtxSharedSpace>(); break;
            case PtxSpace.Global: AtomicIn<PtxGlobalSpace>(); break;
            default: AtomicIn<PtxGenericSpace>(); break;
        }
    }

    private void AtomicIn<TSpace>()
        where TSpace : struct, IPtxSpace
    {
        if (_statement.Has("add") && _statement.Type is "u32" or "s32")
        {
            Effect(&PtxAccesses.Atomic<TSpace, PtxAtomics.Add>);
        }
        else if (_statement.Has("max") && _statement.Type == "u32")
        {
            Effect(&PtxAccesses.Atomic<TSpace, PtxAtomics.Max>);
        }
        else if (_statement.Has("exch"))
        {
            Effect(&PtxAccesses.Atomic<TSpace, PtxAtomics.Exchange>);
        }
        else if (_statement.Has("cas"))
        {
            Effect(&PtxAccesses.Atomic<TSpace, PtxAtomics.CompareAndSwap>);
        }
        else
        {
            throw Unknown();
        }
    }

    // Global addresses are what they are everywhere; shared ones and parameters lie in windows of the generic space.
    private void TranslateSpaceConversion()
    {
        Need(operands: 2);
        Allow("to", "global", "shared", "shared::cta", "param", "const", "u64", "u32");
        bool isFromGeneric = _statement.Has("to");
        ulong window = SpaceOf(_statement) switch
        {
            PtxSpace.Shared => PtxBlock.SharedWindow,
            PtxSpace.Parameter => PtxBlock.ParameterWindow,
            _ => 0,
        };
        _instruction.D = Destination(_statement.Operands[0], PtxWidth.B64);
        _instruction.A = Source(_statement.Operands[1], PtxWidth.B64);
        _instruction.B = Constant(PtxWidth.B64, isFromGeneric ? 0 - window : window);
        Binary<PtxOperations.Add<ulong>, ulong>();
    }
}
