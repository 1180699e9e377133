using System.Numerics;

namespace Camels.Kernels;

/// <summary>
/// Sums over the rows of a matrix for each column, as the gradients of norms and biases are: a lane's rows in slices (native/include/rows.cuh),
/// the slices in order, a binary tree over the lanes, one addition to the gradient. The slices lie in the stream's scratch memory; where it is
/// too small for all lanes, aligned groups of lanes follow each other and the tree goes on over the groups, which changes no bit.
/// </summary>
internal readonly ref struct CudaLaneSums
{
    private const int SlicesPerLane = 32;
    private const int MostLanesOfGroup = 256;
    private const int MostWarps = 8;

    private static readonly Kernel _laneSums = new("lane_sums", "lane_sums_f32");

    private readonly DeviceStream _stream;
    private readonly Tensor _laneBounds;
    private readonly int _columns;
    private readonly int _vectors;

    /// <param name="stream">Where it runs.</param>
    /// <param name="laneBounds">The first rows of the lanes, and the number of rows.</param>
    /// <param name="columns">Columns of the matrix.</param>
    /// <param name="vectors">Sums to form in one pass.</param>
    public CudaLaneSums(DeviceStream stream, Tensor laneBounds, int columns, int vectors)
    {
        _stream = stream;
        _laneBounds = laneBounds;
        _columns = columns;
        _vectors = vectors;
        int lanes = laneBounds.Shape[0] - 1;
        long laneBytes = (long)vectors * SlicesPerLane * columns * sizeof(float);
        long totalBytes = (long)vectors * lanes * columns * sizeof(float);      // those of the groups: fewer than lanes
        long fitting = laneBytes == 0 ? lanes : (stream.ScratchBytes - totalBytes) / laneBytes;
        TensorChecks.RequireThat(fitting >= 1, $"sums of {columns:N0} columns over {lanes:N0} lanes need more than {stream.ScratchBytes:N0} bytes");
        LanesOfGroup = Math.Min(lanes, 1 << BitOperations.Log2((uint)Math.Min(fitting, MostLanesOfGroup)));
        Groups = lanes / LanesOfGroup;
    }

    /// <summary>Lanes that are summed in one launch.</summary>
    public int LanesOfGroup { get; }

    /// <summary>Launches that all lanes take.</summary>
    public int Groups { get; }

    /// <summary>The size of a launch that sums slices.</summary>
    public LaunchSize OfSlices(int threads, int sharedBytes = 0) => new((long)LanesOfGroup * SlicesPerLane, threads, SharedBytes: sharedBytes);

    /// <summary>The same where blocks share the columns of a row.</summary>
    public LaunchSize OfWideSlices() =>
        OfSlices(CudaParts.WideSumThreads) with { Y = CudaParts.ColumnTiles(_columns, CudaParts.WideSumThreads) };

    /// <summary>The bounds of a group's lanes.</summary>
    public Tensor BoundsOf(int group) => _laneBounds.Rows(group * LanesOfGroup, LanesOfGroup + 1);

    /// <summary>Where the kernel leaves the sums of the slices: (lanes of the group, slices, columns).</summary>
    public Tensor Slices(int vector) => Scratch(((long)vector * LanesOfGroup * SlicesPerLane) + (_vectors * Groups));

    /// <summary>Puts a group's slices together, and with the last group everything, which is added to <paramref name="sum"/>.</summary>
    public void Finish(int group, int vector, Tensor sum)
    {
        bool isOnly = Groups == 1;
        Tensor totals = Scratch(vector * Groups);
        Tensor groupTotal = Scratch((vector * Groups) + group);
        Launch(isOnly ? sum : groupTotal, Slices(vector), BoundsOf(group), LanesOfGroup, isAdded: isOnly);
        if (!isOnly && group == Groups - 1)
        {
            Launch(sum, totals, laneBounds: default, Groups, isAdded: true);
        }
    }

    private void Launch(Tensor sum, Tensor slices, Tensor laneBounds, int lanes, bool isAdded)
    {
        int threads = CudaParts.WarpThreads * Math.Min(lanes, MostWarps);
        int sharedBytes = lanes * CudaParts.WarpThreads * sizeof(float);
        LaunchSize size = new((_columns + CudaParts.WarpThreads - 1) / CudaParts.WarpThreads, threads, SharedBytes: sharedBytes);
        _stream.Launch(_laneSums, size, sum, slices, laneBounds, lanes, _columns, isAdded ? 1 : 0);
    }

    private Tensor Scratch(long vectors) =>
        new(_stream.Scratch + (nint)(vectors * _columns * sizeof(float)), DType.F32, new Shape(0));
}
