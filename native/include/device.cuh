// The only file with compiler switches and inline assembly. Two readers: clang without any CUDA SDK, and nvcc. Kernels include this, or
// a header built on it. Every special instruction is one small function; a kernel holds no asm.
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
struct alignas(8) Words2 { unsigned int x, y; };
struct alignas(16) Words4 { unsigned int x, y, z, w; };
struct alignas(64) TensorMap { unsigned long long opaque[16]; };

// No asm: the compiler sees that the register is the same.
union FloatBits { unsigned int bits; float value; };
DEVICE float bits_to_float(unsigned int bits) { FloatBits v; v.bits = bits; return v.value; }
DEVICE unsigned int float_to_bits(float value) { FloatBits v; v.value = value; return v.bits; }

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

#if defined(__NVCC__)   // clang knows their range and that they never change only as builtins, not as assembly
DEVICE unsigned int thread_x() { return threadIdx.x; }
DEVICE unsigned int threads_x() { return blockDim.x; }
DEVICE unsigned int block_x() { return blockIdx.x; }
DEVICE unsigned int block_y() { return blockIdx.y; }
DEVICE unsigned int block_z() { return blockIdx.z; }
DEVICE unsigned int blocks_x() { return gridDim.x; }
DEVICE unsigned int blocks_y() { return gridDim.y; }
#else
DEVICE unsigned int thread_x() { return __nvvm_read_ptx_sreg_tid_x(); }
DEVICE unsigned int threads_x() { return __nvvm_read_ptx_sreg_ntid_x(); }
DEVICE unsigned int block_x() { return __nvvm_read_ptx_sreg_ctaid_x(); }
DEVICE unsigned int block_y() { return __nvvm_read_ptx_sreg_ctaid_y(); }
DEVICE unsigned int block_z() { return __nvvm_read_ptx_sreg_ctaid_z(); }
DEVICE unsigned int blocks_x() { return __nvvm_read_ptx_sreg_nctaid_x(); }
DEVICE unsigned int blocks_y() { return __nvvm_read_ptx_sreg_nctaid_y(); }
#endif
DEVICE unsigned int lane_of_warp() { return thread_x() % 32; }
DEVICE unsigned int warp_of_block() { return thread_x() / 32; }

