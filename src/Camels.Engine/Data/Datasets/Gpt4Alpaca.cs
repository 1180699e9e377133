namespace Camels.Engine.Data.Datasets;

/// <summary>GPT4-Alpaca (English): Stanford Alpaca's format.</summary>
internal static class Gpt4Alpaca
{
    public static IEnumerable<Conversation> Read(DatasetInput input) => StanfordAlpaca.Read(input);
}
