using static Camels.Kernels.PtxOperations;

namespace Camels.Kernels;

/// <summary>Arithmetic on integers and floating point numbers.</summary>
internal sealed unsafe partial class PtxTranslator
{
    private bool TranslateArithmetic()
    {
        switch (_statement.Name)
        {
            case "add" or "sub" or "mul" or "div" or "rem" or "min" or "max" or "copysign":
                return TranslateTwoSources();
            case "mad" or "fma":
                return TranslateThreeSources();
            case "neg" or "abs" or "sqrt" or "rcp" or "rsqrt" or "ex2" or "lg2" or "sin" or "cos" or "tanh":
                return TranslateOneSource();
            case "cvt":
                TranslateConversion();
                return true;
            default:
                return false;
        }
    }

    private bool TranslateTwoSources()
    {
        Need(operands: 3);
        string type = _statement.Type;
        bool isWide = _statement.Has("wide");
        PtxWidth width = WidthOfType(type);
        PtxWidth result = !isWide ? width : width == PtxWidth.B16 ? PtxWidth.B32 : PtxWidth.B64;
        Allow("rn", "lo", "hi", "wide", "ftz", "full", "approx", "NaN", type);
        _instruction.D = Destination(_statement.Operands[0], result);
        _instruction.A = Source(_statement.Operands[1], width);
        _instruction.B = Source(_statement.Operands[2], width);
        string name = isWide ? "mul.wide" : _statement.Has("hi") ? "mul.hi" : _statement.Has("NaN") ? $"{_statement.Name}.NaN" : _statement.Name;
        bool isFlushed = _statement.Has("ftz");
        switch (type)
        {
            case "f32" when isFlushed:
                return FlushedTwo(name);
            case "f32":
                return SingleTwo(name);
            case "f64":
                return DoubleTwo(name);
            case "u16" or "s16" or "b16":
                return Integer16Two(name, type);
            case "u32":
                return Integer32Two(name);
            case "s32":
                return Signed32Two(name);
            case "u64" or "s64":
                return Integer64Two(name, type);
            default:
                return false;
        }
    }

    private bool SingleTwo(string name)
    {
        switch (name)
        {
            case "add": Binary<Add<float>, float>(); return true;
            case "sub": Binary<Subtract<float>, float>(); return true;
            case "mul": Binary<Multiply<float>, float>(); return true;
            case "div": Binary<Divide<float>, float>(); return true;
            case "min": Binary<MinNumber<float>, float>(); return true;
            case "max": Binary<MaxNumber<float>, float>(); return true;
            case "min.NaN": Binary<Min<float>, float>(); return true;
            case "max.NaN": Binary<Max<float>, float>(); return true;
            case "copysign": Binary<CopySign, uint>(); return true;
            default: return false;
        }
    }

    private bool FlushedTwo(string name)
    {
        switch (name)
        {
            case "add": Binary<Flushed2<Add<float>>, float>(); return true;
            case "sub": Binary<Flushed2<Subtract<float>>, float>(); return true;
            case "mul": Binary<Flushed2<Multiply<float>>, float>(); return true;
            case "div": Binary<Flushed2<Divide<float>>, float>(); return true;
            case "min": Binary<Flushed2<MinNumber<float>>, float>(); return true;
            case "max": Binary<Flushed2<MaxNumber<float>>, float>(); return true;
            default: return false;
        }
    }

    private bool DoubleTwo(string name)
    {
        switch (name)
        {
            case "add": Binary<Add<double>, double>(); return true;
            case "sub": Binary<Subtract<double>, double>(); return true;
            case "mul": Binary<Multiply<double>, double>(); return true;
            case "div": Binary<Divide<double>, double>(); return true;
            case "min": Binary<MinNumber<double>, double>(); return true;
            case "max": Binary<MaxNumber<double>, double>(); return true;
            default: return false;
        }
    }

