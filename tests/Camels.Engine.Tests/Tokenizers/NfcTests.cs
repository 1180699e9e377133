using System.Security.Cryptography;
using System.Text;
using Camels.Engine.Tokenizers;
using Xunit;

namespace Camels.Engine.Tests.Tokenizers;

[Trait("Category", "Paths")]
public sealed class NfcTests
{
    [Theory]
    [InlineData("e\u0301", "\u00e9")]
    [InlineData("a\u0323\u0302", "\u1ead")]
    [InlineData("a\u0302\u0323", "\u1ead")]             // reordered first
    [InlineData("a\u0315\u0300\u05ae\u0300b", "\u00e0\u05ae\u0300\u0315b")]
    [InlineData("\u1100\u1161\u11a8", "\uac01")]
    [InlineData("\uac00\u11a8", "\uac01")]
    [InlineData("\uac01\u11a8", "\uac01\u11a8")]        // already closed
    [InlineData("\u2126\u212b", "\u03a9\u00c5")]        // singletons
    [InlineData("\u0958", "\u0915\u093c")]              // excluded from composition
    [InlineData("\U0001D15E", "\U0001D157\U0001D165")]
    [InlineData("\U00011099\U000110BA", "\U0001109A")]
    [InlineData("\u0301", "\u0301")]
    [InlineData("a\u07fd\u0327", "a\u07fd\u0327")]     // a mark of Unicode 11, which the reference does not know
    [InlineData("", "")]
    public void Examples(string text, string normalized) => Assert.Equal(normalized, Nfc.Normalize(text));

    // Every code point that may change (CJK extensions, tags and private use cannot), between letters and marks.
    // The digest was made with the NFC normalizer of the Hugging Face tokenizers library (0.23).
    [Fact]
    public void ALoneSurrogateIsReplaced() => Assert.Equal("\ufffd\u00e9", Nfc.Normalize("\ud800e\u0301"));

    [Fact]
    public void CodePointsAgreeWithAnIndependentImplementation()
    {
        using IncrementalHash hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (int point in Enumerable.Range(0, 0x20000).Concat(Enumerable.Range(0x2F800, 0x220)))
        {
            if (point is not (>= 0xD800 and <= 0xDFFF))
            {
                string text = $"a{new Rune(point)}\u0301\u0323{new Rune(point)}\u11a8";
                string normalized = Nfc.Normalize(text);
                Assert.False(Nfc.IsNormalized(text) && normalized != text);
                hash.AppendData(Encoding.UTF8.GetBytes(normalized));
            }
        }

        Assert.Equal(Digest, Convert.ToHexStringLower(hash.GetHashAndReset()));
    }

    private const string Digest = "5e4e64569f649d04ded64a3f3bf0c801abd969534aaf0098bf2d34d497df0c23";
}
