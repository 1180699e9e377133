using System.Text.Json.Nodes;
using Camels.Engine.Tests.Checkpoints;
using Camels.Engine.Verification;
using Camels.Kernels;
using Xunit;

namespace Camels.Engine.Tests.Verification;

/// <summary>Golden cases may come from strangers: whatever is wrong in one, it is compared, or refused with exit code 3 by file and key or tensor.</summary>
public sealed class MalformedGoldenCaseTests : IDisposable
{
    private static readonly string[] _replacements = ["\"x\"", "7", "null", "[]", "{}", "1e300"];

    private readonly TemporaryFolder _folder = new();
    private readonly Device _device = Device.OpenCpu(threads: 1);

    public MalformedGoldenCaseTests() => SmallGoldenCase.WriteModels(_folder);

    [Theory]
    [InlineData("model", 23)]
    [InlineData("texts", 5)]
    [InlineData("adapter", 10)]
    [InlineData("adamw", 8)]
    [InlineData("nf4", 8)]
    public void WhateverIsWrongIsComparedOrRefusedByName(string layout, int leastChecks)
    {
        string folder = Folder(layout);
        SmallGoldenCase.Create(layout).Write(folder);
        CheckReport report = Run(folder, layout);
        Assert.True(report.Made >= leastChecks, report.ToText());

        List<string> problems = [];
        int refused = 0;
        foreach ((string what, string[] named, Action<SmallGoldenCase> change) in ManifestChanges(layout).Concat(TensorChanges(layout)))
        {
            SmallGoldenCase changed = SmallGoldenCase.Create(layout);
            change(changed);
            changed.Write(folder);
            try
            {
                _ = Run(folder, layout);
            }
            catch (CamelsException refusal) when (refusal.Code == ExitCode.BadInput)
            {
                refused++;
                // Without what makes it one of an optimizer or of numbers, a case is one of a model.
                bool isNamed = named.Append("no model for").Any(name => refusal.Message.Contains(name, StringComparison.Ordinal)) && refusal.Message.Split('\n').Length <= 2;
                problems.AddRange(isNamed ? [] : [$"{what}: {refusal.Message}"]);
            }
            catch (Exception other)
            {
                problems.Add($"{what}: {other.GetType().Name}: {other.Message}");
            }
        }

        Assert.True(problems.Count == 0, $"{problems.Count} problems:\n{string.Join('\n', problems)}");
        Assert.True(refused > 20, $"only {refused} refused");
    }

    [Theory]
    [InlineData("attention_mask", 0, 3, "one run of 1 among 0")]
    [InlineData("attention_mask", 2, 0, "one run of 1 among 0")]
    [InlineData("attention_mask", 0, 0, null)]
    [InlineData("input_ids", 1, 11, "outside the model's vocabulary of 11")]
    [InlineData("input_ids", 1, -1, "outside the model's vocabulary of 11")]
    [InlineData("input_ids", 1, 1L << 40, "more than 32 bits")]
    [InlineData("input_ids", 9, 999, null)]
    [InlineData("labels", 1, 6, "where the token is 5")]
    public void ATokenThatCannotBeIsRefused(string tensor, int element, long value, string? problem)
    {
        string folder = Folder("model");
        SmallGoldenCase changed = SmallGoldenCase.Create("model");
        BitConverter.TryWriteBytes(changed.Files["inputs"][$"full.{tensor}"].Bytes.AsSpan(element * sizeof(long)), value);
        changed.Write(folder);

        if (problem is null)
        {
            Assert.True(Run(folder).Made > 0);
        }
        else
        {
            RequireRefusal(folder, $"inputs.safetensors: tensor 'full.{tensor}'", problem);
        }
    }

    [Theory]
    [InlineData("full.attention_mask", "one run of 1 among 0")]
    [InlineData("full.labels", "where the token is")]
    public void ATensorOfZerosIsRefused(string tensor, string problem)
    {
        string folder = Folder("model");
        SmallGoldenCase changed = SmallGoldenCase.Create("model");
        Array.Clear(changed.Files["inputs"][tensor].Bytes);
        changed.Write(folder);

        RequireRefusal(folder, tensor, problem);
    }

    [Theory]
    [InlineData("""{ "case": "nf4", "case": "nf4" }""", "manifest.json, line 1")]
    [InlineData("{\n\"case\": }", "manifest.json, line 2")]
    [InlineData("[1]", "manifest.json holds a JSON array")]
    [InlineData("{ \"case\": \"\\ud800\" }", "manifest.json holds text that is not valid")]
    [InlineData("", "manifest.json, line 1")]
    public void AManifestThatIsNotJsonIsRefused(string manifest, string problem)
    {
        string folder = Folder("nf4");
        SmallGoldenCase.Create("nf4").Write(folder);
        File.WriteAllText(Path.Combine(folder, "manifest.json"), manifest);

        RequireRefusal(folder, problem);
    }

    [Fact]
    public void AManifestThatIsHugeOrDeepIsRefusedUnread()
    {
        string folder = Folder("nf4");
        SmallGoldenCase.Create("nf4").Write(folder);
        string manifest = Path.Combine(folder, "manifest.json");
        File.WriteAllText(manifest, string.Concat(Enumerable.Repeat("{\"a\":", 100_000)));
        RequireRefusal(folder, "manifest.json, line 1");

        using (FileStream sparse = File.OpenWrite(manifest))
        {
            sparse.SetLength(1L << 30);
        }

        RequireRefusal(folder, "manifest.json has 1073741824 bytes");
    }

