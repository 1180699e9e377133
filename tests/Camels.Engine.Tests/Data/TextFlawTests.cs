using System.Text;
using Camels.Engine.Data;
using Xunit;

namespace Camels.Engine.Tests.Data;

public sealed class TextFlawTests
{
    [Theory]
    [InlineData("plain text\twith\r\nlines", "None")]
    [InlineData("a\0b", "Nul")]
    [InlineData("a\u0007b", "Control")]
    [InlineData("\u001b[31mred", "Control")]
    [InlineData("a\u0085b", "Control")]
    [InlineData("lost \ufffd bytes", "Mojibake")]
    [InlineData("cafÃ© au lait", "Mojibake")]
    [InlineData("it costs Â£25", "Mojibake")]
    [InlineData("donâ€™t", "Mojibake")]
    [InlineData("ðŸ˜€ smile", "Mojibake")]
    [InlineData("ÐŸÑ€Ð¸Ð²ÐµÑ‚", "Mojibake")]
    [InlineData("\0\u0001Ã©", "Nul, Control, Mojibake")]
    [InlineData("« Le café » — ça va, très bien à Noël », dit-il", "None")]
    [InlineData("le café\u00a0» et «\u00a0là\u00a0», où", "None")]
    [InlineData("SÃO PAULO, NÃO, AÇÃO", "None")]
    [InlineData("Größe, Übung, naïve, señor, Ålesund, þú ert", "None")]
    [InlineData("你好 🙂 Привет שלום", "None")]
    [InlineData("10 × 2 – 5 = 15 € “quoted” ‘too’ … 5° ±2 µm", "None")]
    public void FlawsAreNamedAndGoodTextIsNot(string text, string expected) => Assert.Equal(expected, TextFlawFinder.Of(text).ToString());

    // What the mistake does to real words of many languages is found; the words themselves are not.
    [Theory]
    [InlineData("Schöne Grüße aus München")]
    [InlineData("¿Qué pasó mañana?")]
    [InlineData("Здравствуйте, товарищи")]
    [InlineData("Ελληνικά γράμματα")]
    [InlineData("日本語の文章です")]
    [InlineData("“Don’t” — she said…")]
    public void Utf8ReadAsLatin1IsFound(string text)
    {
        Assert.Equal(TextFlaws.None, TextFlawFinder.Of(text));
        Assert.True(TextFlawFinder.Of(Encoding.Latin1.GetString(Encoding.UTF8.GetBytes(text))).HasFlag(TextFlaws.Mojibake));
    }
}
