using System.Text;
using Camels.Engine.Checkpoints;
using Camels.Testing;
using Xunit;

namespace Camels.Engine.Tests.Checkpoints;

public class AdapterFolderTests
{
    private const string Config = """
        {"peft_type": "LORA", "r": 8, "lora_alpha": 16, "lora_dropout": 0.0, "bias": "none", "target_modules": ["q_proj", "v_proj"],
         "base_model_name_or_path": "../llama_gqa_odd", "modules_to_save": null, "rank_pattern": {}, "use_dora": false}
        """;

    [Theory]
    [InlineData("\"LORA\"", "\"IA3\"", "peft_type")]
    [InlineData("\"r\": 8", "\"r\": 0", "r is 0")]
    [InlineData("\"lora_dropout\": 0.0", "\"lora_dropout\": 1.0", "lora_dropout")]
    [InlineData("\"bias\": \"none\"", "\"bias\": \"all\"", "bias")]
    [InlineData("[\"q_proj\", \"v_proj\"]", "[]", "target_modules")]
    [InlineData("\"modules_to_save\": null", "\"modules_to_save\": [\"lm_head\"]", "modules_to_save")]
    [InlineData("\"rank_pattern\": {}", "\"rank_pattern\": {\"q_proj\": 4}", "rank_pattern")]
    [InlineData("\"use_dora\": false", "\"use_dora\": true", "use_dora")]
    [InlineData("\"use_dora\": false", "\"init_lora_weights\": \"pissa_niter_16\"", "init_lora_weights")]
    [InlineData("\"use_dora\": false", "\"alora_invocation_tokens\": [5, 7]", "alora_invocation_tokens")]
    public void WhatTheEngineCannotRepresentIsRefused(string accepted, string refused, string named)
    {
        using TemporaryFolder folder = new();
        _ = folder.WriteFile(AdapterFolder.ConfigName, Encoding.UTF8.GetBytes(Config.Replace(accepted, refused, StringComparison.Ordinal)));
        CamelsException problem = Assert.Throws<CamelsException>(() => AdapterFolder.Open(Path.GetDirectoryName(folder["x"])!));
        Assert.Equal(ExitCode.BadInput, problem.Code);
        Assert.Contains($"adapter_config.json: {named}", problem.Message, StringComparison.Ordinal);
    }

    [SharedFact("golden/llama_lora_qv")]
    public void NoChangeOfAConfigDoesMoreThanRefuseIt()
    {
        using TemporaryFolder folder = new();
        string weights = Path.Combine(SharedFiles.Path("golden/llama_lora_qv"), AdapterFolder.WeightsName);
        _ = folder.WriteFile(AdapterFolder.WeightsName, File.ReadAllBytes(weights));
        Fuzz.Run(Encoding.UTF8.GetBytes(Config), cases: 1000, bytes =>
        {
            string path = Path.GetDirectoryName(folder.WriteFile(AdapterFolder.ConfigName, bytes))!;
            using AdapterFolder adapter = AdapterFolder.Open(path);
            Assert.True(adapter.Settings.Rank > 0 && double.IsFinite(adapter.Settings.Scale));
        });
    }
}
