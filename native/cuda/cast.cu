#include "numbers.cuh"
#include "pieces.cuh"

// y = x in another type, rounded once. Threads as in pieces.cuh, with pieces of 4 elements: 16 bytes of singles beside 8 of a 16-bit type.
//   y (elements)   x (elements)
template <typename To, typename From>
DEVICE void cast_forward(To* y, const From* x, long long elements) {
    const int count = 4;
    long long start = flat_start(count);
    if (is_full(start, count, elements) && is_aligned_16(y, x)) {
        Raw<From, count> raw[flat_pieces];
        load_flat(raw, x + start);
        #pragma unroll
        for (int k = 0; k < flat_pieces; k++) {
            float v[count];
            widen_raw(v, raw[k]);
            store_flat(y + start, k, v);
        }

        return;
    }

    for (long long i = start + thread_x(); i < flat_end(start, count, elements); i += flat_threads) store(&y[i], widen(x[i]));
}

KERNEL BOUNDS(256, 4) cast_forward_f32_to_f32(float* y, const float* x, long long elements) { cast_forward(y, x, elements); }
KERNEL BOUNDS(256, 4) cast_forward_f32_to_bf16(bf16* y, const float* x, long long elements) { cast_forward(y, x, elements); }
KERNEL BOUNDS(256, 4) cast_forward_f32_to_f16(f16* y, const float* x, long long elements) { cast_forward(y, x, elements); }
KERNEL BOUNDS(256, 4) cast_forward_bf16_to_f32(float* y, const bf16* x, long long elements) { cast_forward(y, x, elements); }
KERNEL BOUNDS(256, 4) cast_forward_bf16_to_bf16(bf16* y, const bf16* x, long long elements) { cast_forward(y, x, elements); }
KERNEL BOUNDS(256, 4) cast_forward_bf16_to_f16(f16* y, const bf16* x, long long elements) { cast_forward(y, x, elements); }
KERNEL BOUNDS(256, 4) cast_forward_f16_to_f32(float* y, const f16* x, long long elements) { cast_forward(y, x, elements); }
KERNEL BOUNDS(256, 4) cast_forward_f16_to_bf16(bf16* y, const f16* x, long long elements) { cast_forward(y, x, elements); }
KERNEL BOUNDS(256, 4) cast_forward_f16_to_f16(f16* y, const f16* x, long long elements) { cast_forward(y, x, elements); }

// y = finite x, rounded at random (rounded_at_random).
KERNEL BOUNDS(256, 4) cast_stochastic_bf16(bf16* y, const float* x, long long elements, unsigned int seed) {
    const int count = 4;
    long long start = flat_start(count);
    if (is_full(start, count, elements) && is_aligned_16(y, x)) {
        Raw<float, count> raw[flat_pieces];
        load_flat(raw, x + start);
        #pragma unroll
        for (int k = 0; k < flat_pieces; k++) {
            float v[count];
            widen_raw(v, raw[k]);
            unsigned int first = (unsigned int)start + (k * flat_threads + thread_x()) * count;
            #pragma unroll
            for (int i = 0; i < count; i++) v[i] = rounded_at_random(v[i], seed, first + i);
            store_flat(y + start, k, v);
        }

        return;
    }

    for (long long i = start + thread_x(); i < flat_end(start, count, elements); i += flat_threads) {
        store(&y[i], rounded_at_random(x[i], seed, (unsigned int)i));
    }
}
