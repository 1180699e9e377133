#include "numbers.cuh"
#include "pieces.cuh"

struct SwiGlu {
    template <typename T> DEVICE float of(float gated, float raised, T type) {
        float opposite;
        return gated * sigmoid(gated, opposite, type) * raised;
    }
};

// With s = sigmoid(g): d silu / dg = s * (1 + g * (1 - s)).
struct SwiGluGradient { float gated, raised; };
template <typename T> DEVICE SwiGluGradient swi_glu_gradient(float dhidden, float gated, float raised, T type) {
    float opposite;
    float gradient = dhidden * sigmoid(gated, opposite, type);
    return {gradient * raised * fused(gated, opposite, 1.0f), gradient * gated};
}

// Threads as in pieces.cuh.
//   dgated (elements)   draised (elements)   dhidden (elements)   gated (elements)   raised (elements); dgated may be dhidden
template <typename T>
DEVICE void swi_glu_backward(T* dgated, T* draised, const T* dhidden, const T* gated, const T* raised, long long elements) {
    const int count = Piece<T>::count;
    long long start = flat_start(count);
    if (is_full(start, count, elements) && is_aligned_16(dgated, draised, dhidden) && is_aligned_16(gated, raised)) {
        Raw<T, count> raw_dhidden[flat_pieces], raw_gated[flat_pieces], raw_raised[flat_pieces];
        load_flat(raw_dhidden, dhidden + start);
        load_flat(raw_gated, gated + start);
        load_flat(raw_raised, raised + start);
        #pragma unroll
        for (int k = 0; k < flat_pieces; k++) {
            float d[count], g[count], r[count];
            widen_raw(d, raw_dhidden[k]);
            widen_raw(g, raw_gated[k]);
            widen_raw(r, raw_raised[k]);
            #pragma unroll
            for (int i = 0; i < count; i++) {
                SwiGluGradient gradient = swi_glu_gradient(d[i], g[i], r[i], T());
                d[i] = gradient.gated;
                r[i] = gradient.raised;
            }

            store_flat(dgated + start, k, d);
            store_flat(draised + start, k, r);
        }

        return;
    }

    for (long long i = start + thread_x(); i < flat_end(start, count, elements); i += flat_threads) {
        SwiGluGradient gradient = swi_glu_gradient(widen(dhidden[i]), widen(gated[i]), widen(raised[i]), T());
        store(&dgated[i], gradient.gated);
        store(&draised[i], gradient.raised);
    }
}

// hidden = silu(gated) * raised, silu(g) = g * sigmoid(g).
//   hidden, gated, raised (elements)
KERNEL BOUNDS(256, 4) swi_glu_forward_f32(float* hidden, const float* gated, const float* raised, long long elements) {
    map_flat<SwiGlu>(hidden, gated, raised, elements);
}
KERNEL BOUNDS(256, 4) swi_glu_forward_bf16(bf16* hidden, const bf16* gated, const bf16* raised, long long elements) {
    map_flat<SwiGlu>(hidden, gated, raised, elements);
}
KERNEL BOUNDS(256, 4) swi_glu_forward_f16(f16* hidden, const f16* gated, const f16* raised, long long elements) {
    map_flat<SwiGlu>(hidden, gated, raised, elements);
}

KERNEL BOUNDS(256, 3) swi_glu_backward_f32(
    float* dgated, float* draised, const float* dhidden, const float* gated, const float* raised, long long elements) {
    swi_glu_backward(dgated, draised, dhidden, gated, raised, elements);
}
KERNEL BOUNDS(256, 3) swi_glu_backward_bf16(
    bf16* dgated, bf16* draised, const bf16* dhidden, const bf16* gated, const bf16* raised, long long elements) {
    swi_glu_backward(dgated, draised, dhidden, gated, raised, elements);
}
KERNEL BOUNDS(256, 3) swi_glu_backward_f16(
    f16* dgated, f16* draised, const f16* dhidden, const f16* gated, const f16* raised, long long elements) {
    swi_glu_backward(dgated, draised, dhidden, gated, raised, elements);
}
