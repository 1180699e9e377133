namespace Camels.Engine.Data.Datasets;

/// <summary>
/// Super-Natural Instructions: the repository as a folder or as GitHub's .zip, from which the training tasks of splits/xlingual are taken but
/// for those of MMLU, which is tested on; or one task file. A task gives 60 zero-shot and 20 two-shot conversations.
/// </summary>
internal static class SuperNi
{
    private const string TaskList = "splits/xlingual/train_tasks.txt";
    private const string TestTaskMark = "_mmmlu_";

    public static IEnumerable<Conversation> Read(DatasetInput input)
    {
        HashSet<string> tasks = TaskFiles(input);
        long index = 0;
        foreach (DataFile file in DataFiles.OpenAll(input).Where(file => tasks.Contains(file.Name)))
        {
            SuperNiTask task = SuperNiTask.Read(file, input);
            foreach (Conversation conversation in task.Conversations(index))
            {
                yield return conversation;
                index++;
            }
        }
    }

    // Names as the opened files have them.
    private static HashSet<string> TaskFiles(DatasetInput input)
    {
        HashSet<string> names = [];
        List<(RecordPlace Place, string Task)>? listed = null;
        foreach (DataFile file in DataFiles.OpenAll(input, countsBytes: false))
        {
            names.Add(file.Name);
            if (listed is null && $"/{file.Name}".EndsWith($"/{TaskList}", StringComparison.Ordinal))
            {
                listed = ReadList(file);
            }
        }

        if (listed is null)
        {
            return names.Count == 1
                ? names
                : throw CamelsException.BadInput($"{input.Files[0]}: no {TaskList} beside the tasks, which says which of them are for training.");
        }

        string folder = listed[0].Place.File[..^TaskList.Length];
        HashSet<string> tasks = [];
        foreach ((RecordPlace place, string task) in listed)
        {
            string name = $"{folder}tasks/{task}.json";
            if (task.Contains(TestTaskMark, StringComparison.Ordinal))
            {
                input.LeaveOut(place, "a task of MMLU, which is tested on");
            }
            else if (names.Contains(name))
            {
                tasks.Add(name);
            }
            else
            {
                throw place.Error($"task {task} has no file {name}.");
            }
        }

        return tasks;
    }

    private static List<(RecordPlace Place, string Task)> ReadList(DataFile file)
    {
        using TextScanner text = new(file);
        List<(RecordPlace, string)> listed = [];
        foreach (string line in text.Lines().Where(line => !string.IsNullOrWhiteSpace(line)))
        {
            listed.Add((new RecordPlace(file.Name, text.Line, listed.Count + 1), line.Trim()));
        }

        return listed.Count > 0 ? listed : throw CamelsException.BadInput($"{file.Name}: lists no task.");
    }
}