// The same value, from which the compiler computes nothing ahead of this place.
DEVICE unsigned int computed_here(unsigned int v) { asm volatile("" : "+r"(v)); return v; }
DEVICE long long long_computed_here(long long v) { asm volatile("" : "+l"(v)); return v; }

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
DEVICE Words2 load_8(const void* p) {
    Words2 v;
    asm volatile("ld.global.v2.u32 {%0, %1}, [%2];" : "=r"(v.x), "=r"(v.y) : "l"(p) : "memory");
    return v;
}
DEVICE void store_8(void* p, Words2 v) {
    asm volatile("st.global.v2.u32 [%0], {%1, %2};" : : "l"(p), "r"(v.x), "r"(v.y) : "memory");
}
// Zeros where it does not hold. No branch, so that several loads are under way together.
DEVICE Words4 load_16_if(bool holds, const void* p) {
    Words4 v;
    asm volatile(
        "{ .reg .pred p; setp.ne.u32 p, %5, 0; mov.b32 %0, 0; mov.b32 %1, 0; mov.b32 %2, 0; mov.b32 %3, 0;\n\t"
        "@p ld.global.v4.u32 {%0, %1, %2, %3}, [%4]; }"
        : "=&r"(v.x), "=&r"(v.y), "=&r"(v.z), "=&r"(v.w) : "l"(p), "r"((unsigned int)holds) : "memory");
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

// Two neighbours at a multiple of two elements.
DEVICE void store_singles(float* p, float low, float high) { asm volatile("st.global.v2.f32 [%0], {%1, %2};" : : "l"(p), "f"(low), "f"(high) : "memory"); }
DEVICE void store_pair(float* p, float low, float high) { store_singles(p, low, high); }
template <typename T> DEVICE void store_pair(T* p, float low, float high) {
    asm volatile("st.global.u32 [%0], %1;" : : "l"(p), "r"(pack_pair(low, high, T())) : "memory");
}

// The same piece without a demand on alignment, and of `left` elements only: the others are 0. The words are turned like a ring, because a
// register has no index.
DEVICE void push_element(Words4& w, float v) { w = {w.y, w.z, w.w, float_to_bits(v)}; }
template <typename T> DEVICE void push_element(Words4& w, T v) {
    w = {w.x >> 16 | w.y << 16, w.y >> 16 | w.z << 16, w.z >> 16 | w.w << 16, w.w >> 16 | (unsigned int)v.bits << 16};
}
DEVICE void first_element(float& v, Words4 w) { v = bits_to_float(w.x); }
template <typename T> DEVICE void first_element(T& v, Words4 w) { v.bits = (unsigned short)w.x; }

template <typename T> DEVICE Words4 load_one_by_one(const T* p, int left) {
    Words4 w = {0, 0, 0, 0};
    #pragma unroll 1
    for (int i = 0; i < Piece<T>::count; i++) push_element(w, i < left ? p[i] : T());
    return w;
}
template <typename T> DEVICE void store_one_by_one(T* p, Words4 w, int left) {
    #pragma unroll 1
    for (int i = 0; i < Piece<T>::count && i < left; i++) {
        first_element(p[i], w);
        push_element(w, T());
    }
}

// A piece where it is whole, and element by element where rows do not all start at a multiple of 16 bytes. Nothing where `left` is 0 or less;
// where rows are whole, left is never between.
template <typename T> DEVICE Words4 load_piece_or_part(const T* p, int left, bool is_whole) {
    return is_whole ? load_16_if(left > 0, p) : load_one_by_one(p, left);
}
template <typename T> DEVICE void store_piece_or_part(T* p, const float (&v)[Piece<T>::count], int left, bool is_whole) {
    if (!is_whole) {
        store_one_by_one(p, pack_piece(v, T()), left);
    } else if (left > 0) {
        store_piece(p, v);
    }
}

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
DEVICE float load_shared(unsigned int address) {
    float v;
    asm volatile("ld.shared.f32 %0, [%1];" : "=f"(v) : "r"(address) : "memory");
    return v;
}
DEVICE void store_shared(unsigned int address, float v) { asm volatile("st.shared.f32 [%0], %1;" : : "r"(address), "f"(v) : "memory"); }
template <typename T> DEVICE void store_shared(unsigned int address, T v) {
    asm volatile("st.shared.u16 [%0], %1;" : : "r"(address), "h"(v.bits) : "memory");
}
DEVICE void store_shared_16(unsigned int address, Words4 v) {
    asm volatile("st.shared.v4.u32 [%0], {%1, %2, %3, %4};" : : "r"(address), "r"(v.x), "r"(v.y), "r"(v.z), "r"(v.w) : "memory");
}

DEVICE void load_shared_pair(float& a, float& b, unsigned int address) {
    asm volatile("ld.shared.v2.f32 {%0, %1}, [%2];" : "=f"(a), "=f"(b) : "r"(address) : "memory");
}
DEVICE void load_shared_4(float& a, float& b, float& c, float& d, unsigned int address) {
    asm volatile("ld.shared.v4.f32 {%0, %1, %2, %3}, [%4];" : "=f"(a), "=f"(b), "=f"(c), "=f"(d) : "r"(address) : "memory");
}
DEVICE void store_shared_pair(unsigned int address, float a, float b) {
    asm volatile("st.shared.v2.f32 [%0], {%1, %2};" : : "r"(address), "f"(a), "f"(b) : "memory");
}
DEVICE void store_shared_4(unsigned int address, float a, float b, float c, float d) {
    asm volatile("st.shared.v4.f32 [%0], {%1, %2, %3, %4};" : : "r"(address), "f"(a), "f"(b), "f"(c), "f"(d) : "memory");
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

DEVICE unsigned long long shuffle_xor(unsigned long long v, unsigned int mask) {
    return ((unsigned long long)shuffle_xor((unsigned int)(v >> 32), mask) << 32) | shuffle_xor((unsigned int)v, mask);
}
DEVICE unsigned long long shuffle_from(unsigned long long v, unsigned int lane) {
    return ((unsigned long long)shuffle_from((unsigned int)(v >> 32), lane) << 32) | shuffle_from((unsigned int)v, lane);
}

// Bit l is what lane l says.
DEVICE unsigned int ballot(bool holds) {
    unsigned int v;
    asm volatile("{ .reg .pred p; setp.ne.u32 p, %1, 0; vote.sync.ballot.b32 %0, p, 0xffffffff; }" : "=r"(v) : "r"((unsigned int)holds));
    return v;
}
// 32 where no bit is set.
DEVICE int leading_zeros(unsigned int v) { int n; asm("clz.b32 %0, %1;" : "=r"(n) : "r"(v)); return n; }
DEVICE int trailing_zeros(unsigned int v) { unsigned int r; asm("brev.b32 %0, %1;" : "=r"(r) : "r"(v)); return leading_zeros(r); }

// The same with the mask in the instruction instead of a register.
template <unsigned int mask> DEVICE float shuffle_xor(float v) {
    float w;
    asm volatile("shfl.sync.bfly.b32 %0, %1, %2, 0x1f, 0xffffffff;" : "=f"(w) : "f"(v), "n"(mask));
    return w;
}

// Every lane gets the sum; the tree's shape is fixed, so the bits are.
DEVICE float warp_sum(float v) {
    v += shuffle_xor<16>(v);
    v += shuffle_xor<8>(v);
    v += shuffle_xor<4>(v);
    v += shuffle_xor<2>(v);
    return v + shuffle_xor<1>(v);
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
DEVICE float absolute(float a) { float v; asm("abs.f32 %0, %1;" : "=f"(v) : "f"(a)); return v; }
// NaN where either is.
DEVICE float maximum_or_nan(float a, float b) { float v; asm("max.NaN.f32 %0, %1, %2;" : "=f"(v) : "f"(a), "f"(b)); return v; }
DEVICE float minimum_or_nan(float a, float b) { float v; asm("min.NaN.f32 %0, %1, %2;" : "=f"(v) : "f"(a), "f"(b)); return v; }
// The upper half of the product of two 64-bit numbers.
DEVICE unsigned long long multiply_high(unsigned long long a, unsigned long long b) {
    unsigned long long v;
    asm("mul.hi.u64 %0, %1, %2;" : "=l"(v) : "l"(a), "l"(b));
    return v;
}
DEVICE float square_root(float a) { float v; asm("sqrt.rn.f32 %0, %1;" : "=f"(v) : "f"(a)); return v; }

// Within 2 ulp (ex2: 2 ulp of the result, lg2: 2^-22 absolute in [0.5, 2], rsqrt and rcp: 1 to 2 ulp, tanh: 2^-11 relative).
DEVICE float fast_exp2(float a) { float v; asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(v) : "f"(a)); return v; }
DEVICE float fast_log2(float a) { float v; asm("lg2.approx.ftz.f32 %0, %1;" : "=f"(v) : "f"(a)); return v; }
DEVICE float fast_rsqrt(float a) { float v; asm("rsqrt.approx.ftz.f32 %0, %1;" : "=f"(v) : "f"(a)); return v; }
DEVICE float fast_reciprocal(float a) { float v; asm("rcp.approx.ftz.f32 %0, %1;" : "=f"(v) : "f"(a)); return v; }
DEVICE float fast_tanh(float a) { float v; asm("tanh.approx.f32 %0, %1;" : "=f"(v) : "f"(a)); return v; }

// Ends the launch with an error: what the host should have refused.
DEVICE void require(bool holds) { if (!holds) __builtin_trap(); }

// ---- Asynchronous copies (sm_80) ----------------------------------------------------------------------------------------------------

// Copies the first `bytes` of 16 bytes from global to shared memory and writes zeros for the rest; the source is not touched where bytes is
// 0. Both ends at multiples of 16 bytes.
DEVICE void copy_16_async(unsigned int destination, const void* source, int bytes) {
    asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" : : "r"(destination), "l"(source), "r"(bytes) : "memory");
}
// The same of 4 bytes: all of them or none.
DEVICE void copy_4_async(unsigned int destination, const void* source, bool reads) {
    asm volatile("cp.async.ca.shared.global [%0], [%1], 4, %2;" : : "r"(destination), "l"(source), "r"(reads ? 4 : 0) : "memory");
}
// Closes the group of the copies that this thread has issued since the last one.
DEVICE void commit_copies() { asm volatile("cp.async.commit_group;" : : : "memory"); }
// Waits until at most PENDING of this thread's groups are under way.
template <int PENDING> DEVICE void wait_copies() { asm volatile("cp.async.wait_group %0;" : : "n"(PENDING) : "memory"); }

// ---- Tensor cores (sm_80) -----------------------------------------------------------------------------------------------------------

// Four 8 x 8 matrices of 16-bit elements: lane i gives the address of row i % 8 of matrix i / 8, 16 bytes. With g = lane / 4 and
// c = 2 * (lane % 4), r[m] holds (g, c) and (g, c + 1) of matrix m, or of its transpose.
DEVICE void load_matrices(unsigned int (&r)[4], unsigned int address) {
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
                 : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3]) : "r"(address) : "memory");
}
DEVICE void load_matrices_transposed(unsigned int (&r)[4], unsigned int address) {
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];"
                 : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3]) : "r"(address) : "memory");
}