    private bool Integer16Two(string name, string type)
    {
        bool isSigned = type == "s16";
        switch (name)
        {
            case "add": Binary<Low16<Add<uint>>, uint>(); return true;
            case "sub": Binary<Low16<Subtract<uint>>, uint>(); return true;
            case "mul": Binary<Low16<Multiply<uint>>, uint>(); return true;
            case "mul.hi" when !isSigned: Binary<MultiplyHigh16, uint>(); return true;
            case "mul.wide" when isSigned: Binary<Wide16<Multiply<int>>, int>(); return true;
            case "mul.wide": Binary<Multiply<uint>, uint>(); return true;
            case "div" when isSigned: Lane2<SignedQuotient16, uint, uint, uint>(); return true;
            case "rem" when isSigned: Lane2<SignedRemainder16, uint, uint, uint>(); return true;
            case "div": Lane2<Quotient16, uint, uint, uint>(); return true;
            case "rem": Lane2<Remainder16, uint, uint, uint>(); return true;
            case "min" when isSigned: Binary<Signed16<Min<int>>, int>(); return true;
            case "max" when isSigned: Binary<Signed16<Max<int>>, int>(); return true;
            case "min": Binary<Min<uint>, uint>(); return true;
            case "max": Binary<Max<uint>, uint>(); return true;
            default: return false;
        }
    }

    private bool Integer32Two(string name)
    {
        switch (name)
        {
            case "add": Binary<Add<uint>, uint>(); return true;
            case "sub": Binary<Subtract<uint>, uint>(); return true;
            case "mul": Binary<Multiply<uint>, uint>(); return true;
            case "mul.hi": Lane2<MultiplyHigh32, uint, uint, uint>(); return true;
            case "mul.wide": Lane2<MultiplyWide, uint, uint, ulong>(); return true;
            case "div": Lane2<Quotient<uint>, uint, uint, uint>(); return true;
            case "rem": Lane2<Remainder<uint>, uint, uint, uint>(); return true;
            case "min": Binary<Min<uint>, uint>(); return true;
            case "max": Binary<Max<uint>, uint>(); return true;
            default: return false;
        }
    }

    private bool Signed32Two(string name)
    {
        switch (name)
        {
            case "mul.hi": Lane2<MultiplyHighSigned32, int, int, int>(); return true;
            case "mul.wide": Lane2<MultiplyWideSigned, int, int, long>(); return true;
            case "div": Lane2<Quotient<int>, int, int, int>(); return true;
            case "rem": Lane2<Remainder<int>, int, int, int>(); return true;
            case "min": Binary<Min<int>, int>(); return true;
            case "max": Binary<Max<int>, int>(); return true;
            default: return Integer32Two(name);
        }
    }

    private bool Integer64Two(string name, string type)
    {
        bool isSigned = type == "s64";
        switch (name)
        {
            case "add": Binary<Add<ulong>, ulong>(); return true;
            case "sub": Binary<Subtract<ulong>, ulong>(); return true;
            case "mul": Binary<Multiply<ulong>, ulong>(); return true;
            case "mul.hi" when isSigned: Lane2<MultiplyHighSigned64, long, long, long>(); return true;
            case "mul.hi": Lane2<MultiplyHigh64, ulong, ulong, ulong>(); return true;
            case "div" when isSigned: Lane2<Quotient<long>, long, long, long>(); return true;
            case "div": Lane2<Quotient<ulong>, ulong, ulong, ulong>(); return true;
            case "rem" when isSigned: Lane2<Remainder<long>, long, long, long>(); return true;
            case "rem": Lane2<Remainder<ulong>, ulong, ulong, ulong>(); return true;
            case "min" when isSigned: Binary<Min<long>, long>(); return true;
            case "max" when isSigned: Binary<Max<long>, long>(); return true;
            case "min": Binary<Min<ulong>, ulong>(); return true;
            case "max": Binary<Max<ulong>, ulong>(); return true;
            default: return false;
        }
    }

