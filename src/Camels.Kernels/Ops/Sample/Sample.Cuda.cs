namespace Camels.Kernels.Ops;

public static partial class Sample
{
    private const int MostThreads = 512;
    private const int LogitsPerThread = 8;
    private const int LogitsOfBlock = 512;             // of native/include/log_sum_exp.cuh
    private const int SharedBytes = 512;               // of sample.cu's Shared
    private const int BytesPerBlock = 2 * sizeof(float);
    private const double TwoTo64 = 18446744073709551616.0;

    private static readonly KernelSet _forward = new("sample", "sample_forward");

    private static void ForwardCuda(
        DeviceStream stream, Tensor tokens, Tensor logProbabilities, Tensor logits, Tensor uniforms, in SampleSettings settings)
    {
        (int rows, int vocabulary) = logits.Rank2();
        int warps = (vocabulary + (CudaParts.WarpThreads * LogitsPerThread) - 1) / (CudaParts.WarpThreads * LogitsPerThread);
        int threads = Math.Min(MostThreads, warps * CudaParts.WarpThreads);
        int blocks = (vocabulary + LogitsOfBlock - 1) / LogitsOfBlock;
        ulong topP = settings.TopP < 1 ? Math.Max(1, (ulong)(settings.TopP * TwoTo64)) : 0;
        stream.Launch(
            _forward[logits.DType], new LaunchSize(rows, threads, SharedBytes: SharedBytes + (blocks * BytesPerBlock)), tokens, logProbabilities,
            logits, uniforms, vocabulary, settings.IsGreedy ? 1 : 0, (float)settings.Temperature, settings.TopK, unchecked((long)topP));
    }
}
