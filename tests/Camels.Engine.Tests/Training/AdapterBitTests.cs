using Camels.Engine.Parameters;
using Camels.Engine.Training;
using Xunit;

namespace Camels.Engine.Tests.Training;

/// <summary>Adapters, over a plain base and one in NF4, together with everything else that must not change a bit.</summary>
public class AdapterBitTests
{
    [Theory]
    [InlineData("llama", "fp16", "lora", "fp32", "q_proj v_proj")]
    [InlineData("llama", "bf16", "qlora", "8bit", "q_proj k_proj v_proj o_proj gate_proj up_proj down_proj")]
    [InlineData("qwen2", "fp16", "qlora", "bf16", "gate_proj o_proj")]
    [InlineData("opt norms last", "bf16", "lora", "bf16", "q_proj fc1 fc2")]
    [InlineData("opt", "fp32", "qlora", "fp32", "out_proj fc1")]
    [InlineData("neox sequential", "fp16", "qlora", "8bit", "query_key_value dense_4h_to_h")]
    [InlineData("neox parallel", "fp32", "lora", "8bit", "dense dense_h_to_4h")]
    public void What_changes_no_bit_of_a_model_changes_none_of_its_adapter(string model, string precision, string kind, string moments, string targets)
    {
        ToyRun run = new(model, precision)
        {
            Adapter = new AdapterSettings { Rank = 3, Alpha = 7, Dropout = 0.25, QuantizedBase = RecipeNames.Adapters[kind], Targets = targets.Split(' ') },
        };
        run = run with { Recipe = run.Recipe with { BatchSize = 4, Adam = new AdamRecipe { Moments = RecipeNames.Moments[moments] } } };
        byte[] expected = run.Bytes();
        ToyRun fused = run with { Recipe = run.Recipe with { Fused = true } };
        foreach (ToyRun other in (ToyRun[])
            [
                run with { Threads = 1, LanesPerCall = 1, Recompute = true }, run with { ResumesEveryStep = true }, fused,
                fused with { Recompute = true, ResumesEveryStep = true },
            ])
        {
            Assert.True(expected.AsSpan().SequenceEqual(other.Bytes()), $"{other} changes bits");
        }
    }
}
