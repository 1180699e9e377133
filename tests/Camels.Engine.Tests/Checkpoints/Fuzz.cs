using System.Text;
using FsCheck;
using FsCheck.Fluent;

namespace Camels.Engine.Tests.Checkpoints;

/// <summary>Readers of files from strangers: whatever is done to a file, they succeed or refuse it with exit code 3.</summary>
internal static class Fuzz
{
    private static readonly byte[][] _fragments =
    [
        .. ((string[])["{", "}", "[", "]", "\"", ",", ":", "-1", "1e400", "18446744073709551616", "9223372036854775807", "null", "true", "NaN", "\\ud800",
            "../x", "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[", "{\"a\":{\"a\":{\"a\":{\"a\":", "\0", "ü", "0.5"]).Select(Encoding.UTF8.GetBytes),
        [0xFF, 0xFE], [0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x7F],
    ];

    /// <param name="original">A valid file.</param>
    /// <param name="cases">How many changed ones to try.</param>
    /// <param name="read">Reads a file of these bytes.</param>
    public static void Run(byte[] original, int cases, Action<byte[]> read)
    {
        read(original);
        Config config = Config.QuickThrowOnFailure.WithMaxTest(cases).WithReplay(443, 1);
        Check.One(config, Prop.ForAll(ArbMap.Default.ArbFor<int>(), ArbMap.Default.ArbFor<PositiveInt>(), (seed, changes) =>
        {
            byte[] changed = Change(original, new System.Random(seed), 1 + (changes.Get % 4));
            try
            {
                read(changed);
                return true;
            }
            catch (CamelsException refused)
            {
                return refused.Code == ExitCode.BadInput && refused.Message.Split('\n').Length <= 2;
            }
        }));
    }

    private static byte[] Change(byte[] original, System.Random random, int changes)
    {
        List<byte> bytes = [.. original];
        for (int i = 0; i < changes; i++)
        {
            int position = random.Next(bytes.Count + 1);
            int length = Math.Min(random.Next(12), bytes.Count - position);
            byte[] fragment = _fragments[random.Next(_fragments.Length)];
            switch (random.Next(5))
            {
                case 0: bytes.InsertRange(position, fragment); break;
                case 1: bytes.RemoveRange(position, length); break;
                case 2: bytes.RemoveRange(position, random.Next(3) == 0 ? bytes.Count - position : length); break;
                case 3: bytes.RemoveRange(position, length); bytes.InsertRange(position, fragment); break;
                default:
                    if (position < bytes.Count)
                    {
                        bytes[position] ^= (byte)(1 << random.Next(8));
                    }

                    break;
            }
        }

        return [.. bytes];
    }
}
