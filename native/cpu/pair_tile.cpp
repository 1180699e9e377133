// The register tile of the bfloat16 matrix product, the one piece that .NET cannot express: it has no intrinsic for vdpbf16ps.
// Who packs, blocks and shares out the work is managed code (src/Camels.Kernels/Devices/CpuProduct).
//
// Two steps of k make a pair, one 32-bit element: step 2i in its upper half, step 2i + 1 in its lower half. vdpbf16ps adds the product of
// the upper halves first, then that of the lower halves, each rounded to nearest even, so every result is one chain in the order of k, as
// on the managed path: a product of two bfloat16 is exact. Only subnormal numbers differ: the instruction takes and gives zeros for them.
#include <immintrin.h>
#include <stdint.h>

#define EXPORT extern "C" __attribute__((visibility("default")))

namespace {

constexpr int kRows = 8;
constexpr int kColumns = 48;            // of a packed panel of the right factor
constexpr int kWidth = 16;              // singles of a register
constexpr int kElements = kRows * kColumns;
constexpr int kRound = 4;               // pairs between two lines that are fetched

__m512 upper(__m512i pairs) { return _mm512_castsi512_ps(_mm512_and_si512(pairs, _mm512_set1_epi32(static_cast<int>(0xFFFF0000u)))); }

__m512 lower(__m512i pairs) { return _mm512_castsi512_ps(_mm512_slli_epi32(pairs, 16)); }

// One instruction for two steps.
struct DotProduct {
    static __m512 add(__m512 sum, __m512i a, __m512i b) { return _mm512_dpbf16_ps(sum, (__m512bh)a, (__m512bh)b); }
};

// What that instruction does, for processors that lack it: tests, and the check that it does so here.
struct SpelledOut {
    static __m512 add(__m512 sum, __m512i a, __m512i b) {
        sum = _mm512_fmadd_ps(upper(a), upper(b), sum);
        return _mm512_fmadd_ps(lower(a), lower(b), sum);
    }
};

// The single step in which a lane begins (lower halves) or ends (upper halves) in the middle of a pair.
struct UpperOnly {
    static __m512 add(__m512 sum, __m512i a, __m512i b) { return _mm512_fmadd_ps(upper(a), upper(b), sum); }
};

struct LowerOnly {
    static __m512 add(__m512 sum, __m512i a, __m512i b) { return _mm512_fmadd_ps(lower(a), lower(b), sum); }
};

template <class Product, int kVectors>
inline __attribute__((always_inline)) void add_pair(__m512 (&sums)[kRows][kVectors], const int32_t* a, const int32_t* b) {
    __m512i right[kVectors];
#pragma GCC unroll 3
    for (int j = 0; j < kVectors; j++) right[j] = _mm512_loadu_si512(b + j * kWidth);
#pragma GCC unroll 8
    for (int i = 0; i < kRows; i++) {
        __m512i left = _mm512_set1_epi32(a[i]);
#pragma GCC unroll 3
        for (int j = 0; j < kVectors; j++) sums[i][j] = Product::add(sums[i][j], left, right[j]);
    }
}

// The arguments of camels_pair_tile for 16 · kVectors columns.
template <class Product, int kVectors>
void run(float* c, int64_t stride, const int32_t* a, const int32_t* b, int64_t skip, int64_t steps, int64_t accumulate, int64_t merges,
         const char* next, int64_t next_stride, const char* const* lines) {
    __m512 sums[kRows][kVectors];
#pragma GCC unroll 8
    for (int i = 0; i < kRows; i++) {
#pragma GCC unroll 3
        for (int j = 0; j < kVectors; j++) sums[i][j] = accumulate ? _mm512_loadu_ps(c + i * stride + j * kWidth) : _mm512_setzero_ps();
    }

    if (skip && steps > 0) {
        add_pair<LowerOnly, kVectors>(sums, a, b);
        a += kRows;
        b += kColumns;
        steps--;
    }
    int64_t pairs = steps / 2;
    for (; pairs >= kRound; pairs -= kRound) {
        _mm_prefetch(next, _MM_HINT_T1);
        _mm_prefetch(*lines, _MM_HINT_T1);
#pragma GCC unroll 4
        for (int pair = 0; pair < kRound; pair++) add_pair<Product, kVectors>(sums, a + pair * kRows, b + pair * kColumns);
        a += kRound * kRows;
        b += kRound * kColumns;
        next += next_stride;
        lines++;
    }
    for (; pairs > 0; pairs--) {
        add_pair<Product, kVectors>(sums, a, b);
        a += kRows;
        b += kColumns;
    }
    if (steps % 2 != 0) add_pair<UpperOnly, kVectors>(sums, a, b);

    for (float* level = c + merges * kElements; level > c;) {
        level -= kElements;
#pragma GCC unroll 8
        for (int i = 0; i < kRows; i++) {
#pragma GCC unroll 3
            for (int j = 0; j < kVectors; j++) sums[i][j] = _mm512_add_ps(_mm512_loadu_ps(level + i * kColumns + j * kWidth), sums[i][j]);
        }
    }

#pragma GCC unroll 8
    for (int i = 0; i < kRows; i++) {
#pragma GCC unroll 3
        for (int j = 0; j < kVectors; j++) _mm512_storeu_ps(c + i * stride + j * kWidth, sums[i][j]);
    }
}

template <class Product>
void run(float* c, int64_t stride, const int32_t* a, const int32_t* b, int64_t skip, int64_t steps, int64_t columns, int64_t accumulate,
         int64_t merges, const char* next, int64_t next_stride, const char* const* lines) {
    auto width = columns > 32 ? run<Product, 3> : columns > 16 ? run<Product, 2> : run<Product, 1>;
    width(c, stride, a, b, skip, steps, accumulate, merges, next, next_stride, lines);
}

}  // namespace

