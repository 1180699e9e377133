namespace Camels.Engine;

/// <summary>
/// Random numbers as a pure function of (seed, stream, counter): no state to save, no order to keep. The mixing function is SplitMix64's
/// (Steele, Lea and Flood, "Fast splittable pseudorandom number generators").
/// </summary>
public static class RandomBits
{
    private const ulong Golden = 0x9E3779B97F4A7C15;

    /// <summary>64 random bits.</summary>
    public static ulong At(ulong seed, ulong stream, ulong counter) => Finish(Finish(Mix(seed) ^ (stream * Golden)) + (counter * Golden));

    /// <summary>64 random bits for one number of a named series.</summary>
    public static ulong Of(ulong seed, ReadOnlySpan<char> series, long number)
    {
        ulong state = Mix(seed);
        foreach (char letter in series)
        {
            state = Mix(state ^ letter);
        }

        return Mix(state ^ (ulong)number);
    }

    /// <summary>A bijection of 64 bits whose output bits all depend on all input bits: the generator's step and its finalizer.</summary>
    public static ulong Mix(ulong value) => Finish(value + Golden);

    /// <summary>A number in [0, 1), of 53 random bits.</summary>
    public static double Uniform(ulong seed, ulong stream, ulong counter) => (At(seed, stream, counter) >> 11) * (1.0 / (1UL << 53));

    /// <summary>A number of the standard normal distribution (Box and Muller).</summary>
    public static double Normal(ulong seed, ulong stream, ulong counter)
    {
        double radius = Math.Sqrt(-2 * Math.Log(1 - Uniform(seed, stream, counter * 2)));
        return radius * Math.Cos(2 * Math.PI * Uniform(seed, stream, (counter * 2) + 1));
    }

    /// <summary>A stream's number from its name (FNV-1a).</summary>
    public static ulong StreamOf(ReadOnlySpan<char> name)
    {
        ulong hash = 0xCBF29CE484222325;
        foreach (char letter in name)
        {
            hash = (hash ^ letter) * 0x100000001B3;
        }

        return hash;
    }

    private static ulong Finish(ulong value)
    {
        value = (value ^ (value >> 30)) * 0xBF58476D1CE4E5B9;
        value = (value ^ (value >> 27)) * 0x94D049BB133111EB;
        return value ^ (value >> 31);
    }
}