// d (16 x 8) += a (16 x 16) * b (16 x 8). With g, c as above: a = (g, c) (g + 8, c) (g, c + 8) (g + 8, c + 8), two elements each, the
// columns c and c + 1; b0 = rows c, c + 1 and b1 = rows c + 8, c + 9 of column g; d = (g, c) (g, c + 1) (g + 8, c) (g + 8, c + 1).
DEVICE void multiply_add(float (&d)[4], const unsigned int (&a)[4], unsigned int b0, unsigned int b1, bf16) {
    asm("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
        : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3]) : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}
DEVICE void multiply_add(float (&d)[4], const unsigned int (&a)[4], unsigned int b0, unsigned int b1, f16) {
    asm("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
        : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3]) : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}

// ---- Hopper: mbarriers, tensor copies, warpgroup products (sm_90a) --------------------------------------------------------------------

#if __CUDA_ARCH__ >= 900

// A barrier in shared memory, 8 bytes. A phase ends when as many arrivals as it was made for have come, and all bytes that they announced.
DEVICE void make_barrier(unsigned int barrier, int arrivals) {
    asm volatile("mbarrier.init.shared::cta.b64 [%0], %1;" : : "r"(barrier), "r"(arrivals) : "memory");
}
// Makes new barriers known to the copy engine; a block barrier makes them known to the other threads.
DEVICE void publish_barriers() { asm volatile("fence.mbarrier_init.release.cluster;\n\tfence.proxy.async.shared::cta;" : : : "memory"); }
DEVICE void arrive(unsigned int barrier) { asm volatile("{ .reg .b64 s; mbarrier.arrive.shared::cta.b64 s, [%0]; }" : : "r"(barrier) : "memory"); }
DEVICE void arrive_expecting(unsigned int barrier, int bytes) {
    asm volatile("{ .reg .b64 s; mbarrier.arrive.expect_tx.shared::cta.b64 s, [%0], %1; }" : : "r"(barrier), "r"(bytes) : "memory");
}
// Waits until the phase of this parity is over. Of a new barrier, the phase of parity 1 is.
DEVICE void wait_phase(unsigned int barrier, unsigned int parity) {
    asm volatile("{ .reg .pred p;\n\tAGAIN: mbarrier.try_wait.parity.shared::cta.b64 p, [%0], %1;\n\t@p bra.uni DONE;\n\tbra.uni AGAIN;\n\tDONE: }"
                 : : "r"(barrier), "r"(parity) : "memory");
}

