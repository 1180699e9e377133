using Camels.Engine.Data;
using Xunit;

namespace Camels.Engine.Tests.Data;

public sealed class CsvTests
{
    // What Python's csv.reader gives for the same text; fields joined by |, rows by /.
    [Theory]
    [InlineData("a,b\nc,d\n", "a|b/c|d")]
    [InlineData("a,b\r\nc,d", "a|b/c|d")]
    [InlineData("a,b\rc,d\r", "a|b/c|d")]
    [InlineData("a,\n,b\n", "a|/|b")]
    [InlineData("\"a,\nb\",\"c\"\"d\"\n", "a,\nb|c\"d")]
    [InlineData("\"a\rb\",\"\",\"\"\"\"\n", "a\rb||\"")]
    [InlineData("He said \"hi\" to me,1,2\n", "He said \"hi\" to me|1|2")]
    [InlineData("5\" wide,b\nc,d\n", "5\" wide|b/c|d")]
    [InlineData("a\"\"b, \"c\"\n", "a\"\"b| \"c\"")]
    [InlineData("\"a\" \"b\",c\n", "a \"b\"|c")]
    [InlineData("a,\"open\nb", "a|open\nb")]
    public void FieldsAreThoseOfPython(string text, string expected) =>
        Assert.Equal(expected, string.Join('/', Csv.Read(text).Select(row => string.Join('|', row))));

    [Fact]
    public void ALastFieldOfTwoQuotesIsARow() => Assert.Equal([[""]], Csv.Read("\"\""));
}
