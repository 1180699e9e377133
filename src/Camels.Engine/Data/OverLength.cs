namespace Camels.Engine.Data;

/// <summary>What happens to a conversation with more tokens than a row holds.</summary>
public enum OverLength
{
    /// <summary>Split between turn pairs into several documents, each with the system message; a pair longer than a row is dropped and counted.</summary>
    Split,

    /// <summary>
    /// The leading turn pairs that fit a row are kept, the rest is cut and counted. Where the first pair alone is too long, its question is
    /// cut. An answer is never cut (without its EOS it would teach not to stop): one that no row holds is dropped and counted.
    /// </summary>
    Truncate,

    /// <summary>Left out and counted.</summary>
    Drop,
}