// Copies the map's box at (x, y), x along the rows, to shared memory at a multiple of 1024 bytes; its bytes arrive at the barrier.
DEVICE void copy_box(unsigned int destination, const TensorMap* map, int x, int y, unsigned int barrier) {
    asm volatile("cp.async.bulk.tensor.2d.shared::cluster.global.mbarrier::complete_tx::bytes [%0], [%1, {%3, %4}], [%2];"
                 : : "r"(destination), "l"(map), "r"(barrier), "r"(x), "r"(y) : "memory");
}
// What threads wrote to shared memory becomes visible to the engines that copy and multiply.
DEVICE void publish_writes() { asm volatile("fence.proxy.async.shared::cta;" : : : "memory"); }
template <int BARRIER, int THREADS> DEVICE void part_barrier() { asm volatile("bar.sync %0, %1;" : : "n"(BARRIER), "n"(THREADS) : "memory"); }

template <int REGISTERS> DEVICE void take_registers() { asm volatile("setmaxnreg.inc.sync.aligned.u32 %0;" : : "n"(REGISTERS)); }
template <int REGISTERS> DEVICE void give_registers() { asm volatile("setmaxnreg.dec.sync.aligned.u32 %0;" : : "n"(REGISTERS)); }

DEVICE void begin_products() { asm volatile("wgmma.fence.sync.aligned;" : : : "memory"); }
DEVICE void commit_products() { asm volatile("wgmma.commit_group.sync.aligned;" : : : "memory"); }
template <int PENDING> DEVICE void wait_products() { asm volatile("wgmma.wait_group.sync.aligned %0;" : : "n"(PENDING) : "memory"); }

