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

    [Theory]
    [MemberData(nameof(Operators))]
    public void In_place_changes_no_bit_where_it_is_permitted(string op)
    {
        using Device reference = Device.OpenReference();
        using Device cpu = Device.OpenCpu(threads: 2);
        foreach (OpCase opCase in OpCases.All[op]())
        {
            OpChecks.WorksInPlace(opCase, reference, DType.F64);
            OpChecks.WorksInPlace(opCase, cpu, DType.F32);
            OpChecks.WorksInPlace(opCase, cpu, DType.BF16);
        }
    }

    [Theory]
    [MemberData(nameof(Operators))]
    public void Mismatched_tensors_are_refused_by_name(string op)
    {
        string? resizable = op switch { "Sample" => "logits", "SumOfSquares" => "x", _ => null };
        OpChecks.RefusesMismatches(OpCases.All[op]().ElementAt(1), resizable);
    }

    [Theory]
    [MemberData(nameof(Operators))]
    public void Nothing_is_allocated(string op)
    {
        OpCase opCase = OpCases.All[op]().ElementAt(2);
        OpChecks.AllocatesNothing(opCase, DType.F32);
        OpChecks.AllocatesNothing(opCase, DType.BF16);
    }
}
