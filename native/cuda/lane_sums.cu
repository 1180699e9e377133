#include "rows.cuh"

// Puts together what the blocks of a sum over rows left: each lane's slices in order, then a binary tree over the lanes, then (is_added) one
// addition to sum. Warp w takes lanes w, w + warps, ...; thread l of it takes column 32 * block + l.
// blockDim.x = 32 * the smaller of lanes and 8, gridDim.x = columns / 32 rounded up; 128 bytes of shared memory a lane.
//   sum (columns)   slice_sums (lanes, 32, columns)   lane_bounds (lanes + 1); without lane_bounds slice_sums is (lanes, columns)
KERNEL BOUNDS(256, 4) lane_sums_f32(
    float* sum, const float* slice_sums, const int* lane_bounds, int lanes, int columns, int is_added) {
    SHARED_MEMORY(memory);
    float* totals = (float*)memory;
    int place = (int)lane_of_warp();
    int c = (int)block_x() * 32 + place;
    for (int lane = (int)warp_of_block(); lane < lanes; lane += (int)(threads_x() / 32)) {
        const float* slices = slice_sums + (long long)lane * columns;
        int count = 1;
        if (lane_bounds) {
            int rows = lane_bounds[lane + 1] - lane_bounds[lane];
            int rows_per = rows_per_slice(rows);
            slices = slice_sums + (long long)lane * slices_per_lane * columns;
            count = (rows + rows_per - 1) / rows_per;
        }

        float total = 0.0f;
        if (c < columns) {
            #pragma unroll 8
            for (int s = 0; s < count; s++) total += slices[(long long)s * columns + c];
        }

        totals[lane * 32 + place] = total;
    }

    block_barrier();
    if (warp_of_block() != 0 || c >= columns) return;

    for (int stride = 1; stride < lanes; stride *= 2) {
        for (int lane = 0; lane < lanes; lane += 2 * stride) totals[lane * 32 + place] += totals[(lane + stride) * 32 + place];
    }

    sum[c] = is_added ? sum[c] + totals[place] : totals[place];
}
