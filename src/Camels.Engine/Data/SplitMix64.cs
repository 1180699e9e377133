namespace Camels.Engine.Data;

/// <summary>The finalizer of the SplitMix64 generator: a bijection of 64 bits whose output bits all depend on all input bits.</summary>
internal static class SplitMix64
{
    public static ulong Mix(ulong x)
    {
        x += 0x9E3779B97F4A7C15;
        x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9;
        x = (x ^ (x >> 27)) * 0x94D049BB133111EB;
        return x ^ (x >> 31);
    }
}
