#include "numbers.cuh"
#include "pieces.cuh"

// With the normal distribution P and its density p: y = x * P(x), and dx = dy * (P(x) + x * p(x)).
template <typename T> DEVICE float gelu(float x, T type) {
    float density;
    return x * normal_distribution(x, density, type);
}
template <typename T> DEVICE float gelu_gradient(float dy, float x, T type) {
    float density;
    float distribution = normal_distribution(x, density, type);
    return dy * fused(x, density, distribution);
}

// Threads as in pieces.cuh.
//   y (elements)   x (elements); y may be x
template <typename T>
DEVICE void gelu_forward(T* y, const T* x, long long elements) {
    const int count = Piece<T>::count;
    long long start = flat_start(count);
    if (is_full(start, count, elements) && is_aligned_16(y, x)) {
        Raw<T, count> raw[flat_pieces];
        load_flat(raw, x + start);
        #pragma unroll
        for (int k = 0; k < flat_pieces; k++) {
            float v[count];
            widen_raw(v, raw[k]);
            #pragma unroll
            for (int i = 0; i < count; i++) v[i] = gelu(v[i], T());
            store_flat(y + start, k, v);
        }

        return;
    }

    for (long long i = start + thread_x(); i < flat_end(start, count, elements); i += flat_threads) store(&y[i], gelu(widen(x[i]), T()));
}

//   dx (elements)   dy (elements)   x (elements); dx may be dy
template <typename T>
DEVICE void gelu_backward(T* dx, const T* dy, const T* x, long long elements) {
    const int count = Piece<T>::count;
    long long start = flat_start(count);
    if (is_full(start, count, elements) && is_aligned_16(dx, dy, x)) {
        Raw<T, count> raw_dy[flat_pieces], raw_x[flat_pieces];
        load_flat(raw_dy, dy + start);
        load_flat(raw_x, x + start);
        #pragma unroll
        for (int k = 0; k < flat_pieces; k++) {
            float g[count], v[count];
            widen_raw(g, raw_dy[k]);
            widen_raw(v, raw_x[k]);
            #pragma unroll
            for (int i = 0; i < count; i++) g[i] = gelu_gradient(g[i], v[i], T());
            store_flat(dx + start, k, g);
        }

        return;
    }

    for (long long i = start + thread_x(); i < flat_end(start, count, elements); i += flat_threads) {
        store(&dx[i], gelu_gradient(widen(dy[i]), widen(x[i]), T()));
    }
}

KERNEL BOUNDS(256, 4) gelu_forward_f32(float* y, const float* x, long long elements) { gelu_forward(y, x, elements); }
KERNEL BOUNDS(256, 4) gelu_forward_bf16(bf16* y, const bf16* x, long long elements) { gelu_forward(y, x, elements); }
KERNEL BOUNDS(256, 4) gelu_forward_f16(f16* y, const f16* x, long long elements) { gelu_forward(y, x, elements); }

KERNEL BOUNDS(256, 4) gelu_backward_f32(float* dx, const float* dy, const float* x, long long elements) {
    gelu_backward(dx, dy, x, elements);
}
KERNEL BOUNDS(256, 4) gelu_backward_bf16(bf16* dx, const bf16* dy, const bf16* x, long long elements) {
    gelu_backward(dx, dy, x, elements);
}
KERNEL BOUNDS(256, 4) gelu_backward_f16(f16* dx, const f16* dy, const f16* x, long long elements) {
    gelu_backward(dx, dy, x, elements);
}
