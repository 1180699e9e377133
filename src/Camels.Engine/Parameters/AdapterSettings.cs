namespace Camels.Engine.Parameters;

/// <summary>Low-rank adapters beside a model's linear layers (Hu et al., "LoRA"): y = Wx + (alpha / rank) · B(A(dropout(x))).</summary>
public sealed record AdapterSettings
{
    /// <summary>Columns of B and rows of A, R.</summary>
    public int Rank { get; init; } = 8;

    /// <summary>With the rank, the factor of what the adapter adds.</summary>
    public double Alpha { get; init; } = 16;

    /// <summary>Share of the adapter's inputs that training leaves out, in [0, 1).</summary>
    public double Dropout { get; init; }

    /// <summary>Which linear layers have one: the ends of their names, as in "q_proj".</summary>
    public required IReadOnlyList<string> Targets { get; init; }

    /// <summary>True: the blocks' linear weights themselves are kept in NF4 (Dettmers et al., "QLoRA").</summary>
    public bool QuantizedBase { get; init; }

    /// <summary>The folder of the base model, as the adapter's config names it; null where nobody knows.</summary>
    public string? BaseModel { get; init; }

    /// <summary>The factor of what the adapter adds.</summary>
    public double Scale => Alpha / Rank;

    /// <summary>True where the linear layer of this name has an adapter.</summary>
    public bool Targeted(string name) => Targets.Any(target => name == target || name.EndsWith($".{target}", StringComparison.Ordinal));
}
