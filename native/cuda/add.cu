#include "pieces.cuh"

struct Addition {
    template <typename T> DEVICE float of(float x, float residual, T) { return x + residual; }
};

// y = x + residual.
//   y, x, residual (elements); y may be either
KERNEL BOUNDS(256, 4) add_forward_f32(float* y, const float* x, const float* residual, long long elements) {
    map_flat<Addition>(y, x, residual, elements);
}
KERNEL BOUNDS(256, 4) add_forward_bf16(bf16* y, const bf16* x, const bf16* residual, long long elements) {
    map_flat<Addition>(y, x, residual, elements);
}
KERNEL BOUNDS(256, 4) add_forward_f16(f16* y, const f16* x, const f16* residual, long long elements) {
    map_flat<Addition>(y, x, residual, elements);
}
