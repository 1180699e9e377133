using Camels.Engine.Tokenizers;

namespace Camels.Engine.Data;

/// <summary>A source whose files are found and whose counts are kept.</summary>
/// <param name="Input">What its reader gets.</param>
/// <param name="Read">The reader.</param>
/// <param name="Examples">Read only the first so many records.</param>
/// <param name="Audit">Its counts.</param>
internal sealed record OpenedSource(
    DatasetInput Input, Func<DatasetInput, IEnumerable<Conversation>> Read, int? Examples, SourceAudit Audit)
{
    /// <summary>Finds data and files of every source, validation sources first, each with a name of its own.</summary>
    public static OpenedSource[] OpenAll(PreparationSettings settings, ITokenizer tokenizer)
    {
        Dictionary<string, int> used = [];
        return
        [
            .. settings.ValidationSources.Select(source => Open(source, isValidation: true)),
            .. settings.Sources.Select(source => Open(source, isValidation: false)),
        ];

        OpenedSource Open(DataSource source, bool isValidation)
        {
            DatasetFormat format = DatasetCatalog.Of(source);
            string name = isValidation ? $"validation_{format.Name}" : format.Name;
            int number = used[name] = used.GetValueOrDefault(name) + 1;
            SourceAudit audit = new() { Name = number == 1 ? name : $"{name}_{number}", IsValidation = isValidation, Published = source.Most };
            IReadOnlyList<string> files = format.FilesAt(source.Path);
            return new OpenedSource(
                new DatasetInput
                {
                    Dataset = format.Name,
                    Files = files,
                    Names = NamesOf(files, source, format),
                    Extensions = format.Extensions,
                    FileNames = format.FileNames,
                    Seed = settings.Seed,
                    Compatibility = settings.Compatibility,
                    Trees = source.Trees,
                    Map = source.Map,
                    SequenceLength = settings.SequenceLength,
                    CountTokens = text => TokensOf(text, tokenizer),
                    Unusable = audit.CountUnusable,
                },
                format.Read,
                source.Examples,
                audit);
        }
    }

    /// <summary>The usable conversations: in order of roles, with text in every answer, ending with an answer. The others are counted.</summary>
    public IEnumerable<Conversation> Usable()
    {
        IEnumerable<Conversation> all = Read(Input);
        foreach (Conversation conversation in Examples is int examples ? Limit(all, examples) : all)
        {
            Audit.Records++;
            conversation.CheckOrder();
            if (conversation.HasEmptyAnswer)
            {
                Audit.Empty++;
                Audit.List(conversation.Place, "an assistant turn has no text, dropped");
                continue;
            }

            if (conversation.Messages[^1].Role == Role.User)
            {
                Audit.Unanswered++;
                Audit.List(conversation.Place, "the last message has no answer, that message left out");
                yield return new Conversation(conversation.Place, conversation.Index, conversation.Messages[..^1]);
                continue;
            }

            yield return conversation;
        }
    }

    private static string[] NamesOf(IReadOnlyList<string> files, DataSource source, DatasetFormat format) => Directory.Exists(source.Path)
        ? [.. files.Select(file => Path.GetRelativePath(source.Path, file))]
        : format.ReadsNames ? [Path.GetFileName(source.Path)] : [];

    private static int TokensOf(string text, ITokenizer tokenizer)
    {
        List<int> ids = [];
        tokenizer.Encode(text, ids, isStart: true, parseSpecial: false);
        return ids.Count + (tokenizer.AddsBos ? 1 : 0);
    }

    private static IEnumerable<Conversation> Limit(IEnumerable<Conversation> conversations, int count)
    {
        foreach (Conversation conversation in conversations)
        {
            yield return conversation;
            if (--count == 0)
            {
                break;
            }
        }
    }
}
