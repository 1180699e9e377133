// Step 3 (sm_90a): tensor copies and warpgroup products, but one role: the warpgroup that multiplies also asks for the next boxes and waits for
// its own products before it does. Two stages; the tensor cores rest while the thread turns around. Step 4 gives the copying to a warpgroup of
// its own, step 5 keeps one group of products under way: native/cuda/mat_mul_wgmma.cu.
//   blockDim.x = 128, gridDim = (columns / 128, rows / 64); whole tiles only, steps a multiple of 64.   maps: boxes of 64 x 64 (x), 64 x 128 (weight)
#if __CUDA_ARCH__ >= 900
#include "product.cuh"

KERNEL BOUNDS(128, 2) ladder_mat_mul_one_role(
    TENSOR_MAP_PARAMETER(x), TENSOR_MAP_PARAMETER(weight), bf16* y, int columns, int steps) {
    SHARED_MEMORY(bytes);
    const TensorMap* left = PARAM_ADDRESS(ladder_mat_mul_one_role, 0, x);
    const TensorMap* right = PARAM_ADDRESS(ladder_mat_mul_one_role, 1, weight);
    const int left_bytes = 64 * 128;
    const int stage_bytes = left_bytes + 128 * 128;
    unsigned int memory = shared_address(bytes);
    unsigned int full = memory + 2 * stage_bytes;
    int row = block_y() * 64;
    int column = block_x() * 128;
    auto bring = [&](int k) {
        if (thread_x() != 0 || k >= steps) return;
        int stage = k / 64 % 2;
        arrive_expecting(full + 8 * stage, stage_bytes);
        copy_box(memory + stage * stage_bytes, left, k, row, full + 8 * stage);
        copy_box(memory + stage * stage_bytes + left_bytes, right, k, column, full + 8 * stage);
    };
    if (thread_x() == 0) {
        make_barrier(full, 1);
        make_barrier(full + 8, 1);
        publish_barriers();
    }
    block_barrier();
    bring(0);
    bring(64);

    float sums[1][16][4];
    clear(sums);
    #pragma unroll 1
    for (int k = 0; k < steps; k += 64) {
        unsigned int stage = memory + k / 64 % 2 * stage_bytes;
        wait_phase(full + 8 * (k / 64 % 2), k / 128 & 1);
        begin_products();
        #pragma unroll
        for (int k0 = 0; k0 < 64; k0 += 16)
            multiply_group(sums[0], describe_rows(stage + 2 * k0), describe_rows(stage + left_bytes + 2 * k0), true, bf16());
        commit_products();
        wait_products<0>();
        block_barrier();
        bring(k + 128);
    }

    long long first = (long long)(row + 16 * (int)warp_of_block() + (int)(lane_of_warp() >> 2)) * columns + column + (lane_of_warp() & 3) * 2;
    #pragma unroll
    for (int n = 0; n < 16; n++) {
        store_pair(y + first + 8 * n, sums[0][n][0], sums[0][n][1]);
        store_pair(y + first + 8 * n + 8LL * columns, sums[0][n][2], sums[0][n][3]);
    }
}
#endif