// Describes a factor in shared memory, 128-byte rows with their 16-byte chunks permuted, at a multiple of 1024 bytes (and, along a row, of 32).
// Rows are i and columns k, 64 of them; the next eight rows are 1024 bytes on.
DEVICE unsigned long long describe_rows(unsigned int address) {
    return (unsigned long long)(address >> 4 & 0x3FFF) | 1ull << 16 | 64ull << 32 | 1ull << 62;
}
// Rows are k and columns i, 64 of them; the next eight rows are 1024 bytes on, the next 64 columns `block_bytes`.
DEVICE unsigned long long describe_columns(unsigned int address, unsigned int block_bytes) {
    return (unsigned long long)(address >> 4 & 0x3FFF) | (unsigned long long)(block_bytes >> 4) << 16 | 64ull << 32 | 1ull << 62;
}

// d (64 x 256) += left (64 x 16) * right (16 x 256), by the four warps of a warpgroup together, complete after wait_products. Warp w of the
// group has rows 16 w ... of d: with g, c as for multiply_add, d[j] are (g, c) (g, c + 1) (g + 8, c) (g + 8, c + 1) of columns 8 j ...
#define PLACES_32_ "%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15, %16, %17, %18, %19, %20, %21, %22, %23, %24, %25, %26, %27, %28, " \
    "%29, %30, %31"
#define PLACES_64_ PLACES_32_ ", %32, %33, %34, %35, %36, %37, %38, %39, %40, %41, %42, %43, %44, %45, %46, %47, %48, %49, %50, %51, %52, %53, %54, %55, " \
    "%56, %57, %58, %59, %60, %61, %62, %63"
