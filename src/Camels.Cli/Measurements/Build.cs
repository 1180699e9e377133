using System.Reflection;

namespace Camels.Cli.Measurements;

/// <summary>Which build of the program runs.</summary>
internal static class Build
{
    /// <summary>The commit it was built from, or its version where it was not built in a repository.</summary>
    public static string Commit
    {
        get
        {
            string version = typeof(Build).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion ?? "unknown";
            return version[(version.IndexOf('+') + 1)..];
        }
    }
}
