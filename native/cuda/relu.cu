#include "activations.cuh"
#include "pieces.cuh"

// dx = dy where x > 0, else 0.
struct ReluGradient {
    template <typename T> DEVICE float of(float dy, float x, T) { return x > 0.0f ? dy : 0.0f; }
};

// y, x (elements); y may be x
KERNEL BOUNDS(256, 4) relu_forward_f32(float* y, const float* x, long long elements) { map_flat<Relu>(y, x, elements); }
KERNEL BOUNDS(256, 4) relu_forward_bf16(bf16* y, const bf16* x, long long elements) { map_flat<Relu>(y, x, elements); }
KERNEL BOUNDS(256, 4) relu_forward_f16(f16* y, const f16* x, long long elements) { map_flat<Relu>(y, x, elements); }

// dx, dy, x (elements); dx may be dy
KERNEL BOUNDS(256, 4) relu_backward_f32(float* dx, const float* dy, const float* x, long long elements) {
    map_flat<ReluGradient>(dx, dy, x, elements);
}
KERNEL BOUNDS(256, 4) relu_backward_bf16(bf16* dx, const bf16* dy, const bf16* x, long long elements) {
    map_flat<ReluGradient>(dx, dy, x, elements);
}
KERNEL BOUNDS(256, 4) relu_backward_f16(f16* dx, const f16* dy, const f16* x, long long elements) {
    map_flat<ReluGradient>(dx, dy, x, elements);
}
