namespace Camels.Engine.Data.Datasets;

/// <summary>Self-Instruct's generated instances (all_instances_82K.jsonl): Stanford Alpaca's columns, one object a line. Seeds are not part of it.</summary>
internal static class SelfInstruct
{
    public static IEnumerable<Conversation> Read(DatasetInput input) => StanfordAlpaca.Read(input);
}
