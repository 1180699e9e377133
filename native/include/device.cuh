// The only file with compiler switches and inline assembly. Two readers: clang without any CUDA SDK, and nvcc. Kernels include this and
// nothing else. Every special instruction is one small function; a kernel holds no asm.
#pragma once

#if defined(__NVCC__)   // not __clang__: nvcc's host pass may be clang
    #define DEVICE static __device__ __forceinline__
    #define KERNEL extern "C" __global__ void
    #define BOUNDS(threads, blocks) __launch_bounds__(threads, blocks)
    #define SHARED_MEMORY(name) extern __shared__ __align__(1024) unsigned char name[]
    #define TENSOR_MAP_PARAMETER(name) const __grid_constant__ TensorMap name
    #define PARAM_ADDRESS(K, I, P) (&(P))
#else
    #define __global__ __attribute__((global))
    #define __device__ __attribute__((device))
    #define __shared__ __attribute__((shared))
    #define __constant__ __attribute__((constant))
    #define DEVICE static __device__ inline __attribute__((always_inline))
    #define KERNEL extern "C" __global__ void
    #define BOUNDS(threads, blocks) __attribute__((launch_bounds(threads, blocks)))
    #define SHARED_MEMORY(name) extern __shared__ __attribute__((aligned(1024))) unsigned char name[]
    #define TENSOR_MAP_PARAMETER(name) const TensorMap name
    // &(P) would copy the map to local memory, and the copy engine would read the copy: take the parameter's own address.
    #define PARAM_ADDRESS(K, I, P) __extension__ ({ const TensorMap* a; \
        asm("{ .reg .b64 t; mov.b64 t, " #K "_param_" #I "; cvta.param.u64 %0, t; }" : "=l"(a)); a; })
#endif

// ---- Numbers ------------------------------------------------------------------------------------------------------------------------

struct bf16 { unsigned short bits; };
struct f16 { unsigned short bits; };
struct alignas(16) Words4 { unsigned int x, y, z, w; };
struct alignas(64) TensorMap { unsigned long long opaque[16]; };

DEVICE float bits_to_float(unsigned int bits) { float v; asm("mov.b32 %0, %1;" : "=f"(v) : "r"(bits)); return v; }
DEVICE unsigned int float_to_bits(float v) { unsigned int bits; asm("mov.b32 %0, %1;" : "=r"(bits) : "f"(v)); return bits; }

DEVICE float widen(float v) { return v; }
DEVICE float widen(bf16 v) { return bits_to_float((unsigned int)v.bits << 16); }
DEVICE float widen(f16 v) { float w; asm("cvt.f32.f16 %0, %1;" : "=f"(w) : "h"(v.bits)); return w; }

// Two singles to two halves of a word, each to nearest even; low is the lower half.
DEVICE unsigned int pack_bf16(float low, float high) {
    unsigned int w;
    asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(w) : "f"(high), "f"(low));
    return w;
}
DEVICE unsigned int pack_f16(float low, float high) {
    unsigned int w;
    asm("cvt.rn.f16x2.f32 %0, %1, %2;" : "=r"(w) : "f"(high), "f"(low));
    return w;
}

DEVICE void store(float* p, float v) { *p = v; }
DEVICE void store(bf16* p, float v) { p->bits = (unsigned short)pack_bf16(v, 0.0f); }
DEVICE void store(f16* p, float v) { p->bits = (unsigned short)pack_f16(v, 0.0f); }

// The value after rounding to T: what a reader of the stored element sees.
DEVICE float rounded(float v, float) { return v; }
DEVICE float rounded(float v, bf16) { return bits_to_float(pack_bf16(0.0f, v) & 0xFFFF0000u); }
DEVICE float rounded(float v, f16) { f16 h; store(&h, v); return widen(h); }

// ---- Where this thread is -----------------------------------------------------------------------------------------------------------

DEVICE unsigned int thread_x() { unsigned int v; asm("mov.u32 %0, %%tid.x;" : "=r"(v)); return v; }
DEVICE unsigned int threads_x() { unsigned int v; asm("mov.u32 %0, %%ntid.x;" : "=r"(v)); return v; }
DEVICE unsigned int block_x() { unsigned int v; asm("mov.u32 %0, %%ctaid.x;" : "=r"(v)); return v; }
DEVICE unsigned int block_y() { unsigned int v; asm("mov.u32 %0, %%ctaid.y;" : "=r"(v)); return v; }
DEVICE unsigned int block_z() { unsigned int v; asm("mov.u32 %0, %%ctaid.z;" : "=r"(v)); return v; }
DEVICE unsigned int blocks_x() { unsigned int v; asm("mov.u32 %0, %%nctaid.x;" : "=r"(v)); return v; }
DEVICE unsigned int blocks_y() { unsigned int v; asm("mov.u32 %0, %%nctaid.y;" : "=r"(v)); return v; }
DEVICE unsigned int lane_of_warp() { return thread_x() & 31u; }
DEVICE unsigned int warp_of_block() { return thread_x() >> 5; }

