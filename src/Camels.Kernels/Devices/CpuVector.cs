using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Camels.Kernels;

/// <summary>
/// A register of singles of one width, for the kernels that choose the width themselves: loops are written once, generic over this, and the
/// compiler makes one version for each width. The operations are static and take the register as it is, which the compiler handles better
/// than a struct around it.
/// </summary>
internal unsafe interface ICpuVector<TRegister>
    where TRegister : struct
{
    /// <summary>Singles in a register.</summary>
    static abstract int Width { get; }

    /// <summary>True where 32 registers hold a block of 8 × 2, false where only 16 are there.</summary>
    static abstract bool HasManyRegisters { get; }

    static abstract TRegister Load(float* source);

    static abstract void Store(float* destination, TRegister value);

    static abstract TRegister Broadcast(float value);

    static abstract TRegister Add(TRegister a, TRegister b);

    static abstract TRegister Subtract(TRegister a, TRegister b);

    static abstract TRegister Multiply(TRegister a, TRegister b);

    /// <summary>a * b + c, rounded once where the processor can.</summary>
    static abstract TRegister MultiplyAdd(TRegister a, TRegister b, TRegister c);

    static abstract TRegister Max(TRegister a, TRegister b);

    /// <summary>Lane by lane: a &gt; b ? value : otherwise.</summary>
    static abstract TRegister SelectGreater(TRegister a, TRegister b, TRegister value, TRegister otherwise);

    /// <summary>The bits of each lane moved up by 23, to where the exponent of a single is.</summary>
    static abstract TRegister ShiftToExponent(TRegister value);
}

/// <summary>512-bit registers.</summary>
internal readonly unsafe struct CpuVector512 : ICpuVector<Vector512<float>>
{
    public static int Width => 16;

    public static bool HasManyRegisters => true;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Load(float* source) => Vector512.Load(source);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(float* destination, Vector512<float> value) => value.Store(destination);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Broadcast(float value) => Vector512.Create(value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Add(Vector512<float> a, Vector512<float> b) => a + b;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Subtract(Vector512<float> a, Vector512<float> b) => a - b;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Multiply(Vector512<float> a, Vector512<float> b) => a * b;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> MultiplyAdd(Vector512<float> a, Vector512<float> b, Vector512<float> c) => Avx512F.FusedMultiplyAdd(a, b, c);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Max(Vector512<float> a, Vector512<float> b) => Avx512F.Max(a, b);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> SelectGreater(
        Vector512<float> a, Vector512<float> b, Vector512<float> value, Vector512<float> otherwise) =>
        Vector512.ConditionalSelect(Vector512.GreaterThan(a, b), value, otherwise);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> ShiftToExponent(Vector512<float> value) => (value.AsInt32() << 23).AsSingle();
}

/// <summary>256-bit registers.</summary>
internal readonly unsafe struct CpuVector256 : ICpuVector<Vector256<float>>
{
    public static int Width => 8;

    public static bool HasManyRegisters => false;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Load(float* source) => Vector256.Load(source);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(float* destination, Vector256<float> value) => value.Store(destination);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Broadcast(float value) => Vector256.Create(value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Add(Vector256<float> a, Vector256<float> b) => a + b;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Subtract(Vector256<float> a, Vector256<float> b) => a - b;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Multiply(Vector256<float> a, Vector256<float> b) => a * b;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> MultiplyAdd(Vector256<float> a, Vector256<float> b, Vector256<float> c) => Fma.MultiplyAdd(a, b, c);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Max(Vector256<float> a, Vector256<float> b) => Avx.Max(a, b);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> SelectGreater(
        Vector256<float> a, Vector256<float> b, Vector256<float> value, Vector256<float> otherwise) =>
        Vector256.ConditionalSelect(Vector256.GreaterThan(a, b), value, otherwise);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> ShiftToExponent(Vector256<float> value) => (value.AsInt32() << 23).AsSingle();
}

/// <summary>One single at a time.</summary>
internal readonly unsafe struct CpuScalar : ICpuVector<float>
{
    public static int Width => 1;

    public static bool HasManyRegisters => false;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Load(float* source) => *source;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(float* destination, float value) => *destination = value;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Broadcast(float value) => value;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Add(float a, float b) => a + b;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Subtract(float a, float b) => a - b;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Multiply(float a, float b) => a * b;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float MultiplyAdd(float a, float b, float c) => (a * b) + c;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Max(float a, float b) => a > b ? a : b;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float SelectGreater(float a, float b, float value, float otherwise) => a > b ? value : otherwise;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float ShiftToExponent(float value) => BitConverter.Int32BitsToSingle(BitConverter.SingleToInt32Bits(value) << 23);
}
