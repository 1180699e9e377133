using Camels.Engine.Data;
using Camels.Engine.Tests.Checkpoints;
using Xunit;
using static Camels.Engine.Tests.Data.DataTestHelp;

namespace Camels.Engine.Tests.Data;

public sealed class AuditTests : IDisposable
{
    private static readonly Prepared.Document _good = Prepared.Good();

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void AGoodSplitHasNoErrors()
    {
        SplitAudit audit = Measure([[_good, Prepared.Good('x', 'y') with { Source = 1 }], [_good]]);
        Assert.Empty(audit.Errors());
        Assert.Equal((2, 3L, 12L, 6L), (audit.Rows, audit.Documents, audit.Tokens, audit.TrainedTokens));
        Assert.Equal((3L, 3L, 1.0), (audit.AssistantTurns, audit.AssistantTurnsWithTrainedEos, audit.EosCoverage));
        Assert.Equal((0.5, 12.0 / 32), (audit.TrainedShare, audit.Fill));
        Assert.Equal([new(1, 3L)], audit.DocumentsByBosCount);
        Assert.Equal(new SourceTokens(2, 8, 4), audit.Sources["first"]);
        Assert.Equal(new SourceTokens(1, 4, 2), audit.Sources["second"]);
        Assert.Equal((0L, 0L, 0L, 0), (audit.TrainedUserTokens, audit.MaskedAssistantTokens, audit.DocumentsWithWrongBos, audit.RowsWithoutTrainedToken));
    }

    [Fact]
    public void TrainedUserTokensAreFound()
    {
        SplitAudit audit = Measure([[_good, _good with { Trained = [0, 1, 1, 1] }, _good]]);
        Assert.Equal(1, audit.TrainedUserTokens);
        Refused(audit, "1 tokens outside assistant turns are trained");
    }

    [Fact]
    public void ATrainedFirstTokenIsFoundEvenInAnAssistantTurn()
    {
        SplitAudit audit = Measure([[_good with { Trained = [1, 0, 1, 1], Turns = [new(0, 4, Role.Assistant)] }]]);
        Assert.Equal(1, audit.TrainedUserTokens);
    }

    [Fact]
    public void OverlappingTurnsHideNothing()
    {
        SplitAudit audit = Measure([[_good with { Trained = [0, 1, 1, 1], Turns = [new(1, 2, Role.User), new(1, 4, Role.Assistant)] }]]);
        Assert.Equal(1, audit.TrainedUserTokens);
    }

    [Fact]
    public void AMaskedEosIsFound()
    {
        SplitAudit audit = Measure([[_good, _good with { Trained = [0, 0, 1, 0] }]]);
        Assert.Equal(0.5, audit.EosCoverage);
        Assert.Equal(1, audit.MaskedAssistantTokens);
        Refused(audit, "1 assistant turns lack a trained EOS");
    }

    [Fact]
    public void ATurnCutBeforeItsEosIsFound()
    {
        SplitAudit audit = Measure([[_good with { Ids = [256, 'u', 'a', 'b'] }]]);
        Refused(audit, "1 assistant turns lack a trained EOS");
    }

    [Theory]
    [InlineData(256, 256, 1)]    // doubled
    [InlineData('x', 'u', 1)]    // missing
    [InlineData('x', 256, 1)]    // not in front
    [InlineData(256, 'u', 0)]
    public void AWrongBosCountIsFound(int first, int second, int wrong)
    {
        SplitAudit audit = Measure([[_good, _good with { Ids = [first, second, 'a', 257] }]]);
        Assert.Equal(wrong, audit.DocumentsWithWrongBos);
        if (wrong > 0)
        {
            Refused(audit, "1 documents have a wrong number of BOS tokens");
        }
    }

    [Fact]
    public void ABosIsWrongWhereTheTokenizerAddsNone()
    {
        Assert.Equal(1, Measure([[_good]], addsBos: false).DocumentsWithWrongBos);
        Assert.Equal(0, Measure([[_good with { Ids = ['x', 'u', 'a', 257] }]], addsBos: false).DocumentsWithWrongBos);
    }

    [Fact]
    public void WhereBosIsEosTheEndsOfTurnsAreNotCounted()
    {
        Prepared.Document good = _good with { Ids = [257, 'u', 'a', 257] };
        Assert.Equal(0, Measure([[good]], bosId: 257).DocumentsWithWrongBos);
        Assert.Equal(1, Measure([[good with { Ids = [257, 257, 'a', 257] }]], bosId: 257).DocumentsWithWrongBos);
        Assert.Equal(1, Measure([[good]], addsBos: false, bosId: 257).DocumentsWithWrongBos);
    }

    [Fact]
    public void RowsWithoutTrainedTokensAreCountedAndNothingTrainedRefused()
    {
        Prepared.Document untrained = _good with { Trained = [0, 0, 0, 0], Turns = [new(1, 4, Role.User)] };
        SplitAudit some = Measure([[_good], [untrained]]);
        Assert.Equal(1, some.RowsWithoutTrainedToken);
        Assert.Empty(some.Errors());
        Refused(Measure([[untrained], [untrained]]), "no token is trained");
    }

    private static void Refused(SplitAudit split, string message)
    {
        Audit audit = new() { Key = "", Sources = [], Train = split, Validation = null };
        Fails(ExitCode.BadInput, () => audit.Require(strict: false), "the audit refuses this data", message);
        Audit heldOut = audit with { Train = split, Validation = split };
        Fails(ExitCode.BadInput, () => heldOut.Require(strict: false), $"validation: {message}");
    }

    private SplitAudit Measure(Prepared.Document[][] rows, bool addsBos = true, int bosId = 256)
    {
        using PreparedData data = Prepared.Write(_folder[Guid.NewGuid().ToString()], rows, addsBos: addsBos, bosId: bosId);
        return SplitAudit.Measure(data);
    }
}