    private bool TranslateThreeSources()
    {
        Need(operands: 4);
        string type = _statement.Type;
        PtxWidth width = WidthOfType(type);
        bool isWide = _statement.Has("wide");
        PtxWidth result = isWide ? PtxWidth.B64 : width;
        Allow("rn", "lo", "hi", "wide", "ftz", type);
        _instruction.D = Destination(_statement.Operands[0], result);
        _instruction.A = Source(_statement.Operands[1], width);
        _instruction.B = Source(_statement.Operands[2], width);
        _instruction.C = Source(_statement.Operands[3], result);
        string kind = isWide ? "wide" : _statement.Has("hi") ? "hi" : _statement.Has("ftz") ? "ftz" : "";
        switch ((type, kind))
        {
            case ("f32", "ftz"): Ternary<Flushed3<Fused>, float>(); return true;
            case ("f32", ""): Ternary<Fused, float>(); return true;
            case ("f64", ""): Ternary<Fused64, double>(); return true;
            case ("u32" or "s32", ""): Ternary<MultiplyAdd<uint>, uint>(); return true;
            case ("u64" or "s64", ""): Ternary<MultiplyAdd<ulong>, ulong>(); return true;
            case ("u16" or "s16", ""): Ternary<MultiplyAdd16, uint>(); return true;
            case ("u32", "wide"): Lane3<MultiplyAddWide, uint, uint, ulong, ulong>(); return true;
            case ("s32", "wide"): Lane3<MultiplyAddWideSigned, int, int, long, long>(); return true;
            case ("u32", "hi"): Lane3<MultiplyAddHigh, uint, uint, uint, uint>(); return true;
            case ("s32", "hi"): Lane3<MultiplyAddHighSigned, int, int, int, int>(); return true;
            default: return false;
        }
    }

    private bool TranslateOneSource()
    {
        Need(operands: 2);
        string type = _statement.Type;
        PtxWidth width = WidthOfType(type);
        Allow("rn", "approx", "ftz", type);
        _instruction.D = Destination(_statement.Operands[0], width);
        _instruction.A = Source(_statement.Operands[1], width);
        return type == "f32" ? SingleOne(_statement.Has("ftz")) : OtherOne(type);
    }

    private bool SingleOne(bool isFlushed)
    {
        switch (_statement.Name)
        {
            case "neg": Unary<NegateSingle, uint>(); return true;
            case "abs": Unary<Absolute<float>, float>(); return true;
            case "sqrt" when isFlushed: Unary<Flushed1<SquareRoot<float>>, float>(); return true;
            case "sqrt": Unary<SquareRoot<float>, float>(); return true;
            case "rcp" when isFlushed: Unary<Flushed1<Reciprocal>, float>(); return true;
            case "rcp": Unary<Reciprocal, float>(); return true;
            case "rsqrt" when isFlushed: Unary<Flushed1<ReciprocalRoot>, float>(); return true;
            case "rsqrt": Unary<ReciprocalRoot, float>(); return true;
            case "ex2" when isFlushed: Unary<Flushed1<Exponential>, float>(); return true;
            case "ex2": Unary<Exponential, float>(); return true;
            case "lg2" when isFlushed: Lane1<FlushedLogarithm, float, float>(); return true;
            case "lg2": Lane1<Logarithm, float, float>(); return true;
            case "sin": Lane1<Sine, float, float>(); return true;
            case "cos": Lane1<Cosine, float, float>(); return true;
            case "tanh": Lane1<HyperbolicTangent, float, float>(); return true;
            default: return false;
        }
    }

    private bool OtherOne(string type)
    {
        switch ((_statement.Name, type))
        {
            case ("neg", "s16"): Unary<Negate16, uint>(); return true;
            case ("neg", "s32"): Unary<Negate<int>, int>(); return true;
            case ("neg", "s64"): Unary<Negate<long>, long>(); return true;
            case ("neg", "f64"): Unary<Negate<double>, double>(); return true;
            case ("abs", "s32"): Unary<Absolute<int>, int>(); return true;
            case ("abs", "s64"): Unary<Absolute<long>, long>(); return true;
            case ("abs", "f64"): Unary<Absolute<double>, double>(); return true;
            case ("sqrt", "f64"): Unary<SquareRoot<double>, double>(); return true;
            default: return false;
        }
    }
}
