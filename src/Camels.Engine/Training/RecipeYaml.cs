using YamlDotNet.Core;
using YamlDotNet.Core.Events;

namespace Camels.Engine.Training;

/// <summary>
/// YAML text to recipe nodes, from the parser's events: anchors, aliases and tags are refused, so a short text cannot become a large tree,
/// and depth is bounded, so no text can overflow the stack.
/// </summary>
internal sealed class RecipeYaml
{
    private const int LargestDepth = 16;
    private const int LargestCharacters = 1 << 20;

    private readonly Parser _parser;
    private readonly Func<Mark, string> _place;

    private RecipeYaml(string text, Func<Mark, string> place)
    {
        _parser = new Parser(new Scanner(new StringReader(text), skipComments: true));
        _place = place;
    }

    /// <summary>The root section of a recipe file's text; an empty text is an empty section.</summary>
    public static RecipeMapping ParseFile(string text, string fileName)
    {
        RecipeNode? root = Parse(text, mark => $"{fileName}:{mark.Line}");
        return root switch
        {
            null or RecipeScalar { IsEmpty: true } => new RecipeMapping([], fileName),
            RecipeMapping mapping => mapping,
            _ => throw CamelsException.Usage($"{root.Place}: a recipe is a section of keys (model: …, data: …), this is {root.Describe()}"),
        };
    }

    /// <summary>The value of an override; <paramref name="place"/> is what the user typed.</summary>
    public static RecipeNode ParseValue(string text, string place) => Parse(text, _ => place) ?? new RecipeScalar("", IsPlain: true, place);

    private static RecipeNode? Parse(string text, Func<Mark, string> place)
    {
        if (text.Length > LargestCharacters)
        {
            throw CamelsException.Usage($"{place(Mark.Empty)}: {text.Length} characters are too many for a recipe (at most {LargestCharacters})");
        }

        RecipeYaml reader = new(text, place);
        try
        {
            return reader.Document();
        }
        catch (YamlException error)
        {
            throw new CamelsException(ExitCode.Usage, $"{place(error.Start)}: not valid YAML: {error.Message}", error);
        }
        catch (Exception error) when (error is not CamelsException)
        {
            // The parser has states that it did not expect; for the user they are the same thing.
            throw new CamelsException(ExitCode.Usage, $"{place(reader._parser.Current?.Start ?? Mark.Empty)}: not valid YAML: {error.GetType().Name}", error);
        }
    }

    private RecipeNode? Document()
    {
        _ = _parser.Consume<StreamStart>();
        if (_parser.TryConsume<StreamEnd>(out _))
        {
            return null;
        }

        _ = _parser.Consume<DocumentStart>();
        RecipeNode root = Node(depth: 0);
        _ = _parser.Consume<DocumentEnd>();
        return _parser.Current is DocumentStart second
            ? throw CamelsException.Usage($"{_place(second.Start)}: a second YAML document begins; a recipe is one")
            : root;
    }

    private RecipeNode Node(int depth)
    {
        NodeEvent node = _parser.Consume<ParsingEvent>() switch
        {
            AnchorAlias alias => throw CamelsException.Usage($"{_place(alias.Start)}: alias *{alias.Value} is not accepted; write the value out"),
            NodeEvent value => value,
            ParsingEvent other => throw CamelsException.Usage($"{_place(other.Start)}: a value is missing"),
        };
        string place = _place(node.Start);
        if (!node.Anchor.IsEmpty || (!node.Tag.IsEmpty && !node.Tag.IsNonSpecific))
        {
            throw CamelsException.Usage($"{place}: anchors and tags are not accepted in a recipe; write the value out");
        }

        if (depth > LargestDepth)
        {
            throw CamelsException.Usage($"{place}: nested deeper than any recipe ({LargestDepth} levels)");
        }

        return node switch
        {
            Scalar scalar => new RecipeScalar(scalar.Value, scalar.Style == ScalarStyle.Plain, place),
            SequenceStart => Sequence(place, depth),
            _ => Mapping(place, depth),
        };
    }

    private RecipeSequence Sequence(string place, int depth)
    {
        List<RecipeNode> items = [];
        while (!_parser.TryConsume<SequenceEnd>(out _))
        {
            items.Add(Node(depth + 1));
        }

        return new RecipeSequence(items, place);
    }

    private RecipeMapping Mapping(string place, int depth)
    {
        Dictionary<string, RecipeNode> values = [];
        while (!_parser.TryConsume<MappingEnd>(out _))
        {
            RecipeNode key = Node(depth + 1);
            if (key is not RecipeScalar { Text: string name })
            {
                throw CamelsException.Usage($"{key.Place}: a key must be a word, this is {key.Describe()}");
            }

            RecipeNode value = Node(depth + 1) with { Place = key.Place };
            if (!values.TryAdd(name, value))
            {
                throw CamelsException.Usage($"{key.Place}: key {name} is given twice (first at {values[name].Place}); keep one");
            }
        }

        return new RecipeMapping(values, place);
    }
}
