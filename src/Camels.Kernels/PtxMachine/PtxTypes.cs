using System.Globalization;

namespace Camels.Kernels;

/// <summary>The types of PTX by name.</summary>
internal static class PtxTypes
{
    /// <summary>Bytes of a type without its point, or 0 where there is no such type; a predicate has none.</summary>
    public static int BytesOf(string type) => type switch
    {
        "b8" or "u8" or "s8" => 1,
        "b16" or "u16" or "s16" or "f16" or "bf16" => 2,
        "b32" or "u32" or "s32" or "f32" or "f16x2" or "bf16x2" or "tf32" => 4,
        "b64" or "u64" or "s64" or "f64" => 8,
        _ => 0,
    };

    /// <summary>The register that holds a type, or null.</summary>
    public static PtxWidth? WidthOf(string type) => type == "pred" ? PtxWidth.Predicate : BytesOf(type) switch
    {
        1 or 2 => PtxWidth.B16,
        4 => PtxWidth.B32,
        8 => PtxWidth.B64,
        _ => null,
    };

    /// <summary>Bytes a lane has in a register of this width.</summary>
    public static int LaneBytes(PtxWidth width) => width == PtxWidth.B64 ? 8 : 4;
}

/// <summary>Numbers as PTX writes them.</summary>
internal static class PtxNumbers
{
    /// <summary>Takes a number with its sign; a single's bits for 0f, a double's for 0d.</summary>
    public static ulong Parse(PtxTokens tokens)
    {
        bool isNegative = tokens.Accept('-');
        if (tokens.Kind != PtxTokenKind.Number || !TryBits(tokens.Text, out ulong bits))
        {
            throw tokens.Error($"expected a number, found {tokens.Describe()}");
        }

        tokens.Next();
        return isNegative ? unchecked(0 - bits) : bits;
    }

    private static bool TryBits(string text, out ulong bits)
    {
        bool isSingle = text.Length == 10 && text[0] == '0' && text[1] is 'f' or 'F';
        bool isDouble = text.Length == 18 && text[0] == '0' && text[1] is 'd' or 'D';
        return isSingle || isDouble
            ? ulong.TryParse(text.AsSpan(2), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out bits)
            : PtxTokens.TryInteger(text, out bits);
    }
}