// ---- Global memory ------------------------------------------------------------------------------------------------------------------

DEVICE unsigned long long address_of(const void* p) { return (unsigned long long)p; }
DEVICE bool is_aligned_16(const void* a) { return (address_of(a) & 15) == 0; }
DEVICE bool is_aligned_16(const void* a, const void* b) { return ((address_of(a) | address_of(b)) & 15) == 0; }
DEVICE bool is_aligned_16(const void* a, const void* b, const void* c) {
    return ((address_of(a) | address_of(b) | address_of(c)) & 15) == 0;
}

// 16 bytes that nothing writes while the kernel runs. Where an output may be the input, use load_16.
DEVICE Words4 load_16_constant(const void* p) {
    Words4 v;
    asm("ld.global.nc.v4.u32 {%0, %1, %2, %3}, [%4];" : "=r"(v.x), "=r"(v.y), "=r"(v.z), "=r"(v.w) : "l"(p));
    return v;
}
DEVICE Words4 load_16(const void* p) {
    Words4 v;
    asm volatile("ld.global.v4.u32 {%0, %1, %2, %3}, [%4];" : "=r"(v.x), "=r"(v.y), "=r"(v.z), "=r"(v.w) : "l"(p) : "memory");
    return v;
}
DEVICE void store_16(void* p, Words4 v) {
    asm volatile("st.global.v4.u32 [%0], {%1, %2, %3, %4};" : : "l"(p), "r"(v.x), "r"(v.y), "r"(v.z), "r"(v.w) : "memory");
}

// A 16-byte piece of a row as singles: 4 of float, 8 of bf16 or f16. Array indices are compile-time constants once loops are unrolled.
template <typename T> struct Piece;
template <> struct Piece<float> { static const int count = 4; };
template <> struct Piece<bf16> { static const int count = 8; };
template <> struct Piece<f16> { static const int count = 8; };

DEVICE void widen_piece(float (&v)[4], Words4 w, float) {
    v[0] = bits_to_float(w.x); v[1] = bits_to_float(w.y); v[2] = bits_to_float(w.z); v[3] = bits_to_float(w.w);
}
DEVICE void widen_pair(float& low, float& high, unsigned int w, bf16) {
    low = bits_to_float(w << 16);
    high = bits_to_float(w & 0xFFFF0000u);
}
DEVICE void widen_pair(float& low, float& high, unsigned int w, f16) {
    asm("{ .reg .b16 l, h; mov.b32 {l, h}, %2; cvt.f32.f16 %0, l; cvt.f32.f16 %1, h; }" : "=f"(low), "=f"(high) : "r"(w));
}
template <typename T> DEVICE void widen_piece(float (&v)[8], Words4 w, T type) {
    widen_pair(v[0], v[1], w.x, type);
    widen_pair(v[2], v[3], w.y, type);
    widen_pair(v[4], v[5], w.z, type);
    widen_pair(v[6], v[7], w.w, type);
}
DEVICE unsigned int pack_pair(float low, float high, bf16) { return pack_bf16(low, high); }
DEVICE unsigned int pack_pair(float low, float high, f16) { return pack_f16(low, high); }
DEVICE Words4 pack_piece(const float (&v)[4], float) {
    return {float_to_bits(v[0]), float_to_bits(v[1]), float_to_bits(v[2]), float_to_bits(v[3])};
}
template <typename T> DEVICE Words4 pack_piece(const float (&v)[8], T type) {
    return {pack_pair(v[0], v[1], type), pack_pair(v[2], v[3], type), pack_pair(v[4], v[5], type), pack_pair(v[6], v[7], type)};
}

template <typename T> DEVICE void load_piece(float (&v)[Piece<T>::count], const T* p) { widen_piece(v, load_16(p), T()); }
template <typename T> DEVICE void load_piece_constant(float (&v)[Piece<T>::count], const T* p) { widen_piece(v, load_16_constant(p), T()); }
template <typename T> DEVICE void store_piece(T* p, const float (&v)[Piece<T>::count]) { store_16(p, pack_piece(v, T())); }

// ---- Shared memory ------------------------------------------------------------------------------------------------------------------

