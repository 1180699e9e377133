using Camels.Kernels.Tests.Devices;
using Camels.Testing;
using Xunit;

namespace Camels.Kernels.Tests.Emulated;

/// <summary>Every case of every operator on the emulated GPUs: the committed kernels, run on the processor.</summary>
[Collection(RecordingDriver.Alone)]
public class EmulatedOpTests
{
    private const int Seeds = 10;

    // Where accesses that nothing orders are looked for, which takes long, cases have at most so many elements.
    private const int MostElementsOfRaceChecks = 30_000;

    private static readonly string[] _targets = ["sm_80", "sm_90a"];
    private static readonly DType[] _types = [DType.F32, DType.BF16, DType.F16];

    public static TheoryData<string, string> OperatorsAndTargets
    {
        get
        {
            TheoryData<string, string> data = [];
            foreach (string op in OpCases.All.Keys)
            {
                foreach (string target in _targets)
                {
                    data.Add(op, target);
                }
            }

            return data;
        }
    }

    [Theory]
    [MemberData(nameof(OperatorsAndTargets))]
    public void Kernels_are_as_exact_as_plain_code_allows(string op, string target)
    {
        using Device device = Device.OpenEmulated(target);
        foreach (OpCase opCase in OpCases.All[op]())
        {
            foreach (DType dtype in _types)
            {
                OpChecks.AgreesWithReference(opCase, device, dtype);
            }
        }
    }

    [Theory]
    [MemberData(nameof(OperatorsAndTargets))]
    public void Schedules_do_not_change_a_bit(string op, string target)
    {
        OpCase[] cases = [.. OpCases.All[op]()];
        OpCase several = RecordingDriver.SmallestOfSeveralBlocks(op, target);
        using Device first = Device.OpenEmulated(target, seed: 1);
        for (int seed = 2; seed <= Seeds; seed++)
        {
            using Device other = Device.OpenEmulated(target, seed);
            foreach (OpCase opCase in seed == 2 ? cases : [several])
            {
                OpChecks.GivesEqualBits(opCase, first, other, seed % 2 == 0 ? DType.BF16 : DType.F32);
            }
        }
    }

    [Theory]
    [MemberData(nameof(OperatorsAndTargets))]
    public void In_place_changes_no_bit_where_it_is_permitted(string op, string target)
    {
        using Device device = Device.OpenEmulated(target);
        foreach (OpCase opCase in OpCases.All[op]())
        {
            OpChecks.WorksInPlace(opCase, device, DType.F32);
            OpChecks.WorksInPlace(opCase, device, DType.BF16);
        }
    }

    [Theory]
    [MemberData(nameof(OperatorsAndTargets))]
    public void Nothing_races_and_nothing_unwritten_is_read(string op, string target)
    {
        using Device plain = Device.OpenEmulated(target);
        using Device watched = Device.OpenEmulated(target, new PtxOptions { ChecksRaces = true });
        IEnumerable<OpCase> small = OpCases.All[op]().Where(c => c.Tensors.Sum(t => new Shape(t.Extents).Elements) <= MostElementsOfRaceChecks);
        foreach (OpCase opCase in small.Append(RecordingDriver.SmallestOfSeveralBlocks(op, target)))
        {
            OpChecks.GivesEqualBits(opCase, plain, watched, DType.BF16);
        }
    }
}
