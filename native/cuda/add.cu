#include "pieces.cuh"

// y = x + residual. Threads as in pieces.cuh.
//   y (elements)   x (elements)   residual (elements); y may be either
template <typename T>
DEVICE void add_forward(T* y, const T* x, const T* residual, long long elements) {
    const int count = Piece<T>::count;
    long long start = flat_start(count);
    if (is_full(start, count, elements) && is_aligned_16(y, x, residual)) {
        Raw<T, count> raw_x[flat_pieces], raw_residual[flat_pieces];
        load_flat(raw_x, x + start);
        load_flat(raw_residual, residual + start);
        #pragma unroll
        for (int k = 0; k < flat_pieces; k++) {
            float a[count], b[count];
            widen_raw(a, raw_x[k]);
            widen_raw(b, raw_residual[k]);
            #pragma unroll
            for (int i = 0; i < count; i++) a[i] += b[i];
            store_flat(y + start, k, a);
        }

        return;
    }

    for (long long i = start + thread_x(); i < flat_end(start, count, elements); i += flat_threads) {
        store(&y[i], widen(x[i]) + widen(residual[i]));
    }
}

KERNEL BOUNDS(256, 4) add_forward_f32(float* y, const float* x, const float* residual, long long elements) {
    add_forward(y, x, residual, elements);
}
KERNEL BOUNDS(256, 4) add_forward_bf16(bf16* y, const bf16* x, const bf16* residual, long long elements) {
    add_forward(y, x, residual, elements);
}
KERNEL BOUNDS(256, 4) add_forward_f16(f16* y, const f16* x, const f16* residual, long long elements) {
    add_forward(y, x, residual, elements);
}
