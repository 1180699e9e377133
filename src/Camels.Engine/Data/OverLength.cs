namespace Camels.Engine.Data;

/// <summary>What happens to a conversation with more tokens than a row holds.</summary>
public enum OverLength
{
    /// <summary>Split at turns into several documents; a turn pair longer than a row is dropped and counted.</summary>
    Split,

    /// <summary>Cut at the end of the row.</summary>
    Truncate,

    /// <summary>Left out and counted.</summary>
    Drop,
}
