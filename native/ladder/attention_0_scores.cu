// Step 0: scores in memory, three kernels, the anchor for correctness. A document of T tokens and one head writes and reads T x T singles three
// times; at T = 16 384 that is 3 GB a head for 0.14 TFLOP, so memory is the ceiling whatever multiplies. Step 1 keeps a tile of scores in
// registers and the largest one and the sum beside it: native/cuda/attention.cu.
//   scores (T, T)   y, q, k, v (T, D); one head.   blockDim.x = 256, gridDim = (T / 256 rounded up, T) for scores, (D / 256 rounded up, T) for
//   outputs; one warp a row for the softmax: blockDim.x = 32, gridDim.x = T
#include "numbers.cuh"

KERNEL BOUNDS(256, 4) ladder_attention_scores(float* scores, const bf16* q, const bf16* k, int tokens, int width, float scale) {
    int key = block_x() * 256 + thread_x();
    long long query = block_y();
    if (key >= tokens) return;
    float sum = 0.0f;
    for (int d = 0; d < width; d++) sum = fused(widen(q[query * width + d]), widen(k[(long long)key * width + d]), sum);
    scores[query * tokens + key] = key <= query ? sum * scale : bits_to_float(0xFF800000u);
}

KERNEL BOUNDS(32, 16) ladder_attention_softmax(float* scores, int tokens) {
    float* row = scores + (long long)block_x() * tokens;
    float largest = bits_to_float(0xFF800000u);
    for (int key = thread_x(); key < tokens; key += 32) largest = maximum(largest, row[key]);
    largest = warp_maximum(largest);
    float sum = 0.0f;
    for (int key = thread_x(); key < tokens; key += 32) sum += exponential(row[key] - largest);
    sum = warp_sum(sum);
    for (int key = thread_x(); key < tokens; key += 32) row[key] = exponential(row[key] - largest) / sum;
}

KERNEL BOUNDS(256, 4) ladder_attention_outputs(bf16* y, const float* scores, const bf16* v, int tokens, int width) {
    int d = block_x() * 256 + thread_x();
    long long query = block_y();
    if (d >= width) return;
    float sum = 0.0f;
    for (int key = 0; key <= query; key++) sum = fused(scores[query * tokens + key], widen(v[(long long)key * width + d]), sum);
    store(&y[query * width + d], sum);
}
