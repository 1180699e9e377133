namespace Camels.Kernels;

/// <summary>One argument of a launch, by value: an address, a number, or a struct that lies on the caller's stack.</summary>
internal readonly unsafe struct KernelArgument
{
    private readonly long _bits;
    private readonly void* _struct;

    private KernelArgument(long bits, int bytes)
    {
        _bits = bits;
        Bytes = bytes;
    }

    /// <summary>A struct of <paramref name="bytes"/> (a tensor map) that stays where it is until the launch returned.</summary>
    public KernelArgument(void* address, int bytes)
    {
        _struct = address;
        Bytes = bytes;
    }

    /// <summary>Size of the parameter.</summary>
    public int Bytes { get; }

    /// <summary>Where a struct lies; 0 for what is no struct.</summary>
    public nint StructAddress => (nint)_struct;

    /// <summary>The tensor's address.</summary>
    public static implicit operator KernelArgument(Tensor tensor) => new(tensor.Address, sizeof(nint));

    /// <summary>A 64-bit integer: an offset or a count of elements.</summary>
    public static implicit operator KernelArgument(long value) => new(value, sizeof(long));

    /// <summary>A 32-bit integer.</summary>
    public static implicit operator KernelArgument(int value) => new((uint)value, sizeof(int));

    /// <summary>A single.</summary>
    public static implicit operator KernelArgument(float value) => new(BitConverter.SingleToUInt32Bits(value), sizeof(float));

    /// <summary>Where the driver reads the value of <paramref name="argument"/>, which must not move before it did.</summary>
    public static void* AddressOf(KernelArgument* argument) => argument->_struct != null ? argument->_struct : &argument->_bits;
}
