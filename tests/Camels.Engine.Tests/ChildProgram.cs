using System.Diagnostics;
using System.Globalization;
using Camels.Engine.Checkpoints;
using Camels.Engine.Data;
using Camels.Engine.Tests.Checkpoints;

namespace Camels.Engine.Tests;

/// <summary>This assembly as a program: roles that tests start as another process.</summary>
public static class ChildProgram
{
    public static int Main(string[] arguments)
    {
        try
        {
            Play(arguments[0], arguments[1]);
            return 0;
        }
        catch (CamelsException problem)
        {
            Console.Error.WriteLine(problem.Message);
            return (int)problem.Code;
        }
    }

    /// <summary>Starts a role, through <paramref name="launcher"/> if one is named; its outputs are redirected.</summary>
    public static Process Start(string role, string folder, params string[] launcher)
    {
        string[] command = [.. launcher, Environment.ProcessPath!, "exec", typeof(ChildProgram).Assembly.Location, role, folder];
        ProcessStartInfo start = new(command[0], command[1..])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        return Process.Start(start)!;
    }

    private static void Play(string role, string folder)
    {
        switch (role)
        {
            case "save":
                Save(folder, step: 1);
                break;
            case "write-data":
                DataFiles.Write(Path.Combine(folder, "train.ids"), new byte[300_000]);
                break;
            case "save-forever":
                for (long step = 1; ; step++)
                {
                    Save(folder, step);
                }

            case "lock":
                using (RunFolder.Open(folder, resume: true))
                {
                    Console.WriteLine("locked");
                    Console.ReadLine();
                }

                break;
            default:
                throw CamelsException.Usage(role);
        }
    }

    private static void Save(string folder, long step)
    {
        new CheckpointWriter(folder, keep: 2).Save(TrainingStateTests.Checkpoint(step, elements: 100_000));
        Console.WriteLine(step.ToString(CultureInfo.InvariantCulture));
    }
}
