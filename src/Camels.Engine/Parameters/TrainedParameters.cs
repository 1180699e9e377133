using System.IO.Enumeration;

namespace Camels.Engine.Parameters;

/// <summary>Which parameters a run trains: all of a model, those of its adapters, those whose names match patterns.</summary>
public static class TrainedParameters
{
    /// <summary>Freezes the others.</summary>
    /// <param name="units">All weights.</param>
    /// <param name="patterns">
    /// Names with * for any text, such as "*.bias"; adapters are trained too. Null: the adapters where there are some, else everything.
    /// </param>
    /// <exception cref="CamelsException">A pattern selects nothing, or a weight that is kept in NF4: exit code 2.</exception>
    public static void Select(IReadOnlyList<ParameterUnit> units, IReadOnlyList<string>? patterns)
    {
        Parameter[] all = [.. units.SelectMany(u => u.Parameters).Where(p => p.TiedTo is null)];
        bool hasAdapters = all.Any(p => p.IsAdapter);
        foreach (Parameter parameter in all)
        {
            parameter.IsTrained = parameter.IsAdapter || (patterns is null ? !hasAdapters : patterns.Any(pattern => Matches(pattern, parameter)));
            if (parameter.IsTrained && parameter.IsQuantized)
            {
                throw CamelsException.Usage($"train selects {parameter.Name}, which is kept in NF4 and cannot be trained");
            }
        }

        if (patterns?.FirstOrDefault(pattern => !all.Any(p => Matches(pattern, p))) is string idle)
        {
            throw CamelsException.Usage(
                $"train: \"{idle}\" selects 0 parameters of {all.Length}; their names are such as {all[0].Name} and {all[^1].Name}");
        }
    }

    private static bool Matches(string pattern, Parameter parameter) =>
        FileSystemName.MatchesSimpleExpression(pattern, parameter.Name, ignoreCase: false);
}
