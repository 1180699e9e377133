namespace Camels.Engine.Data;

/// <summary>Draws that are functions of what they are for, so that nothing depends on their order.</summary>
internal static class SplitMix64
{
    /// <summary>The finalizer of the SplitMix64 generator: a bijection of 64 bits whose output bits all depend on all input bits.</summary>
    public static ulong Mix(ulong x)
    {
        x += 0x9E3779B97F4A7C15;
        x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9;
        x = (x ^ (x >> 27)) * 0x94D049BB133111EB;
        return x ^ (x >> 31);
    }

    /// <summary>64 uniform bits for one number of a named series.</summary>
    public static ulong Hash(ulong seed, ReadOnlySpan<char> name, long number)
    {
        ulong state = Mix(seed);
        foreach (char c in name)
        {
            state = Mix(state ^ c);
        }

        return Mix(state ^ (ulong)number);
    }
}
