using Camels.Engine.Parameters;

namespace Camels.Engine.Models;

/// <summary>What recipes call a block's linear layers (q, k, v, o, gate, up, down, all), and what each family calls them.</summary>
public static class AdapterTargets
{
    private static readonly Dictionary<string, string> _llama = new()
    {
        ["q"] = "q_proj",
        ["k"] = "k_proj",
        ["v"] = "v_proj",
        ["o"] = "o_proj",
        ["gate"] = "gate_proj",
        ["up"] = "up_proj",
        ["down"] = "down_proj",
    };

    private static readonly Dictionary<string, string> _opt = new()
    {
        ["q"] = "q_proj",
        ["k"] = "k_proj",
        ["v"] = "v_proj",
        ["o"] = "out_proj",
        ["up"] = "fc1",
        ["down"] = "fc2",
    };

    private static readonly Dictionary<string, string> _gptNeoX = new()
    {
        ["qkv"] = "query_key_value",
        ["o"] = "dense",
        ["up"] = "dense_h_to_4h",
        ["down"] = "dense_4h_to_h",
    };

    /// <summary>The settings with the family's own names; short and own names may be mixed, "all" stands for all.</summary>
    /// <exception cref="CamelsException">The family has no such layer: exit code 2.</exception>
    public static AdapterSettings Resolve(AdapterSettings settings, ModelFamily family)
    {
        Dictionary<string, string> names = family switch
        {
            ModelFamily.Opt => _opt,
            ModelFamily.GptNeoX => _gptNeoX,
            _ => _llama,
        };
        List<string> targets = [];
        foreach (string target in settings.Targets)
        {
            targets.AddRange(target switch
            {
                "all" => names.Values,
                _ when names.TryGetValue(target, out string? own) => [own],
                _ when names.ContainsValue(target) => [target],
                _ => throw CamelsException.Usage(
                    $"adapter.targets: a {family} has no linear layer \"{target}\"; there are all, {string.Join(", ", names.Select(pair => $"{pair.Key} ({pair.Value})"))}"),
            });
        }

        return settings with { Targets = [.. targets.Distinct()] };
    }
}
