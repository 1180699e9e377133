using Camels.Engine.Checkpoints;
using Camels.Kernels;
using Camels.Kernels.Ops;

namespace Camels.Engine.Verification;

/// <summary>NF4 quantisation and back, with and without quantised scales, against golden vectors.</summary>
internal static class Nf4Check
{
    private const long MostElements = 1 << 26;

    public static void Run(GoldenCase goldenCase, Device device, CheckReport report)
    {
        foreach (StoredTensor input in goldenCase.Inputs.Tensors)
        {
            Check(goldenCase, device, report, input);
        }
    }

    private static void Check(GoldenCase goldenCase, Device device, CheckReport report, StoredTensor input)
    {
        DeviceStream stream = device.Stream;
        string name = input.Name;
        if (input.ElementCount is < 1 or > MostElements)
        {
            throw GoldenCase.Refused(input, $"has {input.ElementCount} elements, expected 1 to {MostElements}");
        }

        int blocks = Nf4.Blocks(input.ElementCount);
        using Arena arena = Arena.Allocate(device, (16 * input.ElementCount) + (1 << 16), "verification");
        Tensor x = arena.New(DType.F32, (int)input.ElementCount);
        Tensor y = arena.New(DType.F32, (int)input.ElementCount);
        Tensor codes = arena.New(DType.U8, Nf4.CodeBytes(input.ElementCount));
        Tensor absmax = arena.New(DType.F32, blocks);
        Tensor scales = arena.New(DType.U8, blocks);
        Tensor nestedScales = arena.New(DType.F32, Nf4.NestedBlocks(blocks));
        Tensor offset = arena.New(DType.F32, 1);
        input.Read(stream, x);

        Nf4.Quantize(stream, codes: codes, absmax: absmax, x: x);
        ExpectBytes(goldenCase, stream, report, $"{name}.packed", codes, ZeroBlocks(goldenCase.Outputs.Find($"{name}.absmax")));
        Expect(goldenCase, stream, report, $"{name}.absmax", absmax, tolerance: 0);
        Nf4.Dequantize(stream, y: y, codes: codes, absmax: absmax);
        Expect(goldenCase, stream, report, $"{name}.dequant", y, goldenCase.Tolerance("dequant", "rel"));

        Nf4.QuantizeScales(stream, scales: scales, nestedScales: nestedScales, offset: offset, absmax: absmax);
        ExpectBytes(goldenCase, stream, report, $"{name}.dq.absmax_q", scales, zeroBlocks: []);
        double offsetTolerance = goldenCase.Tolerance("dq.offset", "rel");
        Expect(goldenCase, stream, report, $"{name}.dq.offset", offset, offsetTolerance);
        Expect(goldenCase, stream, report, $"{name}.dq.nested_absmax", nestedScales, offsetTolerance);
        Nf4.DequantizeScales(stream, absmax: absmax, scales: scales, nestedScales: nestedScales, offset: offset);
        double tolerance = goldenCase.Tolerance("dq.dequant", "rel");
        Expect(goldenCase, stream, report, $"{name}.dq.absmax", absmax, tolerance);
        Nf4.Dequantize(stream, y: y, codes: codes, absmax: absmax);
        Expect(goldenCase, stream, report, $"{name}.dq.dequant", y, tolerance);
    }

    private static HashSet<int> ZeroBlocks(StoredTensor? absmax) => absmax is null
        ? []
        : [.. GoldenCase.Values(absmax).Select((value, block) => (value, block)).Where(pair => pair.value == 0).Select(pair => pair.block)];

    private static void Expect(GoldenCase goldenCase, DeviceStream stream, CheckReport report, string name, Tensor actual, double tolerance)
    {
        if (goldenCase.Outputs.Find(name) is not StoredTensor expected)
        {
            report.AddAbsent(name);
            return;
        }

        RequireCount(expected, actual.Elements);
        report.Add(name, Errors.RelativeToMaximum(DeviceNumbers.Read(stream, actual), GoldenCase.Values(expected)), tolerance, $"{expected.ElementCount} values");
    }

    // A block of zeros may hold any code.
    private static void ExpectBytes(
        GoldenCase goldenCase, DeviceStream stream, CheckReport report, string name, Tensor actual, HashSet<int> zeroBlocks)
    {
        if (goldenCase.Outputs.Find(name) is not StoredTensor expected)
        {
            report.AddAbsent(name);
            return;
        }

        RequireCount(expected, actual.Elements);
        byte[] bytes = new byte[actual.Elements];
        byte[] wanted = new byte[actual.Elements];
        HostTransfer.ToHost<byte>(stream, actual, bytes);
        expected.Read(DType.U8, wanted);
        int wrong = 0;
        for (int i = 0; i < bytes.Length; i++)
        {
            wrong += bytes[i] == wanted[i] || zeroBlocks.Contains(2 * i / Nf4.BlockElements) ? 0 : 1;
        }

        report.Add(name, wrong, tolerance: 0, $"{bytes.Length} bytes");
    }

    // Rows and columns do not matter to NF4.
    private static void RequireCount(StoredTensor expected, long elements)
    {
        if (expected.ElementCount != elements)
        {
            throw GoldenCase.Refused(expected, $"has {expected.ElementCount} elements, expected {elements}");
        }
    }
}