// The 32-bit address that shared-memory instructions take.
DEVICE unsigned int shared_address(const void* p) {
    unsigned int a;
    asm("{ .reg .u64 t; cvta.to.shared.u64 t, %1; cvt.u32.u64 %0, t; }" : "=r"(a) : "l"(p));
    return a;
}
DEVICE Words4 load_shared_16(unsigned int address) {
    Words4 v;
    asm volatile("ld.shared.v4.u32 {%0, %1, %2, %3}, [%4];" : "=r"(v.x), "=r"(v.y), "=r"(v.z), "=r"(v.w) : "r"(address) : "memory");
    return v;
}
DEVICE void store_shared_16(unsigned int address, Words4 v) {
    asm volatile("st.shared.v4.u32 [%0], {%1, %2, %3, %4};" : : "r"(address), "r"(v.x), "r"(v.y), "r"(v.z), "r"(v.w) : "memory");
}

// ---- Threads together ---------------------------------------------------------------------------------------------------------------

DEVICE void block_barrier() { asm volatile("bar.sync 0;" : : : "memory"); }
DEVICE void warp_barrier() { asm volatile("bar.warp.sync 0xffffffff;" : : : "memory"); }

DEVICE float shuffle_xor(float v, unsigned int mask) {
    float w;
    asm volatile("shfl.sync.bfly.b32 %0, %1, %2, 0x1f, 0xffffffff;" : "=f"(w) : "f"(v), "r"(mask));
    return w;
}
DEVICE unsigned int shuffle_xor(unsigned int v, unsigned int mask) {
    unsigned int w;
    asm volatile("shfl.sync.bfly.b32 %0, %1, %2, 0x1f, 0xffffffff;" : "=r"(w) : "r"(v), "r"(mask));
    return w;
}
DEVICE float shuffle_from(float v, unsigned int lane) {
    float w;
    asm volatile("shfl.sync.idx.b32 %0, %1, %2, 0x1f, 0xffffffff;" : "=f"(w) : "f"(v), "r"(lane));
    return w;
}
DEVICE unsigned int shuffle_from(unsigned int v, unsigned int lane) {
    unsigned int w;
    asm volatile("shfl.sync.idx.b32 %0, %1, %2, 0x1f, 0xffffffff;" : "=r"(w) : "r"(v), "r"(lane));
    return w;
}

// Every lane gets the sum; the tree's shape is fixed, so the bits are.
DEVICE float warp_sum(float v) {
    for (unsigned int mask = 16; mask > 0; mask >>= 1) v += shuffle_xor(v, mask);
    return v;
}
DEVICE float maximum(float a, float b) { float v; asm("max.f32 %0, %1, %2;" : "=f"(v) : "f"(a), "f"(b)); return v; }
DEVICE float minimum(float a, float b) { float v; asm("min.f32 %0, %1, %2;" : "=f"(v) : "f"(a), "f"(b)); return v; }
DEVICE float warp_maximum(float v) {
    for (unsigned int mask = 16; mask > 0; mask >>= 1) v = maximum(v, shuffle_xor(v, mask));
    return v;
}

// ---- Mathematics --------------------------------------------------------------------------------------------------------------------

// Rounded once; elsewhere a * b + c is fused only where one expression says so (-ffp-contract=on).
DEVICE float fused(float a, float b, float c) { float v; asm("fma.rn.f32 %0, %1, %2, %3;" : "=f"(v) : "f"(a), "f"(b), "f"(c)); return v; }
DEVICE float square_root(float a) { float v; asm("sqrt.rn.f32 %0, %1;" : "=f"(v) : "f"(a)); return v; }

// Within 2 ulp (ex2: 2 ulp of the result, lg2: 2^-22 absolute in [0.5, 2], rsqrt and rcp: 1 to 2 ulp, tanh: 2^-11 relative).
DEVICE float fast_exp2(float a) { float v; asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(v) : "f"(a)); return v; }
DEVICE float fast_log2(float a) { float v; asm("lg2.approx.ftz.f32 %0, %1;" : "=f"(v) : "f"(a)); return v; }
DEVICE float fast_rsqrt(float a) { float v; asm("rsqrt.approx.ftz.f32 %0, %1;" : "=f"(v) : "f"(a)); return v; }
DEVICE float fast_reciprocal(float a) { float v; asm("rcp.approx.ftz.f32 %0, %1;" : "=f"(v) : "f"(a)); return v; }
DEVICE float fast_tanh(float a) { float v; asm("tanh.approx.f32 %0, %1;" : "=f"(v) : "f"(a)); return v; }

// Ends the launch with an error: what the host should have refused.
DEVICE void require(bool holds) { if (!holds) __builtin_trap(); }
