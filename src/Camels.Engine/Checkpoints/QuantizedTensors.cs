using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json;
using Camels.Engine.Parameters;
using Camels.Kernels;
using Camels.Kernels.Ops;

namespace Camels.Engine.Checkpoints;

/// <summary>Fills matrices that are kept in NF4: from real numbers, which are quantised, or from a 4-bit checkpoint of bitsandbytes.</summary>
internal static class QuantizedTensors
{
    private const string StateSuffix = ".quant_state.bitsandbytes__nf4";
    private const int MaximumStateBytes = 4096;

    /// <summary>Fills <paramref name="parameter"/> from the tensor of its name and, where that is quantised, those beside it.</summary>
    /// <param name="stream">Where the parameter lies.</param>
    /// <param name="parameter">A quantised one.</param>
    /// <param name="weight">The tensor.</param>
    /// <param name="files">The files it is in.</param>
    /// <exception cref="CamelsException">The checkpoint is quantised in another way: exit code 3.</exception>
    public static void Load(DeviceStream stream, Parameter parameter, StoredTensor weight, TensorFiles files)
    {
        if (weight.Type != StoredType.U8)
        {
            weight.RequireShape([.. parameter.Extents]);
            Quantize(stream, parameter, weight);
            return;
        }

        using JsonDocument document = ReadState(files.Get(weight.Name + StateSuffix));
        JsonFields state = new(document.RootElement, $"{weight.Path}: {weight.Name}{StateSuffix}");
        state.Require("quant_type", state.Text("quant_type") == "nf4", "\"nf4\"");
        state.Require("blocksize", state.Integer("blocksize", 1, int.MaxValue) == Nf4.BlockElements, $"{Nf4.BlockElements}");
        state.Require("nested_blocksize", state.Integer("nested_blocksize", 1, int.MaxValue) == Nf4.NestedBlockElements, $"{Nf4.NestedBlockElements}");
        state.Require("shape", state.Integers("shape", 1, int.MaxValue).SequenceEqual(parameter.Extents), Shape.Describe([.. parameter.Extents]));
        QuantizedWeight codes = parameter.Codes;
        CopyBytes(stream, codes.Codes, weight);
        CopyBytes(stream, codes.Scales, files.Get($"{weight.Name}.absmax"));
        StoredTensor nested = files.Get($"{weight.Name}.nested_absmax");
        nested.RequireShape((int)codes.NestedScales.Elements);
        nested.Read(stream, codes.NestedScales);
        Layers.HostNumbers.ToDevice(stream, codes.Offset, [state.Number("nested_offset", missing: 0)]);
    }

    /// <summary>The matrix as real numbers, expanded when its first byte is asked for and forgotten after its last.</summary>
    public static TensorToWrite ToWrite(DeviceStream stream, Parameter parameter, DType storedAs)
    {
        float[]? values = null;
        void Fill(long byteOffset, Span<byte> bytes)
        {
            values ??= Expand(stream, parameter);
            ReadOnlySpan<float> part = values.AsSpan((int)(byteOffset / storedAs.Bytes()), bytes.Length / storedAs.Bytes());
            ElementConversion.Convert(DType.F32, MemoryMarshal.AsBytes(part), storedAs, bytes);
            values = byteOffset + bytes.Length == parameter.Elements * storedAs.Bytes() ? null : values;
        }

        return new TensorToWrite(parameter.Name, StoredTypes.Of(storedAs), [.. parameter.Extents.Select(size => (long)size)], Fill);
    }

    private static float[] Expand(DeviceStream stream, Parameter parameter)
    {
        DType wide = parameter.Codes.Offset.DType;
        using DeviceMemory memory = DeviceMemory.Allocate(stream.Device, (parameter.Elements + Nf4.Blocks(parameter.Elements) + 1) * wide.Bytes());
        Tensor real = memory.View(offsetBytes: 0, wide, checked((int)parameter.Elements));
        parameter.Codes.Expand(stream, real, scales: memory.View(parameter.Elements * wide.Bytes(), wide, Nf4.Blocks(parameter.Elements)));
        float[] values = new float[parameter.Elements];
        Layers.HostNumbers.ToHost(stream, real, values);
        return values;
    }

    private static void Quantize(DeviceStream stream, Parameter parameter, StoredTensor weight)
    {
        DType wide = parameter.Codes.Offset.DType;
        using DeviceMemory memory = DeviceMemory.Allocate(stream.Device, parameter.Elements * wide.Bytes());
        using DeviceMemory scales = DeviceMemory.Allocate(stream.Device, (long)Nf4.Blocks(parameter.Elements) * wide.Bytes());
        Tensor real = memory.View(offsetBytes: 0, wide, [.. parameter.Extents]);
        weight.Read(stream, real);
        parameter.Codes.Store(stream, real, scales.View(offsetBytes: 0, wide, Nf4.Blocks(parameter.Elements)));
        stream.Synchronize();       // the staging memory is still being read
    }

    private static void CopyBytes(DeviceStream stream, Tensor destination, StoredTensor stored)
    {
        if (stored.Type != StoredType.U8 || stored.ByteCount != destination.Elements)
        {
            throw CamelsException.BadInput($"{stored.Path}: tensor '{stored.Name}' is {stored.Type} of {stored.ByteCount} bytes, expected U8 of {destination.Elements}");
        }

        HostTransfer.ToDevice(stream, destination, stored.Bytes(byteOffset: 0, (int)stored.ByteCount));
    }

    private static JsonDocument ReadState(StoredTensor state)
    {
        string problem = $"{state.Path}: tensor '{state.Name}' does not describe a quantisation";
        if (state.Type != StoredType.U8 || state.ByteCount > MaximumStateBytes)
        {
            throw CamelsException.BadInput(problem);
        }

        try
        {
            JsonDocument document = JsonDocument.Parse(Encoding.UTF8.GetString(state.Bytes(byteOffset: 0, (int)state.ByteCount)), StrictJson.Options);
            return document.RootElement.ValueKind == JsonValueKind.Object ? document : throw CamelsException.BadInput(problem);
        }
        catch (JsonException broken)
        {
            throw CamelsException.BadInput(problem, broken);
        }
    }
}
