namespace Camels.Engine.Training;

/// <summary>"Did you mean": the nearest known name, where one is near enough to be a slip.</summary>
public static class Suggestion
{
    /// <summary><c>; did you mean X?</c> for the nearest of <paramref name="known"/>, or nothing.</summary>
    public static string For(string word, IEnumerable<string> known)
    {
        (string Name, int Distance) best = known
            .Select(name => (Name: name, Distance: Distance(word, name)))
            .DefaultIfEmpty((Name: "", Distance: int.MaxValue))
            .MinBy(pair => pair.Distance);
        return best.Distance <= Math.Max(1, Math.Min(word.Length, best.Name.Length) / 3) ? $"; did you mean {best.Name}?" : "";
    }

    // Levenshtein's distance; '-' and '_' are the same character, and so are upper and lower case.
    private static int Distance(string left, string right)
    {
        if (left.Length > 64 || right.Length > 64)
        {
            return int.MaxValue;
        }

        Span<int> row = stackalloc int[right.Length + 1];
        for (int column = 0; column <= right.Length; column++)
        {
            row[column] = column;
        }

        for (int line = 1; line <= left.Length; line++)
        {
            int diagonal = row[0];
            row[0] = line;
            for (int column = 1; column <= right.Length; column++)
            {
                int change = Plain(left[line - 1]) == Plain(right[column - 1]) ? 0 : 1;
                int best = Math.Min(Math.Min(row[column], row[column - 1]) + 1, diagonal + change);
                diagonal = row[column];
                row[column] = best;
            }
        }

        return row[right.Length];
    }

    private static char Plain(char character) => character == '-' ? '_' : char.ToLowerInvariant(character);
}
