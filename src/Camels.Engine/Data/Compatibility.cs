namespace Camels.Engine.Data;

/// <summary>Whose known defects the data pipeline reproduces.</summary>
public enum Compatibility
{
    /// <summary>Nobody's.</summary>
    None,

    /// <summary>Those of open-instruct as of 2023, its loss reduction included.</summary>
    OpenInstruct2023,
}
