// Step 0: one thread per result, the anchor for correctness. Every factor is read from global memory for every product: 2 flops for 4 bytes
// that at best come from the first cache.
//   blockDim.x = 256, gridDim = (columns / 256 rounded up, rows)     y (rows, columns)   x (rows, steps)   weight (columns, steps)
#include "device.cuh"

KERNEL BOUNDS(256, 8) ladder_mat_mul_one_thread(bf16* y, const bf16* x, const bf16* weight, int rows, int columns, int steps) {
    int column = block_x() * 256 + thread_x();
    long long row = block_y();
    if (row >= rows || column >= columns) return;
    float sum = 0.0f;
    for (int k = 0; k < steps; k++) sum = fused(widen(x[row * steps + k]), widen(weight[(long long)column * steps + k]), sum);
    store(&y[row * columns + column], sum);
}
