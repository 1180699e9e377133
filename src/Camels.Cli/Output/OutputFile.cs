using Camels.Engine;
using Camels.Kernels.Interop;

namespace Camels.Cli.Output;

/// <summary>The file that a verb is told to write.</summary>
internal static class OutputFile
{
    /// <summary>The path to write: that of <c>--output</c>, or, where it is a link, of the file at the link's end, so that the link stays one.</summary>
    /// <exception cref="CamelsException">There is a folder, or something that is no regular file: exit code 2. It is not opened.</exception>
    public static string Require(string path)
    {
        PathKind kind = PathFacts.KindOf(path);
        if (kind == PathKind.Folder || Path.EndsInDirectorySeparator(path))
        {
            throw CamelsException.Usage($"--output {path} is a folder; name the file to write");
        }

        string target = new FileInfo(path).LinkTarget is null ? path : PathFacts.Resolve(path);
        return kind != PathKind.Other && PathFacts.KindOf(target) == kind
            ? target
            : throw CamelsException.Usage($"--output {path} is there and no regular file; name a file to write");
    }
}
