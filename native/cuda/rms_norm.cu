#include "norms.cuh"

// y = x * rstd * weight, rstd = 1 / sqrt(mean(x^2) + eps), and its gradients.
KERNEL BOUNDS(512, 1) rms_norm_forward_f32(
    float* y, float* rstd, const float* x, const float* weight, int rows, int columns, float eps) {
    norm_forward<false>(y, nullptr, rstd, x, weight, weight, rows, columns, eps);
}
KERNEL BOUNDS(512, 1) rms_norm_forward_bf16(
    bf16* y, float* rstd, const bf16* x, const bf16* weight, int rows, int columns, float eps) {
    norm_forward<false>(y, nullptr, rstd, x, weight, weight, rows, columns, eps);
}
KERNEL BOUNDS(512, 1) rms_norm_forward_f16(
    f16* y, float* rstd, const f16* x, const f16* weight, int rows, int columns, float eps) {
    norm_forward<false>(y, nullptr, rstd, x, weight, weight, rows, columns, eps);
}

KERNEL BOUNDS(512, 1) rms_norm_forward_wide_f32(
    float* y, float* rstd, const float* x, const float* weight, int rows, int columns, float eps) {
    norm_forward_wide<false>(y, nullptr, rstd, x, weight, weight, rows, columns, eps);
}
KERNEL BOUNDS(512, 1) rms_norm_forward_wide_bf16(
    bf16* y, float* rstd, const bf16* x, const bf16* weight, int rows, int columns, float eps) {
    norm_forward_wide<false>(y, nullptr, rstd, x, weight, weight, rows, columns, eps);
}
KERNEL BOUNDS(512, 1) rms_norm_forward_wide_f16(
    f16* y, float* rstd, const f16* x, const f16* weight, int rows, int columns, float eps) {
    norm_forward_wide<false>(y, nullptr, rstd, x, weight, weight, rows, columns, eps);
}

KERNEL BOUNDS(512, 1) rms_norm_backward_f32(
    float* dx, float* slice_sums, const float* dy, const float* x, const float* weight, const float* rstd, const int* lane_bounds,
    int lanes, int columns) {
    norm_backward<false>(dx, slice_sums, nullptr, dy, x, weight, nullptr, rstd, lane_bounds, lanes, columns);
}
KERNEL BOUNDS(512, 1) rms_norm_backward_bf16(
    bf16* dx, float* slice_sums, const bf16* dy, const bf16* x, const bf16* weight, const float* rstd, const int* lane_bounds,
    int lanes, int columns) {
    norm_backward<false>(dx, slice_sums, nullptr, dy, x, weight, nullptr, rstd, lane_bounds, lanes, columns);
}
KERNEL BOUNDS(512, 1) rms_norm_backward_f16(
    f16* dx, float* slice_sums, const f16* dy, const f16* x, const f16* weight, const float* rstd, const int* lane_bounds,
    int lanes, int columns) {
    norm_backward<false>(dx, slice_sums, nullptr, dy, x, weight, nullptr, rstd, lane_bounds, lanes, columns);
}

KERNEL BOUNDS(512, 1) rms_norm_backward_wide_f32(
    float* dx, const float* dy, const float* x, const float* weight, const float* rstd, int rows, int columns) {
    norm_backward_wide<false>(dx, dy, x, weight, nullptr, rstd, rows, columns);
}
KERNEL BOUNDS(512, 1) rms_norm_backward_wide_bf16(
    bf16* dx, const bf16* dy, const bf16* x, const bf16* weight, const float* rstd, int rows, int columns) {
    norm_backward_wide<false>(dx, dy, x, weight, nullptr, rstd, rows, columns);
}
KERNEL BOUNDS(512, 1) rms_norm_backward_wide_f16(
    f16* dx, const f16* dy, const f16* x, const f16* weight, const float* rstd, int rows, int columns) {
    norm_backward_wide<false>(dx, dy, x, weight, nullptr, rstd, rows, columns);
}

KERNEL BOUNDS(256, 2) rms_norm_sums_wide_f32(
    float* slice_sums, const float* dy, const float* x, const float* rstd, const int* lane_bounds, int lanes, int columns) {
    norm_sums_wide<false>(slice_sums, nullptr, dy, x, nullptr, rstd, lane_bounds, lanes, columns);
}
KERNEL BOUNDS(256, 2) rms_norm_sums_wide_bf16(
    float* slice_sums, const bf16* dy, const bf16* x, const float* rstd, const int* lane_bounds, int lanes, int columns) {
    norm_sums_wide<false>(slice_sums, nullptr, dy, x, nullptr, rstd, lane_bounds, lanes, columns);
}
KERNEL BOUNDS(256, 2) rms_norm_sums_wide_f16(
    float* slice_sums, const f16* dy, const f16* x, const float* rstd, const int* lane_bounds, int lanes, int columns) {
    norm_sums_wide<false>(slice_sums, nullptr, dy, x, nullptr, rstd, lane_bounds, lanes, columns);
}
