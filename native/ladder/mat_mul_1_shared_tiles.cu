// Step 1: a block of 16 x 16 threads reads tiles of 16 x 16 into shared memory, so that a factor is read from global memory once in 16 times.
// The products are still plain multiply-adds: 2 flops for two reads of shared memory, whose bandwidth is now the ceiling.
//   blockDim.x = 256, gridDim = (columns / 16, rows / 16), both rounded up
#include "device.cuh"

KERNEL BOUNDS(256, 4) ladder_mat_mul_shared_tiles(bf16* y, const bf16* x, const bf16* weight, int rows, int columns, int steps) {
    SHARED_MEMORY(bytes);
    float* left = (float*)bytes;         // (16 rows, 16 steps)
    float* right = left + 16 * 17;       // (16 columns, 16 steps), a row of 17 so that a column of it is 16 different banks
    int i = thread_x() / 16;
    int j = thread_x() % 16;
    long long row = (long long)block_y() * 16 + i;
    long long column = (long long)block_x() * 16 + j;
    long long other = (long long)block_x() * 16 + i;
    float sum = 0.0f;
    for (int first = 0; first < steps; first += 16) {
        left[i * 17 + j] = row < rows && first + j < steps ? widen(x[row * steps + first + j]) : 0.0f;
        right[i * 17 + j] = other < columns && first + j < steps ? widen(weight[other * steps + first + j]) : 0.0f;
        block_barrier();
        #pragma unroll
        for (int k = 0; k < 16; k++) sum = fused(left[i * 17 + k], right[j * 17 + k], sum);
        block_barrier();
    }
    if (row < rows && column < columns) store(&y[row * columns + column], sum);
}