#define PLACES_128_ PLACES_64_ ", %64, %65, %66, %67, %68, %69, %70, %71, %72, %73, %74, %75, %76, %77, %78, %79, %80, %81, %82, %83, %84, %85, %86, %87, " \
    "%88, %89, %90, %91, %92, %93, %94, %95, %96, %97, %98, %99, %100, %101, %102, %103, %104, %105, %106, %107, %108, %109, %110, %111, %112, %113, " \
    "%114, %115, %116, %117, %118, %119, %120, %121, %122, %123, %124, %125, %126, %127"
#define SUM_(J) "+f"(d[J][0]), "+f"(d[J][1]), "+f"(d[J][2]), "+f"(d[J][3])
#define SUMS_8_(J) SUM_(J), SUM_(J + 1), SUM_(J + 2), SUM_(J + 3), SUM_(J + 4), SUM_(J + 5), SUM_(J + 6), SUM_(J + 7)
#define SUMS_16_ SUMS_8_(0), SUMS_8_(8)
#define SUMS_32_ SUMS_16_, SUMS_8_(16), SUMS_8_(24)
#define PRODUCT_(SHAPE, T, ADDS) "{ .reg .pred p;\n\tsetp.ne.b32 p, " ADDS ", 0;\n\twgmma.mma_async.sync.aligned." SHAPE ".f32." #T "." #T " {"
#define REGISTERS_OF_(LEFT) "r"(LEFT[0]), "r"(LEFT[1]), "r"(LEFT[2]), "r"(LEFT[3])

#define GROUP_PRODUCTS_OF_(T) \
template <int LEFT_K_IN_ROWS, int RIGHT_K_IN_ROWS> \
DEVICE void multiply_add_group(float (&d)[32][4], unsigned long long left, unsigned long long right, T) { \
    asm volatile(PRODUCT_("m64n256k16", T, "%132") PLACES_128_ "}, %128, %129, p, 1, 1, %130, %131; }" \
                 : SUMS_32_ : "l"(left), "l"(right), "n"(LEFT_K_IN_ROWS), "n"(RIGHT_K_IN_ROWS), "r"(1) : "memory"); \
} \
/* d (64 x 128) = left (64 x 16) * right (16 x 128), or += where adds; rows of both factors are i. */ \
DEVICE void multiply_group(float (&d)[16][4], unsigned long long left, unsigned long long right, bool adds, T) { \
    asm volatile(PRODUCT_("m64n128k16", T, "%66") PLACES_64_ "}, %64, %65, p, 1, 1, 0, 0; }" \
                 : SUMS_16_ : "l"(left), "l"(right), "r"((int)adds) : "memory"); \
} \
/* d (64 x 64) likewise. */ \
DEVICE void multiply_group(float (&d)[8][4], unsigned long long left, unsigned long long right, bool adds, T) { \
    asm volatile(PRODUCT_("m64n64k16", T, "%34") PLACES_32_ "}, %32, %33, p, 1, 1, 0, 0; }" \
                 : SUMS_8_(0) : "l"(left), "l"(right), "r"((int)adds) : "memory"); \
} \
/* d (64 x 128 or 64) += left (64 x 16) * right; left is in registers as multiply_add takes it, rows of right are k. */ \
DEVICE void multiply_add_group(float (&d)[16][4], const unsigned int (&left)[4], unsigned long long right, T) { \
    asm volatile(PRODUCT_("m64n128k16", T, "%69") PLACES_64_ "}, {%64, %65, %66, %67}, %68, p, 1, 1, 1; }" \
                 : SUMS_16_ : REGISTERS_OF_(left), "l"(right), "r"(1) : "memory"); \
} \
DEVICE void multiply_add_group(float (&d)[8][4], const unsigned int (&left)[4], unsigned long long right, T) { \
    asm volatile(PRODUCT_("m64n64k16", T, "%37") PLACES_32_ "}, {%32, %33, %34, %35}, %36, p, 1, 1, 1; }" \
                 : SUMS_8_(0) : REGISTERS_OF_(left), "l"(right), "r"(1) : "memory"); \
}
GROUP_PRODUCTS_OF_(bf16)
GROUP_PRODUCTS_OF_(f16)
#endif
