namespace Camels.Engine.Data.Datasets;

/// <summary>Code-Alpaca: Stanford Alpaca's format.</summary>
internal static class CodeAlpaca
{
    public static IEnumerable<Conversation> Read(DatasetInput input) => StanfordAlpaca.Read(input);
}
