using System.Globalization;
using BenchmarkDotNet.Configs;
using BenchmarkDotNet.Jobs;
using BenchmarkDotNet.Running;
using BenchmarkDotNet.Toolchains.InProcess.Emit;

namespace Camels.Perf;

/// <summary>
/// Times the operators' test cases on the CPU: <c>dotnet run -c Release --project perf/Camels.Perf -- --filter '*'</c>. Sizes of models and
/// shares of ceilings are <c>camels bench</c>'s. <c>-- mixture FOLDER 500000 CORPUS</c> writes data to prepare.
/// </summary>
internal static class Program
{
    private static void Main(string[] args)
    {
        if (args is ["mixture", string folder, string conversations, string corpus])
        {
            MixtureGenerator.Write(folder, int.Parse(conversations, CultureInfo.InvariantCulture), corpus);
            return;
        }

        IConfig config = DefaultConfig.Instance.AddJob(Job.ShortRun.WithToolchain(InProcessEmitToolchain.Instance));
        _ = BenchmarkSwitcher.FromTypes([typeof(OperatorBenchmarks)]).Run(args, config);
    }
}
