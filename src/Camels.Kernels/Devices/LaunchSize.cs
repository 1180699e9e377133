namespace Camels.Kernels;

/// <summary>The size of a launch: blocks in x, y and z, threads of a block (in x), and its dynamic shared memory.</summary>
internal readonly record struct LaunchSize(long X, int Threads, int Y = 1, int Z = 1, int SharedBytes = 0)
{
    /// <summary>Blocks of <paramref name="threads"/> that cover <paramref name="work"/>, one thread for each <paramref name="workPerThread"/>.</summary>
    public static LaunchSize Covering(long work, int threads, int workPerThread = 1)
    {
        long perBlock = (long)threads * workPerThread;
        return new LaunchSize((work + perBlock - 1) / perBlock, threads);
    }

    /// <summary>True where there is nothing to do.</summary>
    public bool IsEmpty => X == 0 || Y == 0 || Z == 0;
}

/// <summary>Sees a launch before the driver does.</summary>
internal delegate void LaunchObserver(Kernel kernel, in LaunchSize size, ReadOnlySpan<KernelArgument> arguments);