    [Theory]
    [InlineData("../model/model.safetensors")]
    [InlineData("/dev/null")]
    [InlineData("a\0.safetensors")]
    public void AFileOutsideTheCaseIsRefused(string file)
    {
        string folder = Folder("model");
        SmallGoldenCase changed = SmallGoldenCase.Create("model");
        changed.Manifest["grads"]!["file"] = file;
        changed.Write(folder);

        RequireRefusal(folder, "manifest.json, grads: file is");
    }

    [Theory]
    [InlineData("adamw")]
    [InlineData("nf4")]
    public void AModelForACaseThatHasNoneIsRefused(string layout)
    {
        string folder = Folder(layout);
        SmallGoldenCase.Create(layout).Write(folder);
        using Device device = Device.OpenReference();
        CamelsException refused = Assert.Throws<CamelsException>(() => ModelCheck.Run(folder, "nosuch", device));
        Assert.Equal(ExitCode.Usage, refused.Code);
        Assert.Contains("leave --model out", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void TheModelOfACaseIsFoundWhereItsFolderEndsInASeparator()
    {
        string folder = Folder("adapter");
        SmallGoldenCase.Create("adapter").Write(folder);

        Assert.True(ModelCheck.Run(folder + Path.DirectorySeparatorChar, model: null, _device).Made > 0);
    }

    public void Dispose()
    {
        _device.Dispose();
        _folder.Dispose();
    }

    private CheckReport Run(string folder, string layout = "model") =>
        ModelCheck.Run(folder, layout is "adamw" or "nf4" ? null : _folder["model"], _device);

    private void RequireRefusal(string folder, params string[] parts)
    {
        CamelsException refusal = Assert.Throws<CamelsException>(() => Run(folder));
        Assert.Equal(ExitCode.BadInput, refusal.Code);
        Assert.All(parts, part => Assert.Contains(part, refusal.Message, StringComparison.Ordinal));
    }

    private string Folder(string layout) => layout == "adapter" ? _folder["adapter"] : Directory.CreateDirectory(_folder["case"]).FullName;

    // Every value of the manifest removed and replaced; of a list, the last.
    private static IEnumerable<(string What, string[] Named, Action<SmallGoldenCase> Change)> ManifestChanges(string layout)
    {
        foreach (string[] path in Paths(SmallGoldenCase.Create(layout).Manifest, []))
        {
            string place = string.Join('/', path);
            yield return ($"{place} removed", ["manifest.json"], changed => Remove(Parent(changed.Manifest, path), path[^1]));
            foreach (string replacement in _replacements)
            {
                yield return ($"{place} = {replacement}", ["manifest.json", ".safetensors"], changed => Replace(Parent(changed.Manifest, path), path[^1], replacement));
            }
        }
    }

    private static IEnumerable<(string What, string[] Named, Action<SmallGoldenCase> Change)> TensorChanges(string layout)
    {
        foreach ((string file, SortedDictionary<string, RawTensor> tensors) in SmallGoldenCase.Create(layout).Files)
        {
            // Of two inputs that contradict each other either is named.
            string[] inputs = file == "inputs" ? [.. tensors.Keys] : [];
            foreach ((string name, RawTensor tensor) in tensors)
            {
                string other = tensor.DType == "I64" ? "F32" : "I64";
                RawTensor?[] changes =
                [
                    null,
                    RawTensor.Zeros(other, tensor.Shape),
                    RawTensor.Zeros(tensor.DType, [.. tensor.Shape, 1]),
                    RawTensor.Zeros(tensor.DType, [3, .. tensor.Shape.Skip(1)]),
                    RawTensor.Zeros(tensor.DType, [0, .. tensor.Shape.Skip(1)]),
                    RawTensor.Zeros(tensor.DType, [.. tensor.Shape.Select(size => size + 1), 1, 1, 1, 1]),
                ];
                foreach (RawTensor? change in changes)
                {
                    string what = change is null ? "removed" : $"= {change.DType} ({string.Join(", ", change.Shape)})";
                    yield return ($"{file}: {name} {what}", [name, "manifest.json", .. inputs], changed => Replace(changed.Files[file], name, change));
                }
            }
        }
    }

    private static IEnumerable<string[]> Paths(JsonNode? node, string[] path)
    {
        IEnumerable<(string Name, JsonNode? Value)> inner = node switch
        {
            JsonObject fields => fields.Select(field => (field.Key, field.Value)),
            JsonArray { Count: > 0 } list => [($"{list.Count - 1}", list[^1])],
            _ => [],
        };
        foreach ((string name, JsonNode? value) in inner)
        {
            string[] place = [.. path, name];
            yield return place;
            foreach (string[] below in Paths(value, place))
            {
                yield return below;
            }
        }
    }

    private static JsonNode Parent(JsonNode root, string[] path) =>
        path[..^1].Aggregate(root, (node, name) => node is JsonArray list ? list[^1]! : node[name]!);

    private static void Replace(SortedDictionary<string, RawTensor> tensors, string name, RawTensor? change)
    {
        _ = tensors.Remove(name);
        if (change is not null)
        {
            tensors.Add(name, change);
        }
    }

    private static void Replace(JsonNode parent, string name, string replacement)
    {
        Remove(parent, name);
        if (parent is JsonArray list)
        {
            list.Add(JsonNode.Parse(replacement));
        }
        else
        {
            parent[name] = JsonNode.Parse(replacement);
        }
    }

    private static void Remove(JsonNode parent, string name)
    {
        if (parent is JsonArray list)
        {
            list.RemoveAt(list.Count - 1);
        }
        else
        {
            _ = parent.AsObject().Remove(name);
        }
    }
}
