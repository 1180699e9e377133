#include "activations.cuh"
#include "pieces.cuh"

// dx = dy * (P(x) + x * p(x)) with the normal distribution P and its density p.
struct GeluGradient {
    template <typename T> DEVICE float of(float dy, float x, T type) {
        float density;
        float distribution = normal_distribution(x, density, type);
        return dy * fused(x, density, distribution);
    }
};

// y, x (elements); y may be x
KERNEL BOUNDS(256, 4) gelu_forward_f32(float* y, const float* x, long long elements) { map_flat<Gelu>(y, x, elements); }
KERNEL BOUNDS(256, 4) gelu_forward_bf16(bf16* y, const bf16* x, long long elements) { map_flat<Gelu>(y, x, elements); }
KERNEL BOUNDS(256, 4) gelu_forward_f16(f16* y, const f16* x, long long elements) { map_flat<Gelu>(y, x, elements); }

// dx, dy, x (elements); dx may be dy
KERNEL BOUNDS(256, 4) gelu_backward_f32(float* dx, const float* dy, const float* x, long long elements) {
    map_flat<GeluGradient>(dx, dy, x, elements);
}
KERNEL BOUNDS(256, 4) gelu_backward_bf16(bf16* dx, const bf16* dy, const bf16* x, long long elements) {
    map_flat<GeluGradient>(dx, dy, x, elements);
}
KERNEL BOUNDS(256, 4) gelu_backward_f16(f16* dx, const f16* dy, const f16* x, long long elements) {
    map_flat<GeluGradient>(dx, dy, x, elements);
}
