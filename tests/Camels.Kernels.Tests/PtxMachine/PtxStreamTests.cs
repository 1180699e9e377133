using Camels.Kernels.Interop;
using Xunit;

namespace Camels.Kernels.Tests.PtxMachine;

/// <summary>Work in streams is done as late and as shuffled as a driver may: right programs do not see it, wrong ones do.</summary>
public sealed unsafe class PtxStreamTests
{
    private const int Seeds = 20;
    private const int Bytes = 1024;

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void A_missing_wait_for_an_event_is_seen(bool waits)
    {
        int right = Count((device, first, second) =>
        {
            using CudaEvent written = new(device.Context);
            using CudaMemory a = new(device.Context, Bytes);
            using CudaMemory b = new(device.Context, Bytes);
            first.Fill(a.Raw, 7, Bytes);
            written.Record(first);
            if (waits)
            {
                second.WaitFor(written);
            }

            second.Copy(b.Raw, a.Raw, Bytes);
            return Read(device, second, b) == 7;
        });
        Assert.True(waits ? right == Seeds : right < Seeds / 2 + 5, $"{right} of {Seeds}");
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Pinned_memory_that_is_reused_too_early_is_seen(bool waits)
    {
        int right = Count((device, first, second) =>
        {
            using CudaEvent copied = new(device.Context);
            using CudaMemory a = new(device.Context, Bytes);
            using CudaPinnedMemory pinned = new(device.Context, Bytes);
            new Span<byte>((void*)pinned.Raw, Bytes).Fill(1);
            first.CopyToDevice(a.Raw, (void*)pinned.Raw, Bytes);
            copied.Record(first);
            if (waits)
            {
                copied.Synchronize();
            }

            new Span<byte>((void*)pinned.Raw, Bytes).Fill(2);
            return Read(device, first, a) == 1;
        });
        Assert.Equal(waits ? Seeds : 0, right);
    }

    [Fact]
    public void What_is_read_before_the_stream_is_waited_for_is_not_there()
    {
        int right = Count((device, first, second) =>
        {
            using CudaMemory a = new(device.Context, Bytes);
            using CudaPinnedMemory pinned = new(device.Context, Bytes);
            *(byte*)pinned.Raw = 0;
            first.Fill(a.Raw, 7, Bytes);
            first.CopyToHost((void*)pinned.Raw, a.Raw, Bytes);
            bool isThere = *(byte*)pinned.Raw == 7;
            first.Synchronize();
            Assert.Equal(7, *(byte*)pinned.Raw);
            return isThere;
        });
        Assert.Equal(0, right);
    }

    [Fact]
    public void Recorded_work_runs_again()
    {
        int right = Count((device, first, second) =>
        {
            using CudaMemory a = new(device.Context, Bytes);
            using CudaMemory b = new(device.Context, Bytes);
            first.Fill(a.Raw, 3, Bytes);
            first.Fill(b.Raw, 0, Bytes);
            first.BeginCapture();
            first.Copy(b.Raw, a.Raw, Bytes);
            using CudaGraph graph = first.EndCapture();
            bool isUntouched = Read(device, first, b) == 0;
            graph.Launch(first);
            bool isCopied = Read(device, first, b) == 3;
            first.Fill(a.Raw, 4, Bytes);
            graph.Launch(first);
            return isUntouched && isCopied && Read(device, first, b) == 4;
        });
        Assert.Equal(Seeds, right);
    }

    [Fact]
    public void What_goes_wrong_shows_when_it_is_waited_for_and_stays()
    {
        using CudaDevice device = Open(seed: 1);
        using CudaStream stream = new(device.Context);
        stream.Fill(1 << 20, 0, Bytes);
        NativeException error = Assert.Throws<NativeException>(stream.Synchronize);
        Assert.Equal(NativeFailure.DeviceLost, error.Failure);
        Assert.Contains("no memory of the device", error.Message, StringComparison.Ordinal);
        _ = Assert.Throws<NativeException>(stream.Synchronize);
    }

    private static CudaDevice Open(int seed) =>
        new(PtxDriver.Table, PtxDriver.Add("sm_80", new PtxOptions { Seed = seed }), target: null);

    private static int Count(Func<CudaDevice, CudaStream, CudaStream, bool> run)
    {
        int right = 0;
        for (int seed = 0; seed < Seeds; seed++)
        {
            using CudaDevice device = Open(seed);
            using CudaStream first = new(device.Context);
            using CudaStream second = new(device.Context);
            right += run(device, first, second) ? 1 : 0;
        }

        return right;
    }

    private static byte Read(CudaDevice device, CudaStream stream, CudaMemory memory)
    {
        using CudaPinnedMemory pinned = new(device.Context, Bytes);
        stream.CopyToHost((void*)pinned.Raw, memory.Raw, Bytes);
        stream.Synchronize();
        return *(byte*)pinned.Raw;
    }
}
