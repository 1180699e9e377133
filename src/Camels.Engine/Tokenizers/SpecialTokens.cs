namespace Camels.Engine.Tokenizers;

/// <summary>What a family calls its tokens where the settings are silent; a name that the vocabulary lacks is no token.</summary>
internal sealed record DefaultTokens(string? Bos, string? Eos, string? Unknown);

/// <summary>Brings together the tokens that a folder's settings add or name as special, and the ids of the vocabulary.</summary>
internal sealed class SpecialTokens
{
    private readonly Dictionary<string, AddedToken> _added = [];

    /// <param name="path">The vocabulary's file, for messages.</param>
    /// <param name="vocabulary">Ids by spelling.</param>
    /// <param name="added">Added tokens.</param>
    /// <param name="settings">Which tokens the folder names.</param>
    /// <param name="defaults">The family's names.</param>
    /// <exception cref="CamelsException">Exit code 3: a BOS or EOS token without an id, or two added tokens with the same id.</exception>
    public SpecialTokens(
        string path, Dictionary<string, int> vocabulary, IEnumerable<AddedToken> added, TokenizerSettings settings, DefaultTokens defaults)
    {
        HashSet<int> taken = [];
        foreach (AddedToken token in added)
        {
            if (!taken.Add(token.Id) || !_added.TryAdd(token.Text, token))
            {
                throw CamelsException.BadInput($"{path}: the added token '{token.Text}' or its id {token.Id} is listed twice beside it");
            }
        }

        // Without BOS and EOS, a name without an id (a pad token that was never added, say) is ordinary text.
        _ = Special(settings.Unknown ?? defaults.Unknown, vocabulary);
        foreach (string text in settings.OtherSpecial)
        {
            _ = Special(text, vocabulary);
        }

        Bos = settings.Bos is null ? Special(defaults.Bos, vocabulary) : Required(path, "bos_token", settings.Bos, vocabulary);
        Eos = settings.Eos is null ? Special(defaults.Eos, vocabulary) : Required(path, "eos_token", settings.Eos, vocabulary);
    }

    /// <summary>The id of the token before a document, or null.</summary>
    public int? Bos { get; }

    /// <summary>The id of the token after a document or turn, or null.</summary>
    public int? Eos { get; }

    /// <summary>All tokens to look for in a text.</summary>
    public List<AddedToken> Added => [.. _added.Values];

    private int? Required(string path, string key, string text, Dictionary<string, int> vocabulary) => Special(text, vocabulary)
        ?? throw CamelsException.BadInput($"{path}: {key} is '{text}', which has no id there; correct {TokenizerSettings.ConfigFile}.");

    private int? Special(string? text, Dictionary<string, int> vocabulary)
    {
        if (text is null)
        {
            return null;
        }

        if (_added.TryGetValue(text, out AddedToken? token))
        {
            _added[text] = token with { IsSpecial = true };
            return token.Id;
        }

        if (!vocabulary.TryGetValue(text, out int id))
        {
            return null;
        }

        _added.Add(text, new AddedToken(id, text, IsSpecial: true, IsNormalized: false));
        return id;
    }
}
