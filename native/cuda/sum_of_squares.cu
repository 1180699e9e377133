#include "device.cuh"

const int block_elements = 4096;
const int loads_at_once = 8;

// block_sums[b] = the sum of x^2 over block b of 4096 elements, the last block being what is left. One warp a block: lane l has pieces l,
// l + 32, ... of 4 elements, adds each of a piece's 4 places by itself in order, then the places pairwise, then the lanes in a tree.
// blockDim.x = 256, gridDim.x = blocks / 8 rounded up.
//   block_sums (blocks)   x (elements)
KERNEL BOUNDS(256, 2) sum_of_squares_forward_f32(float* block_sums, const float* x, long long elements, int blocks) {
    int block = (int)(block_x() * 8 + warp_of_block());
    if (block >= blocks) return;

    long long start = (long long)block * block_elements;
    bool is_whole = start + block_elements <= elements && is_aligned_16(x);
    float sums[4] = {};
    for (int piece = (int)lane_of_warp(); piece < block_elements / 4; piece += 32 * loads_at_once) {
        float v[loads_at_once][4];
        if (is_whole) {
            #pragma unroll
            for (int k = 0; k < loads_at_once; k++) load_piece(v[k], x + start + (piece + 32 * k) * 4);
        } else {
            #pragma unroll
            for (int k = 0; k < loads_at_once; k++) {
                #pragma unroll
                for (int i = 0; i < 4; i++) {
                    long long e = start + (piece + 32 * k) * 4 + i;
                    v[k][i] = e < elements ? x[e] : 0.0f;
                }
            }
        }

        #pragma unroll
        for (int k = 0; k < loads_at_once; k++) {
            #pragma unroll
            for (int i = 0; i < 4; i++) sums[i] = fused(v[k][i], v[k][i], sums[i]);
        }
    }

    float sum = warp_sum((sums[0] + sums[1]) + (sums[2] + sums[3]));
    if (lane_of_warp() == 0) block_sums[block] = sum;
}
