using System.Globalization;
using System.Text;

namespace Camels.Engine.Tokenizers;

/// <summary>
/// Unicode normalisation form C (UAX #15). Our own because <c>string.Normalize</c> changes nothing in a program without ICU, and the
/// result must not depend on the machine. A lone surrogate becomes U+FFFD.
/// </summary>
internal static class Nfc
{
    private const int HangulFirst = 0xAC00;
    private const int LeadFirst = 0x1100;
    private const int VowelFirst = 0x1161;
    private const int TrailBase = 0x11A7;   // one before the first trailing consonant
    private const int Leads = 19;
    private const int Vowels = 21;
    private const int Trails = 28;
    private const int Syllables = Leads * Vowels * Trails;

    private static readonly Dictionary<int, int[]> _decompositions = [];
    private static readonly Dictionary<(int First, int Second), int> _compositions = [];
    private static readonly Dictionary<int, int> _classes = [];
    private static readonly HashSet<int> _unstable = [];    // what may change or join what stands before it

    static Nfc()
    {
        ReadDecompositions(NfcTables.Composed, composes: true);
        ReadDecompositions(NfcTables.OneWay, composes: false);
        ReadClasses(NfcTables.CombiningClasses);
        _unstable.UnionWith(_classes.Keys);
        _unstable.UnionWith(_compositions.Keys.Select(pair => pair.Second));
        _unstable.UnionWith(Enumerable.Range(VowelFirst, Vowels));
        _unstable.UnionWith(Enumerable.Range(TrailBase + 1, Trails - 1));
    }

    /// <summary>True where <paramref name="text"/> is in form C for certain, without building it.</summary>
    public static bool IsNormalized(ReadOnlySpan<char> text)
    {
        int first = text.IndexOfAnyExceptInRange('\0', '\u02FF');   // nothing below changes or combines
        if (first < 0)
        {
            return true;
        }

        foreach (Rune rune in text[first..].EnumerateRunes())
        {
            if (rune.Value > 0x02FF && _unstable.Contains(rune.Value))
            {
                return false;
            }
        }

        return true;
    }

    /// <summary>The form C of <paramref name="text"/>.</summary>
    public static string Normalize(ReadOnlySpan<char> text)
    {
        List<int> points = new(text.Length + 16);
        foreach (Rune rune in text.EnumerateRunes())
        {
            Decompose(rune.Value, points);
        }

        Order(points);
        Compose(points);
        StringBuilder result = new(text.Length);
        foreach (int point in points)
        {
            _ = result.Append(new Rune(point));
        }

        return result.ToString();
    }

    private static void Decompose(int point, List<int> points)
    {
        int syllable = point - HangulFirst;
        if ((uint)syllable < Syllables)
        {
            points.Add(LeadFirst + syllable / (Vowels * Trails));
            points.Add(VowelFirst + syllable / Trails % Vowels);
            if (syllable % Trails != 0)
            {
                points.Add(TrailBase + syllable % Trails);
            }
        }
        else if (_decompositions.TryGetValue(point, out int[]? parts))
        {
            Array.ForEach(parts, part => Decompose(part, points));
        }
        else
        {
            points.Add(point);
        }
    }

    // Each run of combining marks is put in the order of its classes, equals staying as they were.
    private static void Order(List<int> points)
    {
        for (int start = 0; start < points.Count; start++)
        {
            int end = start;
            while (end < points.Count && ClassOf(points[end]) != 0)
            {
                end++;
            }

            if (end - start > 1)
            {
                int[] sorted = [.. points.GetRange(start, end - start).OrderBy(ClassOf)];
                for (int i = start; i < end; i++)
                {
                    points[i] = sorted[i - start];
                }
            }

            start = end;
        }
    }

    // Every mark joins the last starter unless something of its own or a higher class, or another starter, stands between them.
    private static void Compose(List<int> points)
    {
        int starter = -1;
        int kept = 0;
        int previousClass = 0;
        for (int i = 0; i < points.Count; i++)
        {
            int point = points[i];
            int combining = ClassOf(point);
            bool isBlocked = starter < 0 || (kept - starter > 1 && previousClass >= combining);
            if (!isBlocked && TryJoin(points[starter], point, out int joined))
            {
                points[starter] = joined;
                continue;
            }

            starter = combining == 0 ? kept : starter;
            previousClass = combining;
            points[kept++] = point;
        }

        points.RemoveRange(kept, points.Count - kept);
    }

    private static bool TryJoin(int first, int second, out int joined)
    {
        int lead = first - LeadFirst;
        int vowel = second - VowelFirst;
        if ((uint)lead < Leads && (uint)vowel < Vowels)
        {
            joined = HangulFirst + (lead * Vowels + vowel) * Trails;
            return true;
        }

        int trail = second - TrailBase;
        bool isOpenSyllable = (uint)(first - HangulFirst) < Syllables && (first - HangulFirst) % Trails == 0;
        joined = first + trail;
        return (isOpenSyllable && trail is > 0 and < Trails) || _compositions.TryGetValue((first, second), out joined);
    }

    private static int ClassOf(int point) => point < 0x0300 ? 0 : _classes.GetValueOrDefault(point);

    private static void ReadDecompositions(string table, bool composes)
    {
        foreach (string entry in Entries(table))
        {
            int equals = entry.IndexOf('=', StringComparison.Ordinal);
            int point = Hex(entry[..equals]);
            int[] parts = [.. entry[(equals + 1)..].Split('+').Select(Hex)];
            _decompositions.Add(point, parts);
            if (composes)
            {
                _compositions.Add((parts[0], parts[1]), point);
            }
            else
            {
                _ = _unstable.Add(point);
            }
        }
    }

    private static void ReadClasses(string table)
    {
        foreach (string entry in Entries(table))
        {
            string[] parts = entry.Split('-', ':');
            for (int point = Hex(parts[0]); point <= Hex(parts[^2]); point++)
            {
                _classes.Add(point, int.Parse(parts[^1], CultureInfo.InvariantCulture));
            }
        }
    }

    private static string[] Entries(string table) => table.Split([' ', '\n'], StringSplitOptions.RemoveEmptyEntries);

    private static int Hex(string digits) => int.Parse(digits, NumberStyles.HexNumber, CultureInfo.InvariantCulture);
}
