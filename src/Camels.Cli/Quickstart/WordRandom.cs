namespace Camels.Cli.Quickstart;

/// <summary>Random words and numbers that are the same on every machine and runtime for a seed (xorshift64*, Vigna 2016).</summary>
internal sealed class WordRandom(ulong seed)
{
    private ulong _state = (seed * 0x9E3779B97F4A7C15) | 1;

    /// <summary>A whole number from <paramref name="least"/> to <paramref name="most"/>, both included.</summary>
    public int Number(int least, int most) => least + (int)((Next() >> 33) % (ulong)(most - least + 1));

    /// <summary>A letter from 'a' to <paramref name="last"/>.</summary>
    public char Letter(char last = 'z') => (char)Number('a', last);

    /// <summary>A word of random letters, no words of a language: nothing can be known but from the prompt.</summary>
    public string Word(int shortest, int longest) =>
        string.Create(Number(shortest, longest), this, (letters, random) =>
        {
            foreach (ref char letter in letters)
            {
                letter = random.Letter();
            }
        });

    /// <summary>A word with a capital.</summary>
    public string Name()
    {
        string word = Word(3, 5);
        return char.ToUpperInvariant(word[0]) + word[1..];
    }

    /// <summary>A number in [0, 1).</summary>
    public double Fraction() => (Next() >> 11) * (1.0 / (1UL << 53));

    private ulong Next()
    {
        _state ^= _state >> 12;
        _state ^= _state << 25;
        _state ^= _state >> 27;
        return _state * 0x2545F4914F6CDD1D;
    }
}
