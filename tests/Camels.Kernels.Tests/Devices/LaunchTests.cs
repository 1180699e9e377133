using System.Text;
using Camels.Kernels.Ops;
using Camels.Testing;
using Xunit;

namespace Camels.Kernels.Tests.Devices;

/// <summary>What every operator passes to its kernels, over all its cases and types, against what the PTX says of them.</summary>
[Collection(RecordingDriver.Alone)]
public class LaunchTests
{
    private static readonly DType[] _types = [DType.F32, DType.BF16, DType.F16];

    [Fact]
    public void Every_kernel_is_launched_as_its_PTX_says()
    {
        Dictionary<string, PtxModule> files = [];
        HashSet<PtxEntry> launched = [];
        foreach (string target in (string[])["sm_80", "sm_90a"])
        {
            using Device device = RecordingDriver.Open(target);
            device.Cuda!.Launching = (Kernel kernel, in LaunchSize size, ReadOnlySpan<KernelArgument> arguments) =>
            {
                PtxEntry entry = Read(files, kernel.File, target).Find(kernel.Entry)!;
                Assert.Null(PtxChecks.CheckCall(entry, in size, arguments));
                _ = launched.Add(entry);
            };
            LaunchCases(device);
            LaunchWhatHasNoCases(device);
            foreach (string file in KernelImage.FilesFor(target))
            {
                _ = Read(files, file, target);
            }
        }

        IEnumerable<PtxEntry> missing = files.Values.SelectMany(file => file.Entries).Except(launched);
        string names = string.Join(", ", missing.Select(entry => $"{entry.Name} of {entry.File}"));
        Assert.True(names.Length == 0, $"no case launches {names}");
    }

    private static void LaunchCases(Device device)
    {
        foreach (OpCase opCase in OpCases.All.Values.SelectMany(cases => cases()))
        {
            foreach (DType dtype in _types)
            {
                RecordingDriver.Run(opCase, device, dtype);
            }
        }
    }

    // Codes and random rounding have no error of plain code to be compared with: CpuBitTests hold them, and CastTests what is neither wide nor the same.
    private static void LaunchWhatHasNoCases(Device device)
    {
        using TestTensors tensors = new(device);
        Tensor singles = tensors.New(DType.F32, 10);
        Tensor one = tensors.New(DType.F32, 1);
        Tensor bytes = tensors.New(DType.U8, 10);
        Tensor rounded = tensors.New(DType.BF16, 10);
        AdamWSettings settings = new()
        {
            LearningRate = 1,
            Beta1 = 0.9,
            Beta2 = 0.9,
            Epsilon = 1,
            WeightDecay = 0,
            GradientScale = 1,
            Step = 1,
        };
        foreach (DType dtype in _types)
        {
            Tensor weight = tensors.New(dtype, 10);
            AdamW.UpdateNarrow(device.Stream, weight, singles, new(rounded, rounded, default, default), singles, tensors.New(DType.F32, 0), seed: 1, settings);
            AdamW.UpdateNarrow(device.Stream, weight, singles, new(bytes, bytes, one, one), singles, tensors.New(DType.F32, 0), seed: 1, settings);
            Nf4.Quantize(device.Stream, codes: bytes.Rows(0, 5), absmax: one, x: weight);
        }

        foreach ((DType from, DType to) in (IEnumerable<(DType, DType)>)[(DType.BF16, DType.BF16), (DType.BF16, DType.F16), (DType.F16, DType.BF16), (DType.F16, DType.F16)])
        {
            Cast.Forward(device.Stream, y: tensors.New(to, 10), x: tensors.New(from, 10));
        }

        Nf4.QuantizeScales(device.Stream, scales: bytes.Rows(0, 1), nestedScales: one, offset: one, absmax: one);
        Cast.Stochastic(device.Stream, y: rounded, x: singles, seed: 1);
    }

    private static PtxModule Read(Dictionary<string, PtxModule> files, string file, string target)
    {
        KernelImage image = KernelImage.Read(file, target);
        if (!files.TryGetValue(image.Origin, out PtxModule? module))
        {
            module = PtxModule.Parse(Encoding.Latin1.GetString(image.Bytes.AsSpan()[..^1]), image.Origin);
            files.Add(image.Origin, module);
        }

        return module;
    }
}
