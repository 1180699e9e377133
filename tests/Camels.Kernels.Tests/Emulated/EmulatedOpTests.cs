using Camels.Testing;
using Xunit;

namespace Camels.Kernels.Tests.Emulated;

/// <summary>Every case of every operator on the emulated GPUs: the committed kernels, run on the processor.</summary>
public class EmulatedOpTests
{
    public static TheoryData<string, string> OperatorsAndTargets
    {
        get
        {
            TheoryData<string, string> data = [];
            foreach (string op in (string[])["AdamW", "Add", "Attention", "Bias", "CachedAttention", "Cast", "Gelu", "LossHead", "MatMul", "Relu", "RmsNorm", "SumOfSquares", "SwiGlu"])
            {
                data.Add(op, "sm_80");
                data.Add(op, "sm_90a");
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
            OpChecks.AgreesWithReference(opCase, device, DType.F32);
            OpChecks.AgreesWithReference(opCase, device, DType.BF16);
            OpChecks.AgreesWithReference(opCase, device, DType.F16);
        }
    }
}
