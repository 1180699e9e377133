namespace Camels.Kernels;

/// <summary>
/// Runs PTX on the processor: the same text that a driver would compile for a GPU. Every warp's 32 lanes are executed together, blocks one after
/// the other (or several side by side), warps in an order that the seed decides.
/// </summary>
public static class PtxMachine
{
    /// <summary>Multiprocessors that the machine claims to have.</summary>
    public const int Multiprocessors = 2;

    /// <summary>Most shared memory of a block on sm_80.</summary>
    public const int SharedBytes80 = 166_912;

    /// <summary>Most shared memory of a block on sm_90.</summary>
    public const int SharedBytes90 = 232_448;

    private const int MostBlockThreads = 1024;

    /// <summary>Runs a kernel to its end.</summary>
    /// <param name="entry">The kernel.</param>
    /// <param name="grid">Blocks.</param>
    /// <param name="block">Threads of a block.</param>
    /// <param name="dynamicSharedBytes">Shared memory beyond what the text declares.</param>
    /// <param name="parameters">The parameters as they lie in memory, <see cref="PtxEntry.ParameterBytes"/> long.</param>
    /// <param name="memory">The device's memory.</param>
    /// <param name="options">How to run.</param>
    /// <exception cref="PtxException">The kernel or the launch did something wrong; one line with kernel, block, thread and line.</exception>
    public static PtxCounters Launch(
        PtxEntry entry,
        PtxDim grid,
        PtxDim block,
        int dynamicSharedBytes,
        ReadOnlySpan<byte> parameters,
        PtxMemory memory,
        PtxOptions options)
    {
        PtxProgram program = entry.Program();
        Check(entry, grid, block, dynamicSharedBytes, parameters);
        PtxSettings settings = new(program, grid, block, dynamicSharedBytes, parameters.ToArray(), memory, options);
        int threads = options.ChecksRaces ? 1 : (int)Math.Min(options.Threads, grid.Count);
        return threads <= 1 ? RunBlocks(settings, first: 0, step: 1) : RunParallel(settings, threads);
    }

    private static void Check(PtxEntry entry, PtxDim grid, PtxDim block, int dynamicSharedBytes, ReadOnlySpan<byte> parameters)
    {
        int most = entry.Module.Target.StartsWith("sm_9", StringComparison.Ordinal) ? SharedBytes90 : SharedBytes80;
        int threads = entry.MaximumThreads == 0 ? MostBlockThreads : entry.MaximumThreads;
        string? wrong = grid.X < 1 || grid.Y is < 1 or > 65535 || grid.Z is < 1 or > 65535 ? $"a grid of {grid}"
            : block.X < 1 || block.Y < 1 || block.Z is < 1 or > 64 || block.Count > threads ? $"a block of {block}; the kernel allows {threads} threads"
            : dynamicSharedBytes < 0 || dynamicSharedBytes + entry.StaticSharedBytes > most
                ? $"{dynamicSharedBytes:N0} + {entry.StaticSharedBytes:N0} bytes of shared memory; a block has {most:N0}"
            : parameters.Length != entry.ParameterBytes ? $"{parameters.Length} bytes of parameters; the kernel takes {entry.ParameterBytes}"
            : null;
        if (wrong is not null)
        {
            throw new PtxException(PtxFault.Launch, $"kernel {entry.Name} cannot be launched with {wrong}");
        }
    }

    private static PtxCounters RunBlocks(PtxSettings settings, long first, long step)
    {
        using PtxBlock block = new(settings);
        for (long index = first; index < settings.Grid.Count; index += step)
        {
            block.Run(index);
        }

        return block.Counters;
    }

    // Each thread takes every n-th block. Of several errors, that of the first block in order is reported.
    private static PtxCounters RunParallel(PtxSettings settings, int threads)
    {
        PtxCounters[] counters = new PtxCounters[threads];
        (long Block, PtxException Error)[] errors = new (long, PtxException)[threads];
        Parallel.For(0, threads, new ParallelOptions { MaxDegreeOfParallelism = threads }, thread =>
        {
            using PtxBlock block = new(settings);
            for (long index = thread; index < settings.Grid.Count; index += threads)
            {
                try
                {
                    block.Run(index);
                }
                catch (PtxException error)
                {
                    errors[thread] = (index, error);
                    return;
                }
            }

            counters[thread] = block.Counters;
        });

        PtxCounters sum = default;
        foreach (PtxCounters part in counters)
        {
            sum.Add(part);
        }

        PtxException? firstError = errors.Where(error => error.Error is not null).OrderBy(error => error.Block).FirstOrDefault().Error;
        return firstError is null ? sum : throw firstError;
    }
}

/// <summary>What all blocks of a launch share.</summary>
internal sealed record PtxSettings(
    PtxProgram Program, PtxDim Grid, PtxDim Block, int DynamicSharedBytes, byte[] Parameters, PtxMemory Memory, PtxOptions Options);
