using System.Text.Json;
using System.Text.Json.Nodes;
using Camels.Engine.Tokenizers;

namespace Camels.Engine.Data;

/// <summary>What travels with a model so that others write conversations for it as it was trained.</summary>
public static class TemplateExport
{
    /// <summary>The file of prompts with their ids, for whoever wants to check another program's chat template.</summary>
    public const string ConformanceName = TokenizerFiles.ConformanceFile;

    private const string ConfigName = "tokenizer_config.json";
    private const long MostBytes = 64L << 20;

    // One turn and many, with and without a system message, other scripts, white space, code, the templates' own markers as text.
    private static readonly Message[][] _prompts =
    [
        [new(Role.User, "Hello!")],
        [new(Role.System, "Answer in one word."), new(Role.User, "Which animal is called the ship of the desert?")],
        [new(Role.User, "2 + 2 = ?"), new(Role.Assistant, "4"), new(Role.User, "And times 10?")],
        [
            new(Role.System, "You are a careful translator."), new(Role.User, "Good morning"), new(Role.Assistant, "Guten Morgen"),
            new(Role.User, "Good night"), new(Role.Assistant, "Gute Nacht"), new(Role.User, "See you tomorrow"),
        ],
        [new(Role.User, "  surrounded by white space \n\n")],
        [new(Role.User, "two\nlines\n\n\nand a\ttab")],
        [new(Role.User, "¿Qué pasó? 你好，世界 🙂 Привет שלום")],
        [new(Role.User, "def camel(n):\n    return [i for i in range(n) if i % 2 == 0]  # 0x1F")],
        [new(Role.User, "What does <|assistant|> mean, or [/INST], or ### Response:?")],
        [new(Role.User, "a"), new(Role.Assistant, "b"), new(Role.User, "c"), new(Role.Assistant, "d"), new(Role.User, "e")],
    ];

    /// <summary>
    /// tokenizer_config.json with the template's Jinja (the other keys as they are; chat_template.jinja where the folder has no such config,
    /// or has that file too), and the conformance file.
    /// </summary>
    /// <param name="tokenizerFolder">The folder of the tokenizer.</param>
    /// <param name="template">What the model was trained with.</param>
    /// <param name="tokenizer">The folder's tokenizer.</param>
    public static Dictionary<string, byte[]> Files(string tokenizerFolder, ChatTemplate template, ITokenizer tokenizer)
    {
        string jinja = JinjaTemplate.Of(template, tokenizer);
        string config = Path.Combine(tokenizerFolder, ConfigName);
        Dictionary<string, byte[]> files = new() { [ConformanceName] = Conformance(template, tokenizer) };
        if (File.Exists(config))
        {
            JsonObject root = JsonNode.Parse(StrictJson.ReadBytes(config, MostBytes), documentOptions: StrictJson.Options)!.AsObject();
            root["chat_template"] = jinja;
            files[ConfigName] = JsonText.Of(root);
        }

        if (!File.Exists(config) || File.Exists(Path.Combine(tokenizerFolder, TokenizerFiles.TemplateFile)))
        {
            files[TokenizerFiles.TemplateFile] = System.Text.Encoding.UTF8.GetBytes(jinja);
        }

        return files;
    }

    private static byte[] Conformance(ChatTemplate template, ITokenizer tokenizer)
    {
        TemplateEncoder encoder = new(template, tokenizer);
        return JsonText.Of(new
        {
            Template = template.Name,
            EndId = encoder.EndId,
            Cases = _prompts.Select(messages =>
            {
                List<int> ids = [];
                encoder.EncodePrompt(messages, ids);
                return new { Messages = messages.Select(message => new { Role = Conversation.NameOf(message.Role), message.Content }), PromptIds = JsonSerializer.SerializeToNode(ids) };
            }),
        });
    }
}
