using Xunit;

namespace Camels.Rules.Tests;

public sealed class RuleTests
{
    private static readonly Dictionary<string, Rule> All =
        LayeringRules.All.Concat(OperatorRules.All).Concat(SourceRules.All).Concat(DocumentRules.All).ToDictionary();

    public static TheoryData<string> Names => [.. All.Keys];

    [Theory]
    [MemberData(nameof(Names))]
    public void Holds(string name)
    {
        Rule rule = All[name];
        string[] broken = [.. rule.Violations(SourceTree.Repository)];
        Assert.True(broken.Length == 0, $"{rule.Statement}\nbecause {rule.Reason}; broken by\n  {string.Join("\n  ", broken)}");
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Can_fail(string name)
    {
        Rule rule = All[name];
        int before = rule.Violations(SourceTree.Repository).Count();
        Assert.True(rule.Violations(rule.Breaker(SourceTree.Repository)).Count() > before, $"nothing breaks the rule: {rule.Statement}");
    }
}
