using Camels.Engine.Verification;
using Camels.Kernels;
using Camels.Testing;
using Xunit;

namespace Camels.Engine.Tests.Verification;

/// <summary>The golden numbers of the reference implementation hold on every device.</summary>
public class ModelCheckTests
{
    [SharedTheory("golden", "models/stories260K/golden")]
    [InlineData("golden/llama_mha", 40)]
    [InlineData("golden/llama_gqa_odd", 40)]
    [InlineData("golden/llama_gqa_tied", 35)]
    [InlineData("golden/opt_preln", 80)]
    [InlineData("golden/opt_postln_proj", 70)]
    [InlineData("golden/opt_preln_decoder_prefix", 55)]
    [InlineData("golden/neox_parallel", 70)]
    [InlineData("golden/neox_sequential", 50)]
    [InlineData("golden/llama_lora_qv", 15)]
    [InlineData("golden/llama_qlora_all", 35)]
    [InlineData("golden/nf4", 40)]
    [InlineData("golden/adamw", 20)]
    [InlineData("models/stories260K/golden", 10)]
    public void Golden_case_holds_on_cpu(string folder, int leastChecks)
    {
        using Device device = Device.OpenCpu(threads: 2);
        Hold(folder, device, leastChecks);
    }

    [SharedTheory("golden")]
    [InlineData("golden/llama_mha", 40, "sm_90a")]
    [InlineData("golden/llama_gqa_odd", 40, "sm_80")]
    [InlineData("golden/llama_gqa_tied", 35, "sm_80")]
    [InlineData("golden/opt_postln_proj", 70, "sm_80")]
    [InlineData("golden/neox_parallel", 70, "sm_90a")]
    [InlineData("golden/adamw", 20, "sm_80")]
    public void Golden_case_holds_on_emulated_gpus(string folder, int leastChecks, string target)
    {
        using Device device = Device.OpenEmulated(target);
        Hold(folder, device, leastChecks);
    }

    [SharedTheory("golden")]
    [InlineData("golden/llama_gqa_tied", 35)]
    [InlineData("golden/opt_postln_proj", 70)]
    public void Golden_case_holds_on_reference(string folder, int leastChecks)
    {
        using Device device = Device.OpenReference();
        Hold(folder, device, leastChecks);
    }

    private static void Hold(string folder, Device device, int leastChecks)
    {
        CheckReport report = ModelCheck.Run(SharedFiles.Path(folder), model: null, device);
        Assert.True(report.ExitCode == ExitCode.Done, report.ToText());
        Assert.True(report.Made >= leastChecks, report.ToText());
    }
}
