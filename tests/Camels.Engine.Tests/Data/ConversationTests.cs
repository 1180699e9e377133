using Camels.Engine.Data;
using Xunit;
using static Camels.Engine.Tests.Data.DataTestHelp;

namespace Camels.Engine.Tests.Data;

public sealed class ConversationTests
{
    private static readonly RecordPlace _place = new("some.jsonl", Line: 7, Record: 5);

    [Theory]
    [InlineData("ua")]
    [InlineData("sua")]
    [InlineData("uaua")]
    [InlineData("suauau")]
    public void GoodOrderPasses(string roles) => Of(roles).CheckOrder();

    [Theory]
    [InlineData("", "no assistant turn")]
    [InlineData("s", "no assistant turn")]
    [InlineData("su", "no assistant turn")]
    [InlineData("au", "message 1 is from assistant, expected user")]
    [InlineData("uua", "message 2 is from user, expected assistant")]
    [InlineData("uaa", "message 3 is from assistant, expected user")]
    [InlineData("usa", "message 2 is from system, expected assistant")]
    [InlineData("ssua", "message 2 is from system, expected user")]
    public void WrongOrderIsNamed(string roles, string expected) =>
        Fails(ExitCode.BadInput, () => Of(roles).CheckOrder(), "some.jsonl, line 7 (record 5)", expected);

    [Fact]
    public void HashIsOfStrippedContentsAndRoles()
    {
        Assert.Equal(Pair("a", "b").ContentHash, Pair(" a\n", "\tb\u001f").ContentHash);
        Assert.NotEqual(Pair("a", "b").ContentHash, Pair("b", "a").ContentHash);
        Assert.NotEqual(Pair("ab", "c").ContentHash, Pair("a", "bc").ContentHash);
        Assert.NotEqual(
            new Conversation(_place, 0, [new(Role.User, "a")]).ContentHash,
            new Conversation(_place, 0, [new(Role.System, "a")]).ContentHash);
    }

    [Theory]
    [InlineData("x", false)]
    [InlineData("", true)]
    [InlineData(" \n\u00a0\u2003\u001c", true)]
    [InlineData("\u200b", false)]    // not white space, in Python neither
    public void EmptyAnswersAreFound(string answer, bool isEmpty) => Assert.Equal(isEmpty, Pair("question", answer).HasEmptyAnswer);

    private static Conversation Pair(string user, string assistant) =>
        new(_place, 0, [new(Role.User, user), new(Role.Assistant, assistant)]);

    private static Conversation Of(string roles) => new(_place, 0, [.. roles.Select(c => new Message(
        c switch { 's' => Role.System, 'u' => Role.User, _ => Role.Assistant }, "text"))]);
}
