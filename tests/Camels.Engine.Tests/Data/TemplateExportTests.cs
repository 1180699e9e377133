using System.Text.Json;
using System.Text.Json.Nodes;
using Camels.Engine.Data;
using Camels.Engine.Tests.Checkpoints;
using Camels.Engine.Tokenizers;
using Camels.Testing;
using Xunit;

namespace Camels.Engine.Tests.Data;

public sealed class TemplateExportTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void TheConfigKeepsItsKeysAndGetsTheTemplate()
    {
        ITokenizer tokenizer = Bytes();
        string config = _folder["tokenizer_config.json"];
        string before = File.ReadAllText(config);
        Dictionary<string, byte[]> files = TemplateExport.Files(_folder.Path, ChatTemplate.Find("tulu"), tokenizer);
        Assert.Equal(["chat_template_conformance.json", "tokenizer_config.json"], files.Keys.Order(StringComparer.Ordinal));
        using JsonDocument old = JsonDocument.Parse(before);
        using JsonDocument now = JsonDocument.Parse(files["tokenizer_config.json"]);
        Assert.Equal(JinjaTemplate.Of(ChatTemplate.Find("tulu"), tokenizer), now.RootElement.GetProperty("chat_template").GetString());
        Assert.All(old.RootElement.EnumerateObject(), key => Assert.True(JsonElement.DeepEquals(key.Value, now.RootElement.GetProperty(key.Name))));

        File.WriteAllText(_folder["chat_template.jinja"], "another");
        Assert.Contains("chat_template.jinja", TemplateExport.Files(_folder.Path, ChatTemplate.Find("tulu"), tokenizer).Keys);
        File.Delete(config);
        Assert.DoesNotContain("tokenizer_config.json", TemplateExport.Files(_folder.Path, ChatTemplate.Find("tulu"), tokenizer).Keys);
    }

    [Fact]
    public void TenPromptsGoAlongWithTheirIds()
    {
        ITokenizer tokenizer = Bytes();
        foreach (ChatTemplate template in ChatTemplate.Templates)
        {
            using JsonDocument conformance = JsonDocument.Parse(TemplateExport.Files(_folder.Path, template, tokenizer)[TemplateExport.ConformanceName]);
            JsonElement[] cases = [.. conformance.RootElement.GetProperty("cases").EnumerateArray()];
            Assert.Equal(10, cases.Length);
            Assert.Equal(template.Name, conformance.RootElement.GetProperty("template").GetString());
            foreach (JsonElement one in cases)
            {
                Message[] messages = [.. one.GetProperty("messages").EnumerateArray().Select(message => new Message(
                    Enum.Parse<Role>(message.GetProperty("role").GetString()!, ignoreCase: true), message.GetProperty("content").GetString()!))];
                List<int> ids = [];
                new TemplateEncoder(template, tokenizer).EncodePrompt(messages, ids);
                Assert.Equal(ids, one.GetProperty("prompt_ids").EnumerateArray().Select(id => id.GetInt32()));
            }
        }
    }

    // The conformance file of LLaMA's tokenizer with Tülu's template begins so: ids that stand in the golden files of the tokenizer.
    [SharedFact("models/tokenizers/llama")]
    public void TheIdsAreThoseOfTheWholeText()
    {
        string folder = SharedFiles.Path("models/tokenizers/llama");
        ITokenizer tokenizer = TokenizerFiles.Load(folder);
        using JsonDocument conformance = JsonDocument.Parse(TemplateExport.Files(folder, ChatTemplate.Find("tulu"), tokenizer)[TemplateExport.ConformanceName]);
        int[] ids = [.. conformance.RootElement.GetProperty("cases")[0].GetProperty("prompt_ids").EnumerateArray().Select(id => id.GetInt32())];
        List<int> whole = [tokenizer.BosId!.Value];
        tokenizer.Encode("<|user|>\nHello!\n<|assistant|>\n", whole, isStart: true, parseSpecial: true);
        Assert.Equal(whole, ids);
    }

    /// <summary>What another program renders and tokenizes, BOS read in the text, is what was trained: LLaMA's tokenizer, as shared and as older configs have it.</summary>
    [SharedTheory("models/tokenizers/llama")]
    [InlineData("llama", null)]
    [InlineData("llama", true)]
    [InlineData("opt", null)]
    [InlineData("gpt-neox", null)]
    public void TheRenderedTextHasTheTrainedIds(string tokenizerName, bool? legacy)
    {
        foreach (string file in Directory.GetFiles(SharedFiles.Path($"models/tokenizers/{tokenizerName}")))
        {
            File.WriteAllBytes(_folder[Path.GetFileName(file)], File.ReadAllBytes(file));
        }

        if (legacy is bool isLegacy)
        {
            string config = _folder["tokenizer_config.json"];
            JsonNode root = JsonNode.Parse(File.ReadAllText(config))!;
            Assert.NotEqual(isLegacy, root["legacy"]!.GetValue<bool>());
            root["legacy"] = isLegacy;
            File.WriteAllText(config, root.ToJsonString());
        }

        ITokenizer tokenizer = TokenizerFiles.Load(_folder.Path);
        foreach (string name in (string[])["tulu", "vicuna", "zephyr", "alpaca", "llama2", "plain"])
        {
            ChatTemplate template = ChatTemplate.Find(name);
            foreach (Message[] messages in (Message[][])[[new(Role.User, "Hello!")], [new(Role.User, "a"), new(Role.Assistant, "b"), new(Role.User, "c")]])
            {
                List<int> trained = [];
                new TemplateEncoder(template, tokenizer).EncodePrompt(messages, trained);
                List<int> rendered = [];
                tokenizer.Encode(new RenderedJinja(JinjaTemplate.Of(template, tokenizer), tokenizer).Render(messages), rendered, isStart: true, parseSpecial: true);
                Assert.True(trained.SequenceEqual(rendered), $"{name}: {string.Join(' ', trained)} trained, {string.Join(' ', rendered)} rendered");
            }
        }
    }

    private ITokenizer Bytes()
    {
        ByteTokenizerWriter.Write(_folder.Path, [new("<s>", IsSpecial: true), new("</s>", IsSpecial: true)], "<s>", "</s>");
        return TokenizerFiles.Load(_folder.Path);
    }
}