// c (8, columns rounded up to 16) = a · b over `steps` steps of k, which begin in the lower halves of the first pair where `skip` is 1.
//   a (pairs, 8) and b (pairs, 48), packed;  c has rows `stride` singles apart and is added to where `accumulate` is not 0
//   merges: so many levels of a tree over lanes, (8, 48) each from c on, are added to the sums, last first
//   every four pairs a line of next, next + next_stride, … and one of those named by lines are fetched into the second cache
EXPORT void camels_pair_tile_bf16(
    float* c, int64_t stride, const int32_t* a, const int32_t* b, int64_t skip, int64_t steps, int64_t columns, int64_t accumulate,
    int64_t merges, const char* next, int64_t next_stride, const char* const* lines) {
    run<DotProduct>(c, stride, a, b, skip, steps, columns, accumulate, merges, next, next_stride, lines);
}

// The same in instructions of AVX-512F.
EXPORT void camels_pair_tile_f32(
    float* c, int64_t stride, const int32_t* a, const int32_t* b, int64_t skip, int64_t steps, int64_t columns, int64_t accumulate,
    int64_t merges, const char* next, int64_t next_stride, const char* const* lines) {
    run<SpelledOut>(c, stride, a, b, skip, steps, columns, accumulate, merges, next, next_stride, lines);
}

// The ceiling of camels_pair_tile_bf16: 24 independent sums in registers, `iterations` times 24 · 16 · 2 multiply-adds. Returns the sums' sum.
EXPORT float camels_pair_peak_bf16(int64_t iterations) {
    const __m512i a = _mm512_set1_epi32(0x3F803F00), b = _mm512_set1_epi32(static_cast<int>(0x3F80BF80u));
    __m512 sums[24];
#pragma GCC unroll 24
    for (int i = 0; i < 24; i++) sums[i] = _mm512_set1_ps(static_cast<float>(i));
    for (; iterations > 0; iterations--) {
#pragma GCC unroll 24
        for (int i = 0; i < 24; i++) sums[i] = DotProduct::add(sums[i], a, b);
    }
    __m512 total = _mm512_setzero_ps();
#pragma GCC unroll 24
    for (int i = 0; i < 24; i++) total = _mm512_add_ps(total, sums[i]);
    return _mm512_reduce_add_ps(total);
}
