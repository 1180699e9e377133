namespace Camels.Engine.Data;

/// <summary>At which messages of a tree a conversation ends.</summary>
public enum TreePaths
{
    /// <summary>At every assistant message that nothing follows.</summary>
    Leaves,

    /// <summary>At every assistant message: what stands early in a tree is repeated in many conversations.</summary>
    EveryAnswer,
}

/// <summary>Which conversations a tree of messages gives. A conversation is the path from the root to its last message.</summary>
public sealed record TreeRule
{
    /// <summary>Where conversations end; null: at leaves, under open_instruct_2023 at every answer.</summary>
    public TreePaths? Paths { get; init; }

    /// <summary>Leaves out messages that name their creator (LAION, OpenAssistant), with all that follows them.</summary>
    public bool WithoutCreator { get; init; }

    /// <summary>Leaves out messages that were deleted, with all that follows them.</summary>
    public bool WithoutDeleted { get; init; }

    /// <summary>Keeps the best so many replies of each message, by labels.quality.value (missing: 0); null: all.</summary>
    public int? BestReplies { get; init; }
}
