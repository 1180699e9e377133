#include "pieces.cuh"

// NaN stays NaN.
DEVICE float relu(float x) { return x <= 0.0f ? 0.0f : x; }
DEVICE float relu_gradient(float dy, float x) { return x > 0.0f ? dy : 0.0f; }

// y = max(x, 0). Threads as in pieces.cuh.
//   y (elements)   x (elements); y may be x
template <typename T>
DEVICE void relu_forward(T* y, const T* x, long long elements) {
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
            for (int i = 0; i < count; i++) v[i] = relu(v[i]);
            store_flat(y + start, k, v);
        }

        return;
    }

    for (long long i = start + thread_x(); i < flat_end(start, count, elements); i += flat_threads) store(&y[i], relu(widen(x[i])));
}

// dx = dy where x > 0, else 0.
//   dx (elements)   dy (elements)   x (elements); dx may be dy
template <typename T>
DEVICE void relu_backward(T* dx, const T* dy, const T* x, long long elements) {
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
            for (int i = 0; i < count; i++) g[i] = relu_gradient(g[i], v[i]);
            store_flat(dx + start, k, g);
        }

        return;
    }

    for (long long i = start + thread_x(); i < flat_end(start, count, elements); i += flat_threads) {
        store(&dx[i], relu_gradient(widen(dy[i]), widen(x[i])));
    }
}

KERNEL BOUNDS(256, 4) relu_forward_f32(float* y, const float* x, long long elements) { relu_forward(y, x, elements); }
KERNEL BOUNDS(256, 4) relu_forward_bf16(bf16* y, const bf16* x, long long elements) { relu_forward(y, x, elements); }
KERNEL BOUNDS(256, 4) relu_forward_f16(f16* y, const f16* x, long long elements) { relu_forward(y, x, elements); }

KERNEL BOUNDS(256, 4) relu_backward_f32(float* dx, const float* dy, const float* x, long long elements) {
    relu_backward(dx, dy, x, elements);
}
KERNEL BOUNDS(256, 4) relu_backward_bf16(bf16* dx, const bf16* dy, const bf16* x, long long elements) {
    relu_backward(dx, dy, x, elements);
}
KERNEL BOUNDS(256, 4) relu_backward_f16(f16* dx, const f16* dy, const f16* x, long long elements) {
    relu_backward(dx, dy, x, elements);
}
