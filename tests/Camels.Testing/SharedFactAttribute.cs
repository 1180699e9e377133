using Xunit;

namespace Camels.Testing;

/// <summary>Finds the real data and golden files that lie beside the checkout in a folder named shared.</summary>
public static class SharedFiles
{
    /// <summary>The folder, or null where it is absent.</summary>
    public static string? Root { get; } = FindRoot();

    /// <summary>The repository's own root (the folder of Camels.sln).</summary>
    public static string Repository { get; } = FindRepository();

    /// <summary>A path below the shared folder. Call it only from tests guarded by <see cref="SharedFactAttribute"/>.</summary>
    public static string Path(string relative) =>
        System.IO.Path.Combine(Root ?? throw new DirectoryNotFoundException("no ../shared beside the checkout"), relative);

    private static string? FindRoot()
    {
        string candidate = System.IO.Path.GetFullPath(System.IO.Path.Combine(FindRepository(), "..", "shared"));
        return Directory.Exists(candidate) ? candidate : null;
    }

    private static string FindRepository()
    {
        DirectoryInfo? folder = new(AppContext.BaseDirectory);
        while (folder is not null && !File.Exists(System.IO.Path.Combine(folder.FullName, "Camels.sln")))
        {
            folder = folder.Parent;
        }

        return folder?.FullName ?? throw new DirectoryNotFoundException("the tests do not run below the repository");
    }
}

/// <summary>A test that needs files of the shared folder; without them it is shown as skipped, with the reason.</summary>
public sealed class SharedFactAttribute : FactAttribute
{
    /// <param name="needed">What the test reads, relative to the shared folder.</param>
    public SharedFactAttribute(params string[] needed) => Skip = SharedSkip.Reason(needed);
}

/// <summary>The same for theories.</summary>
public sealed class SharedTheoryAttribute : TheoryAttribute
{
    /// <param name="needed">What the test reads, relative to the shared folder.</param>
    public SharedTheoryAttribute(params string[] needed) => Skip = SharedSkip.Reason(needed);
}

internal static class SharedSkip
{
    public static string? Reason(string[] needed)
    {
        foreach (string path in needed)
        {
            if (SharedFiles.Root is null || !Path.Exists(Path.Combine(SharedFiles.Root, path)))
            {
                return $"needs ../shared/{path}, which is not beside this checkout";
            }
        }

        return null;
    }
}
