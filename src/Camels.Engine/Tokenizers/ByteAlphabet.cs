namespace Camels.Engine.Tokenizers;

/// <summary>
/// GPT-2's alphabet for bytes: every byte is spelled as one printable character, so that a vocabulary file is readable text. Printable
/// Latin-1 stands for itself, the other bytes are U+0100 onward in order.
/// </summary>
internal static class ByteAlphabet
{
    private static readonly char[] _ofByte = Build();
    private static readonly Dictionary<char, byte> _toByte = Enumerable.Range(0, 256).ToDictionary(b => _ofByte[b], b => (byte)b);

    /// <summary>How a byte is spelled.</summary>
    public static char Spell(byte value) => _ofByte[value];

    /// <summary>The bytes of a spelled piece, or null where a character of it is outside the alphabet.</summary>
    public static byte[]? Read(string piece)
    {
        byte[] bytes = new byte[piece.Length];
        for (int i = 0; i < piece.Length; i++)
        {
            if (!_toByte.TryGetValue(piece[i], out bytes[i]))
            {
                return null;
            }
        }

        return bytes;
    }

    private static char[] Build()
    {
        char[] ofByte = new char[256];
        char next = '\u0100';
        for (int b = 0; b < 256; b++)
        {
            bool standsForItself = b is (>= '!' and <= '~') or (>= '\u00A1' and <= '\u00AC') or (>= '\u00AE' and <= '\u00FF');
            ofByte[b] = standsForItself ? (char)b : next++;
        }

        return ofByte;
    }
}
