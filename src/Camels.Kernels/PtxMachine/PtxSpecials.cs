namespace Camels.Kernels;

/// <summary>Which special register.</summary>
internal enum PtxSpecial
{
    ThreadX,
    ThreadY,
    ThreadZ,
    ThreadsX,
    ThreadsY,
    ThreadsZ,
    BlockX,
    BlockY,
    BlockZ,
    BlocksX,
    BlocksY,
    BlocksZ,
    Lane,
    Warp,
    Warps,
    Multiprocessor,
    Multiprocessors,
    LanesEqual,
    LanesBelow,
    LanesUpTo,
    LanesAbove,
    LanesFrom,
    DynamicSharedBytes,
    TotalSharedBytes,
    WarpSize,
    ClusterRank,
    ClusterBlocks,
}

/// <summary>The special registers by name.</summary>
internal static class PtxSpecials
{
    private static readonly Dictionary<string, PtxSpecial> All = new()
    {
        ["%tid.x"] = PtxSpecial.ThreadX,
        ["%tid.y"] = PtxSpecial.ThreadY,
        ["%tid.z"] = PtxSpecial.ThreadZ,
        ["%ntid.x"] = PtxSpecial.ThreadsX,
        ["%ntid.y"] = PtxSpecial.ThreadsY,
        ["%ntid.z"] = PtxSpecial.ThreadsZ,
        ["%ctaid.x"] = PtxSpecial.BlockX,
        ["%ctaid.y"] = PtxSpecial.BlockY,
        ["%ctaid.z"] = PtxSpecial.BlockZ,
        ["%nctaid.x"] = PtxSpecial.BlocksX,
        ["%nctaid.y"] = PtxSpecial.BlocksY,
        ["%nctaid.z"] = PtxSpecial.BlocksZ,
        ["%laneid"] = PtxSpecial.Lane,
        ["%warpid"] = PtxSpecial.Warp,
        ["%nwarpid"] = PtxSpecial.Warps,
        ["%smid"] = PtxSpecial.Multiprocessor,
        ["%nsmid"] = PtxSpecial.Multiprocessors,
        ["%lanemask_eq"] = PtxSpecial.LanesEqual,
        ["%lanemask_lt"] = PtxSpecial.LanesBelow,
        ["%lanemask_le"] = PtxSpecial.LanesUpTo,
        ["%lanemask_gt"] = PtxSpecial.LanesAbove,
        ["%lanemask_ge"] = PtxSpecial.LanesFrom,
        ["%dynamic_smem_size"] = PtxSpecial.DynamicSharedBytes,
        ["%total_smem_size"] = PtxSpecial.TotalSharedBytes,
        ["WARP_SZ"] = PtxSpecial.WarpSize,
        ["%cluster_ctarank"] = PtxSpecial.ClusterRank,
        ["%cluster_nctarank"] = PtxSpecial.ClusterBlocks,
    };

    public static bool IsKnown(string name) => All.ContainsKey(name);

    public static PtxSpecial Of(string name) => All[name];

    /// <summary>The value in one lane of a warp.</summary>
    public static uint Value(PtxSpecial special, int warp, int lane, in PtxPlace place)
    {
        int thread = (warp * 32) + lane;
        PtxDim block = place.BlockSize;
        return special switch
        {
            PtxSpecial.ThreadX => (uint)(thread % block.X),
            PtxSpecial.ThreadY => (uint)(thread / block.X % block.Y),
            PtxSpecial.ThreadZ => (uint)(thread / block.X / block.Y),
            PtxSpecial.ThreadsX => (uint)block.X,
            PtxSpecial.ThreadsY => (uint)block.Y,
            PtxSpecial.ThreadsZ => (uint)block.Z,
            PtxSpecial.BlockX => (uint)place.Block.X,
            PtxSpecial.BlockY => (uint)place.Block.Y,
            PtxSpecial.BlockZ => (uint)place.Block.Z,
            PtxSpecial.BlocksX => (uint)place.Grid.X,
            PtxSpecial.BlocksY => (uint)place.Grid.Y,
            PtxSpecial.BlocksZ => (uint)place.Grid.Z,
            PtxSpecial.Lane => (uint)lane,
            PtxSpecial.Warp => (uint)warp,
            PtxSpecial.Warps => (uint)((block.Count + 31) / 32),
            PtxSpecial.Multiprocessors => PtxMachine.Multiprocessors,
            PtxSpecial.LanesEqual => 1u << lane,
            PtxSpecial.LanesBelow => (1u << lane) - 1,
            PtxSpecial.LanesUpTo => (2u << lane) - 1,
            PtxSpecial.LanesAbove => ~((2u << lane) - 1),
            PtxSpecial.LanesFrom => ~((1u << lane) - 1),
            PtxSpecial.DynamicSharedBytes => (uint)place.DynamicSharedBytes,
            PtxSpecial.TotalSharedBytes => (uint)place.SharedBytes,
            PtxSpecial.WarpSize => 32,
            PtxSpecial.ClusterBlocks => 1,
            _ => 0,
        };
    }

    /// <summary>True where every block of a launch sees another value.</summary>
    public static bool DependsOnBlock(PtxSpecial special) => special is PtxSpecial.BlockX or PtxSpecial.BlockY or PtxSpecial.BlockZ;
}

/// <summary>Where a block is.</summary>
internal readonly record struct PtxPlace(PtxDim Grid, PtxDim Block, PtxDim BlockSize, int DynamicSharedBytes, int SharedBytes);
