using Camels.Testing;
using Xunit;

namespace Camels.Kernels.Tests.Ops;

/// <summary>Every case of every operator, on every device and in every type. What is special to one operator is tested beside this.</summary>
[Trait("Category", "Paths")]
public class OpTests
{
    public static TheoryData<string> Operators => [.. OpCases.All.Keys];

    [Theory]
    [MemberData(nameof(Operators))]
    public void Cpu_is_as_exact_as_plain_code_allows(string op)
    {
        using Device cpu = Device.OpenCpu(threads: 2);
        foreach (OpCase opCase in OpCases.All[op]())
        {
            OpChecks.AgreesWithReference(opCase, cpu, DType.F32);
            OpChecks.AgreesWithReference(opCase, cpu, DType.BF16);
            OpChecks.AgreesWithReference(opCase, cpu, DType.F16);
        }
    }

    [Theory]
    [MemberData(nameof(Operators))]
    public void Backward_agrees_with_finite_differences(string op)
    {
        foreach (OpCase opCase in OpCases.All[op]())
        {
            OpChecks.AgreesWithFiniteDifferences(opCase);
        }
    }

    [Theory]
    [MemberData(nameof(Operators))]
    public void Threads_do_not_change_a_bit(string op)
    {
        foreach (OpCase opCase in OpCases.All[op]())
        {
            OpChecks.IsRepeatable(opCase, DType.F32);
            OpChecks.IsRepeatable(opCase, DType.BF16);
        }
    }
}
