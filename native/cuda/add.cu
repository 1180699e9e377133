#include "device.cuh"

// y = x + residual. Thread i of the grid takes piece i of 16 bytes, or, where an address is not a multiple of 16, the same elements one by
// one; the last piece may be shorter. blockDim.x = 256, gridDim.x = pieces / 256 rounded up.
//   y (elements)   x (elements)   residual (elements); y may be either
template <typename T>
DEVICE void add_forward(T* y, const T* x, const T* residual, long long elements) {
    const int count = Piece<T>::count;
    long long first = ((long long)block_x() * 256 + thread_x()) * count;
    if (first + count <= elements && is_aligned_16(y, x, residual)) {
        float a[count], b[count];
        load_piece(a, x + first);
        load_piece(b, residual + first);
        for (int i = 0; i < count; i++) a[i] += b[i];
        store_piece(y + first, a);
        return;
    }

    long long end = first + count < elements ? first + count : elements;
    for (long long i = first; i < end; i++) store(&y[i], widen(x[i]) + widen(residual[i]));
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
