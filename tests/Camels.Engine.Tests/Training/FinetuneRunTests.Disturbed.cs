using Camels.Engine.Training;
using Camels.Kernels;
using Xunit;

namespace Camels.Engine.Tests.Training;

// Files that change or are lost while a run goes on, or between two runs.
public sealed partial class FinetuneRunTests
{
    [Fact]
    public void What_is_saved_has_its_tokenizer_though_the_models_folder_is_gone()
    {
        Recipe recipe = RecipeFor("gone", steps: 3);
        string[] names = [.. Directory.EnumerateFiles(Path.Combine(_folder, "base")).Select(file => Path.GetFileName(file)).Order()];
        CountingWatcher watcher = new(int.MaxValue)
        {
            OnStepped = () =>
            {
                if (Directory.Exists(Path.Combine(_folder, "base")))
                {
                    Directory.Delete(Path.Combine(_folder, "base"), recursive: true);
                }
            },
        };
        RunOutcome outcome = Run(recipe, resume: false, watcher, Device.OpenCpu(threads: 2));
        Assert.Contains("tokenizer.json", names);
        Assert.Empty(names.Except(Directory.EnumerateFiles(outcome.ModelPath!).Select(file => Path.GetFileName(file))));
    }
}
