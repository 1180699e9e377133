namespace Camels.Rules.Tests;

/// <summary>One rule of the house.</summary>
/// <param name="Statement">What must hold.</param>
/// <param name="Reason">Why.</param>
/// <param name="Violations">Where it does not hold, one line each.</param>
/// <param name="Breaker">A change that breaks the rule: proof that it can fail.</param>
internal sealed record Rule(
    string Statement,
    string Reason,
    Func<SourceTree, IEnumerable<string>> Violations,
    Func<SourceTree, SourceTree> Breaker);
