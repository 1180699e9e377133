#include "rows.cuh"

// y = x * rstd * weight, rstd = 1 / sqrt(mean(x^2) + eps), for each row of x. A block takes rows block, block + blocks, ..., threads and
// columns as in rows.cuh: blockDim.x = columns / 16 rounded up to warps, gridDim.x as many blocks as run at once, 256 bytes of shared memory.
//   y (rows, columns)   rstd (rows)   x (rows, columns)   weight (columns); y may be x
template <typename T>
DEVICE void rms_norm_forward(T* y, float* rstd, const T* x, const T* weight, int rows, int columns, float eps) {
    const int count = Piece<T>::count;
    SHARED_MEMORY(memory);
    float* places = (float*)memory;
    bool is_whole = is_whole_row(x, columns) && is_aligned_16(y, weight);
    RowWords<T> weights, words;
    load_row(weights, weight, columns, is_whole);
    for (int row = (int)block_x(), turn = 0; row < rows; row += (int)blocks_x(), turn ^= 32) {
        load_row(words, x + row_start(row, columns), columns, is_whole);
        float squares = 0.0f;
        #pragma unroll
        for (int j = 0; j < pieces_per_row<T>; j++) {
            float v[count];
            widen_piece_of(v, words, j);
            #pragma unroll
            for (int i = 0; i < count; i++) squares = fused(v[i], v[i], squares);
        }

        keep_packed(words);
        keep_packed(weights);
        float r = 1.0f / square_root(block_sum(squares, places + turn) / (float)columns + eps);
        #pragma unroll
        for (int j = 0; j < pieces_per_row<T>; j++) {
            float v[count], w[count];
            widen_piece_of(v, words, j);
            widen_piece_of(w, weights, j);
            #pragma unroll
            for (int i = 0; i < count; i++) v[i] = v[i] * r * w[i];
            store_piece_of(y + row_start(row, columns), j, v, columns, is_whole);
        }

        if (thread_x() == 0) rstd[row] = r;
    }
}

// With g = dy * weight: dx = rstd * g - x * rstd^3 * mean(g * x), and each slice's sum over its rows of dy * x * rstd. A block takes slices
// block, block + blocks, ... of the lanes; blockDim.x and shared memory as above.
//   dx (rows, columns)   slice_sums (lanes, 32, columns)   dy, x (rows, columns)   weight (columns)   rstd (rows)
//   lane_bounds (lanes + 1); dx may be dy
template <typename T>
DEVICE void rms_norm_backward(
    T* dx, float* slice_sums, const T* dy, const T* x, const T* weight, const float* rstd, const int* lane_bounds, int lanes, int columns) {
    const int count = Piece<T>::count;
    SHARED_MEMORY(memory);
    float* places = (float*)memory;
    bool is_whole = is_whole_row(x, columns) && is_aligned_16(dx, dy, weight);
    RowWords<T> weights, dy_words, x_words;
    load_row(weights, weight, columns, is_whole);
    int turn = 0;
    for (int s = (int)block_x(); s < lanes * slices_per_lane; s += (int)blocks_x()) {
        Slice slice = slice_of(lane_bounds, s);
        if (slice.first >= slice.end) continue;

        RowSums<T> sums = {};
        for (int row = slice.first; row < slice.end; row++, turn ^= 32) {
            long long start = row_start(row, columns);
            load_row(dy_words, dy + start, columns, is_whole);
            load_row(x_words, x + start, columns, is_whole);
            float r = rstd[row];
            float products = 0.0f;
            #pragma unroll
            for (int j = 0; j < pieces_per_row<T>; j++) {
                float g[count], v[count], w[count];
                widen_piece_of(g, dy_words, j);
                widen_piece_of(v, x_words, j);
                widen_piece_of(w, weights, j);
                #pragma unroll
                for (int i = 0; i < count; i++) {
                    sums.pieces[j][i] = fused(g[i] * v[i], r, sums.pieces[j][i]);
                    products = fused(g[i] * w[i], v[i], products);
                }
            }

            keep_packed(dy_words);
            keep_packed(x_words);
            keep_packed(weights);
            float scale = r * r * r * block_sum(products, places + turn) / (float)columns;
            #pragma unroll
            for (int j = 0; j < pieces_per_row<T>; j++) {
                float g[count], v[count], w[count];
                widen_piece_of(g, dy_words, j);
                widen_piece_of(v, x_words, j);
                widen_piece_of(w, weights, j);
                #pragma unroll
                for (int i = 0; i < count; i++) g[i] = g[i] * w[i] * r - v[i] * scale;
                store_piece_of(dx + start, j, g, columns, is_whole);
            }
        }

        store_slice(slice_sums + row_start(s, columns), sums, columns);
    }
}

KERNEL BOUNDS(512, 1) rms_norm_forward_f32(
    float* y, float* rstd, const float* x, const float* weight, int rows, int columns, float eps) {
    rms_norm_forward(y, rstd, x, weight, rows, columns, eps);
}
KERNEL BOUNDS(512, 1) rms_norm_forward_bf16(
    bf16* y, float* rstd, const bf16* x, const bf16* weight, int rows, int columns, float eps) {
    rms_norm_forward(y, rstd, x, weight, rows, columns, eps);
}
KERNEL BOUNDS(512, 1) rms_norm_forward_f16(
    f16* y, float* rstd, const f16* x, const f16* weight, int rows, int columns, float eps) {
    rms_norm_forward(y, rstd, x, weight, rows, columns, eps);
}

KERNEL BOUNDS(512, 1) rms_norm_backward_f32(
    float* dx, float* slice_sums, const float* dy, const float* x, const float* weight, const float* rstd, const int* lane_bounds,
    int lanes, int columns) {
    rms_norm_backward(dx, slice_sums, dy, x, weight, rstd, lane_bounds, lanes, columns);
}
KERNEL BOUNDS(512, 1) rms_norm_backward_bf16(
    bf16* dx, float* slice_sums, const bf16* dy, const bf16* x, const bf16* weight, const float* rstd, const int* lane_bounds,
    int lanes, int columns) {
    rms_norm_backward(dx, slice_sums, dy, x, weight, rstd, lane_bounds, lanes, columns);
}
KERNEL BOUNDS(512, 1) rms_norm_backward_f16(
    f16* dx, float* slice_sums, const f16* dy, const f16* x, const f16* weight, const float* rstd, const int* lane_bounds,
    int lanes, int columns) {
    rms_norm_backward(dx, slice_sums, dy, x, weight, rstd, lane_bounds, lanes, columns);
}
