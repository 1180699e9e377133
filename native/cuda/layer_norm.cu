#include "norms.cuh"

// y = (x - mean) * rstd * weight + bias, and its gradients.
KERNEL BOUNDS(512, 1) layer_norm_forward_f32(
    float* y, float* mean, float* rstd, const float* x, const float* weight, const float* bias, int rows, int columns, float eps) {
    norm_forward<true>(y, mean, rstd, x, weight, bias, rows, columns, eps);
}
KERNEL BOUNDS(512, 1) layer_norm_forward_bf16(
    bf16* y, float* mean, float* rstd, const bf16* x, const bf16* weight, const bf16* bias, int rows, int columns, float eps) {
    norm_forward<true>(y, mean, rstd, x, weight, bias, rows, columns, eps);
}
KERNEL BOUNDS(512, 1) layer_norm_forward_f16(
    f16* y, float* mean, float* rstd, const f16* x, const f16* weight, const f16* bias, int rows, int columns, float eps) {
    norm_forward<true>(y, mean, rstd, x, weight, bias, rows, columns, eps);
}

KERNEL BOUNDS(512, 1) layer_norm_forward_wide_f32(
    float* y, float* mean, float* rstd, const float* x, const float* weight, const float* bias, int rows, int columns, float eps) {
    norm_forward_wide<true>(y, mean, rstd, x, weight, bias, rows, columns, eps);
}
KERNEL BOUNDS(512, 1) layer_norm_forward_wide_bf16(
    bf16* y, float* mean, float* rstd, const bf16* x, const bf16* weight, const bf16* bias, int rows, int columns, float eps) {
    norm_forward_wide<true>(y, mean, rstd, x, weight, bias, rows, columns, eps);
}
KERNEL BOUNDS(512, 1) layer_norm_forward_wide_f16(
    f16* y, float* mean, float* rstd, const f16* x, const f16* weight, const f16* bias, int rows, int columns, float eps) {
    norm_forward_wide<true>(y, mean, rstd, x, weight, bias, rows, columns, eps);
}

KERNEL BOUNDS(384, 1) layer_norm_backward_f32(
    float* dx, float* weight_slice_sums, float* bias_slice_sums, const float* dy, const float* x, const float* weight, const float* mean,
    const float* rstd, const int* lane_bounds, int lanes, int columns) {
    norm_backward<true>(dx, weight_slice_sums, bias_slice_sums, dy, x, weight, mean, rstd, lane_bounds, lanes, columns);
}
KERNEL BOUNDS(384, 1) layer_norm_backward_bf16(
    bf16* dx, float* weight_slice_sums, float* bias_slice_sums, const bf16* dy, const bf16* x, const bf16* weight, const float* mean,
    const float* rstd, const int* lane_bounds, int lanes, int columns) {
    norm_backward<true>(dx, weight_slice_sums, bias_slice_sums, dy, x, weight, mean, rstd, lane_bounds, lanes, columns);
}
KERNEL BOUNDS(384, 1) layer_norm_backward_f16(
    f16* dx, float* weight_slice_sums, float* bias_slice_sums, const f16* dy, const f16* x, const f16* weight, const float* mean,
    const float* rstd, const int* lane_bounds, int lanes, int columns) {
    norm_backward<true>(dx, weight_slice_sums, bias_slice_sums, dy, x, weight, mean, rstd, lane_bounds, lanes, columns);
}

KERNEL BOUNDS(512, 1) layer_norm_backward_wide_f32(
    float* dx, const float* dy, const float* x, const float* weight, const float* mean, const float* rstd, int rows, int columns) {
    norm_backward_wide<true>(dx, dy, x, weight, mean, rstd, rows, columns);
}
KERNEL BOUNDS(512, 1) layer_norm_backward_wide_bf16(
    bf16* dx, const bf16* dy, const bf16* x, const bf16* weight, const float* mean, const float* rstd, int rows, int columns) {
    norm_backward_wide<true>(dx, dy, x, weight, mean, rstd, rows, columns);
}
KERNEL BOUNDS(512, 1) layer_norm_backward_wide_f16(
    f16* dx, const f16* dy, const f16* x, const f16* weight, const float* mean, const float* rstd, int rows, int columns) {
    norm_backward_wide<true>(dx, dy, x, weight, mean, rstd, rows, columns);
}

KERNEL BOUNDS(256, 1) layer_norm_sums_wide_f32(
    float* weight_slice_sums, float* bias_slice_sums, const float* dy, const float* x, const float* mean, const float* rstd,
    const int* lane_bounds, int lanes, int columns) {
    norm_sums_wide<true>(weight_slice_sums, bias_slice_sums, dy, x, mean, rstd, lane_bounds, lanes, columns);
}
KERNEL BOUNDS(256, 1) layer_norm_sums_wide_bf16(
    float* weight_slice_sums, float* bias_slice_sums, const bf16* dy, const bf16* x, const float* mean, const float* rstd,
    const int* lane_bounds, int lanes, int columns) {
    norm_sums_wide<true>(weight_slice_sums, bias_slice_sums, dy, x, mean, rstd, lane_bounds, lanes, columns);
}
KERNEL BOUNDS(256, 1) layer_norm_sums_wide_f16(
    float* weight_slice_sums, float* bias_slice_sums, const f16* dy, const f16* x, const float* mean, const float* rstd,
    const int* lane_bounds, int lanes, int columns) {
    norm_sums_wide<true>(weight_slice_sums, bias_slice_sums, dy, x, mean, rstd, lane_bounds, lanes, columns);
}
