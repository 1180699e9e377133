namespace Camels.Kernels.Tests.PtxMachine;

/// <summary>A module on an emulated device: puts arrays there, launches, reads back.</summary>
internal sealed unsafe class PtxRun(string text, string name = "test.ptx") : IDisposable
{
    public PtxModule Module { get; } = PtxModule.Parse(text, name);

    public PtxMemory Memory { get; } = new();

    public PtxOptions Options { get; set; } = new() { MostInstructions = 10_000_000 };

    public ulong Put<T>(params T[] values)
        where T : unmanaged
    {
        ulong address = Memory.Allocate((long)values.Length * sizeof(T));
        values.CopyTo(Memory.Span<T>(address, values.Length));
        return address;
    }

    public T[] Get<T>(ulong address, int elements)
        where T : unmanaged => Memory.Span<T>(address, elements).ToArray();

    /// <summary>Launches the kernel with arguments of the types of its parameters (ulong for pointers).</summary>
    public PtxCounters Launch(string kernel, PtxDim grid, PtxDim block, int sharedBytes, params object[] arguments)
    {
        PtxEntry entry = Module.Find(kernel) ?? throw new InvalidOperationException($"no kernel {kernel}");
        byte[] parameters = new byte[entry.ParameterBytes];
        for (int i = 0; i < arguments.Length; i++)
        {
            byte[] bytes = Bytes(arguments[i]);
            bytes.CopyTo(parameters, entry.Parameters[i].OffsetBytes);
        }

        return global::Camels.Kernels.PtxMachine.Launch(entry, grid, block, sharedBytes, parameters, Memory, Options);
    }

    public void Dispose() => Memory.Dispose();

    private static byte[] Bytes(object value) => value switch
    {
        ulong v => BitConverter.GetBytes(v),
        long v => BitConverter.GetBytes(v),
        int v => BitConverter.GetBytes(v),
        uint v => BitConverter.GetBytes(v),
        float v => BitConverter.GetBytes(v),
        byte[] v => v,
        _ => throw new InvalidOperationException($"an argument of type {value.GetType()}"),
    };
}

/// <summary>Small kernels written by hand: 32 threads that load a, b and c, execute an instruction, and store what it gives.</summary>
internal static class PtxSnippet
{
    public const string Head = ".version 8.0\n.target sm_90a\n.address_size 64\n";

    /// <summary>32 lanes of 32-bit values through %a, %b, %c (as bits) to %d; %p and %q are predicates, %w and %x 64-bit registers.</summary>
    public static uint[] Run(string body, uint[] a, uint[]? b = null, uint[]? c = null, int threads = 32)
    {
        string text = $$"""
            {{Head}}
            .visible .entry snippet(.param .u64 out, .param .u64 pa, .param .u64 pb, .param .u64 pc)
            .maxntid 128, 1, 1
            {
                .reg .pred %p, %q; .reg .b16 %h, %i; .reg .b32 %a, %b, %c, %d, %t; .reg .b64 %o, %w, %x, %y;
                mov.u32 %t, %tid.x;
                ld.param.u64 %o, [pa]; mad.wide.u32 %o, %t, 4, %o; ld.global.u32 %a, [%o];
                ld.param.u64 %o, [pb]; mad.wide.u32 %o, %t, 4, %o; ld.global.u32 %b, [%o];
                ld.param.u64 %o, [pc]; mad.wide.u32 %o, %t, 4, %o; ld.global.u32 %c, [%o];
                mov.u32 %d, 0; mov.pred %p, 0; mov.pred %q, 0;
                {{body}}
                ld.param.u64 %o, [out]; mad.wide.u32 %o, %t, 4, %o; st.global.u32 [%o], %d;
                ret;
            }
            """;
        using PtxRun run = new(text);
        ulong output = run.Put(new uint[threads]);
        _ = run.Launch("snippet", new PtxDim(1), new PtxDim(threads), 0, output, run.Put(Fill(a, threads)), run.Put(Fill(b, threads)), run.Put(Fill(c, threads)));
        return run.Get<uint>(output, threads);
    }

    public static uint One(string body, uint a, uint b = 0, uint c = 0) => Run(body, [a], [b], [c])[0];

    public static uint Bits(float value) => BitConverter.SingleToUInt32Bits(value);

    public static float Single(uint bits) => BitConverter.UInt32BitsToSingle(bits);

    // Lanes beyond the given ones repeat them.
    private static uint[] Fill(uint[]? values, int threads) =>
        [.. Enumerable.Range(0, threads).Select(lane => values is null || values.Length == 0 ? 0 : values[lane % values.Length])];
}
