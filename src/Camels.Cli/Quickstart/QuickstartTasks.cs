using System.Globalization;

namespace Camels.Cli.Quickstart;

/// <summary>One kind of instruction: its name, how often it is drawn, and how a prompt and its answer are made.</summary>
internal sealed record QuickstartTask(string Name, double Share, Func<WordRandom, (string Prompt, string Answer)> Draw);

/// <summary>One instruction with the only right answer.</summary>
internal sealed record QuickstartExample(string Task, string Prompt, string Answer);

/// <summary>
/// Fifteen kinds of instructions that a small model can learn in two minutes, with answers that depend on the prompt. What is held out is
/// never in the training set: a prompt of one is no prompt of the other.
/// </summary>
internal static class QuickstartTasks
{
    /// <summary>Every kind. The shares give the hard ones more examples than the easy ones.</summary>
    public static IReadOnlyList<QuickstartTask> All { get; } =
    [
        new("first letter", 0.5, random => Of(random.Word(3, 5), word => ($"first letter of {word}", word[..1]))),
        new("last letter", 0.5, random => Of(random.Word(3, 5), word => ($"last letter of {word}", word[^1..]))),
        new("count letters", 1, random => Of(random.Word(2, 7), word => ($"count {word}", $"{word.Length}"))),
        new("upper case", 1, random => Of(random.Word(3, 5), word => ($"upper {word}", word.ToUpperInvariant()))),
        new("reverse", 1.5, random => Of(random.Word(3, 5), word => ($"reverse {word}", string.Concat(word.Reverse())))),
        new("repeat", 1, random => Of(random.Word(3, 5), word => ($"repeat {word}", $"{word} {word}"))),
        new("spell", 1, random => Of(random.Word(3, 5), word => ($"spell {word}", string.Join('-', word.ToCharArray())))),
        new("double letters", 1, random => Of(random.Word(3, 4), word => ($"double {word}", string.Concat(word.Select(letter => $"{letter}{letter}"))))),
        new("sort letters", 2, random => Of(random.Word(3, 4), word => ($"sort {word}", string.Concat(word.Order())))),
        new("swap words", 1, random => Of(random.Word(3, 4), random.Word(3, 4), (one, two) => ($"swap {one} {two}", $"{two} {one}"))),
        new("greet", 1, random => Of(random.Name(), name => ($"greet {name}", $"Hello, {name}!"))),
        new("say goodbye", 1, random => Of(random.Name(), name => ($"say goodbye to {name}", $"Goodbye, {name}!"))),
        new("next letter", 1, random => Of(random.Name(), random.Letter('y'), (name, letter) => ($"{name}: after {letter}", $"{(char)(letter + 1)}"))),
        new("add", 1.5, random => Of(random.Name(), random.Number(1, 9), random.Number(1, 9), Add)),
        new("compare", 1.5, random => Of((random.Name(), random.Number(1, 9)), (random.Name(), random.Number(1, 9)), Compare)),
    ];

    /// <summary>So many different prompts of every kind, the same for a seed.</summary>
    public static IReadOnlyList<QuickstartExample> HeldOut(int examplesPerTask, ulong seed)
    {
        WordRandom random = new(seed);
        HashSet<string> prompts = [];
        List<QuickstartExample> examples = [];
        foreach (QuickstartTask task in All)
        {
            for (int count = 0; count < examplesPerTask;)
            {
                (string prompt, string answer) = task.Draw(random);
                if (prompts.Add(prompt))
                {
                    examples.Add(new QuickstartExample(task.Name, prompt, answer));
                    count++;
                }
            }
        }

        return examples;
    }

    /// <summary>So many different examples in random order, without the prompts that are held out; the same for a seed.</summary>
    public static IEnumerable<QuickstartExample> Training(int examples, IEnumerable<QuickstartExample> heldOut, ulong seed)
    {
        WordRandom random = new(seed + 1);
        HashSet<string> seen = [.. heldOut.Select(example => example.Prompt)];
        double shares = All.Sum(task => task.Share);
        for (int count = 0; count < examples;)
        {
            QuickstartTask task = Pick(random.Fraction() * shares);
            (string prompt, string answer) = task.Draw(random);
            if (seen.Add(prompt))
            {
                count++;
                yield return new QuickstartExample(task.Name, prompt, answer);
            }
        }
    }

    private static QuickstartTask Pick(double place)
    {
        foreach (QuickstartTask task in All)
        {
            place -= task.Share;
            if (place < 0)
            {
                return task;
            }
        }

        return All[^1];
    }

    private static (string, string) Add(string name, int has, int gets) =>
        ($"{name} has {has} and gets {gets} more", (has + gets).ToString(CultureInfo.InvariantCulture));

    // Of two equal numbers the second becomes another one, so that there is always an answer.
    private static (string, string) Compare((string Name, int Has) one, (string Name, int Has) two)
    {
        int second = two.Has == one.Has ? (two.Has % 9) + 1 : two.Has;
        return ($"{one.Name} {one.Has}, {two.Name} {second}: more", one.Has > second ? one.Name : two.Name);
    }

    // Draws in the order written, once, for a prompt and an answer that both need the value.
    private static (string, string) Of<T>(T value, Func<T, (string, string)> make) => make(value);

    private static (string, string) Of<T, U>(T one, U two, Func<T, U, (string, string)> make) => make(one, two);

    private static (string, string) Of<T, U, W>(T one, U two, W three, Func<T, U, W, (string, string)> make) => make(one, two, three);
}
