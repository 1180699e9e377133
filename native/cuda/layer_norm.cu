#include "rows.cuh"

// y = (x - mean) * rstd * weight + bias, rstd = 1 / sqrt(mean((x - mean)^2) + eps), for each row of x. A block takes rows block,
// block + blocks, ..., threads and columns as in rows.cuh: blockDim.x = columns / 16 rounded up to warps, gridDim.x as many blocks as run at
// once, 256 bytes of shared memory.
//   y (rows, columns)   mean (rows)   rstd (rows)   x (rows, columns)   weight (columns)   bias (columns); y may be x
template <typename T>
DEVICE void layer_norm_forward(
    T* y, float* mean, float* rstd, const T* x, const T* weight, const T* bias, int rows, int columns, float eps) {
    const int count = Piece<T>::count;
    SHARED_MEMORY(memory);
    float* places = (float*)memory;
    bool is_whole = is_whole_row(x, columns) && is_aligned_16(y, weight, bias);
    RowWords<T> weights, biases, words;
    load_row(weights, weight, columns, is_whole);
    load_row(biases, bias, columns, is_whole);
    for (int row = (int)block_x(); row < rows; row += (int)blocks_x()) {
        load_row(words, x + row_start(row, columns), columns, is_whole);
        float sum = 0.0f;
        #pragma unroll
        for (int j = 0; j < pieces_per_row<T>; j++) {
            float v[count];
            widen_piece_of(v, words, j);
            #pragma unroll
            for (int i = 0; i < count; i++) sum += v[i];
        }

        keep_packed(words);
        float m = block_sum(sum, places) / (float)columns;
        float squares = 0.0f;
        #pragma unroll
        for (int j = 0; j < pieces_per_row<T>; j++) {
            float v[count];
            widen_piece_of(v, words, j);
            #pragma unroll
            for (int i = 0; i < count; i++) {
                float centred = first_column<T>(j) + i < columns ? v[i] - m : 0.0f;
                squares = fused(centred, centred, squares);
            }
        }

        keep_packed(words);
        keep_packed(weights);
        keep_packed(biases);
        float r = 1.0f / square_root(block_sum(squares, places + 32) / (float)columns + eps);
        #pragma unroll
        for (int j = 0; j < pieces_per_row<T>; j++) {
            float v[count], w[count], b[count];
            widen_piece_of(v, words, j);
            widen_piece_of(w, weights, j);
            widen_piece_of(b, biases, j);
            #pragma unroll
            for (int i = 0; i < count; i++) v[i] = (v[i] - m) * r * w[i] + b[i];
            store_piece_of(y + row_start(row, columns), j, v, columns, is_whole);
        }

        if (thread_x() == 0) {
            mean[row] = m;
            rstd[row] = r;
        }
    }
}

// With g = dy * weight and h = (x - mean) * rstd: dx = rstd * (g - mean(g) - h * mean(g * h)), and each slice's sums over its rows of dy * h
// and of dy. A block takes slices block, block + blocks, ... of the lanes; blockDim.x as above, 512 bytes of shared memory.
//   dx (rows, columns)   weight_slice_sums, bias_slice_sums (lanes, 32, columns)   dy, x (rows, columns)   weight (columns)
//   mean, rstd (rows)   lane_bounds (lanes + 1); dx may be dy
template <typename T>
DEVICE void layer_norm_backward(
    T* dx, float* weight_slice_sums, float* bias_slice_sums, const T* dy, const T* x, const T* weight, const float* mean, const float* rstd,
    const int* lane_bounds, int lanes, int columns) {
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

        RowSums<T> weight_sums = {}, bias_sums = {};
        for (int row = slice.first; row < slice.end; row++, turn ^= 64) {
            long long start = row_start(row, columns);
            load_row(dy_words, dy + start, columns, is_whole);
            load_row(x_words, x + start, columns, is_whole);
            float m = mean[row];
            float r = rstd[row];
            float sum_g = 0.0f;
            float sum_gx = 0.0f;
            #pragma unroll
            for (int j = 0; j < pieces_per_row<T>; j++) {
                float g[count], v[count], w[count];
                widen_piece_of(g, dy_words, j);
                widen_piece_of(v, x_words, j);
                widen_piece_of(w, weights, j);
                #pragma unroll
                for (int i = 0; i < count; i++) {
                    float gw = g[i] * w[i];
                    weight_sums.pieces[j][i] = fused(g[i] * (v[i] - m), r, weight_sums.pieces[j][i]);
                    bias_sums.pieces[j][i] += g[i];
                    sum_g += gw;
                    sum_gx = fused(gw, v[i] - m, sum_gx);
                }
            }

            keep_packed(dy_words);
            keep_packed(x_words);
            keep_packed(weights);
            block_sums(sum_g, sum_gx, places + turn);
            float shift = sum_g / (float)columns;
            float scale = r * r * r * sum_gx / (float)columns;
            #pragma unroll
            for (int j = 0; j < pieces_per_row<T>; j++) {
                float g[count], v[count], w[count];
                widen_piece_of(g, dy_words, j);
                widen_piece_of(v, x_words, j);
                widen_piece_of(w, weights, j);
                #pragma unroll
                for (int i = 0; i < count; i++) {
                    float gw = g[i] * w[i];                             // rounded as in the sum, so that one channel gives exactly 0
                    g[i] = (gw - shift) * r - (v[i] - m) * scale;
                }

                store_piece_of(dx + start, j, g, columns, is_whole);
            }
        }

        store_slice(weight_slice_sums + row_start(s, columns), weight_sums, columns);
        store_slice(bias_slice_sums + row_start(s, columns), bias_sums, columns);
    }
}

KERNEL BOUNDS(512, 1) layer_norm_forward_f32(
    float* y, float* mean, float* rstd, const float* x, const float* weight, const float* bias, int rows, int columns, float eps) {
    layer_norm_forward(y, mean, rstd, x, weight, bias, rows, columns, eps);
}
KERNEL BOUNDS(512, 1) layer_norm_forward_bf16(
    bf16* y, float* mean, float* rstd, const bf16* x, const bf16* weight, const bf16* bias, int rows, int columns, float eps) {
    layer_norm_forward(y, mean, rstd, x, weight, bias, rows, columns, eps);
}
KERNEL BOUNDS(512, 1) layer_norm_forward_f16(
    f16* y, float* mean, float* rstd, const f16* x, const f16* weight, const f16* bias, int rows, int columns, float eps) {
    layer_norm_forward(y, mean, rstd, x, weight, bias, rows, columns, eps);
}

KERNEL BOUNDS(384, 1) layer_norm_backward_f32(
    float* dx, float* weight_slice_sums, float* bias_slice_sums, const float* dy, const float* x, const float* weight, const float* mean,
    const float* rstd, const int* lane_bounds, int lanes, int columns) {
    layer_norm_backward(dx, weight_slice_sums, bias_slice_sums, dy, x, weight, mean, rstd, lane_bounds, lanes, columns);
}
KERNEL BOUNDS(384, 1) layer_norm_backward_bf16(
    bf16* dx, float* weight_slice_sums, float* bias_slice_sums, const bf16* dy, const bf16* x, const bf16* weight, const float* mean,
    const float* rstd, const int* lane_bounds, int lanes, int columns) {
    layer_norm_backward(dx, weight_slice_sums, bias_slice_sums, dy, x, weight, mean, rstd, lane_bounds, lanes, columns);
}
KERNEL BOUNDS(384, 1) layer_norm_backward_f16(
    f16* dx, float* weight_slice_sums, float* bias_slice_sums, const f16* dy, const f16* x, const f16* weight, const float* mean,
    const float* rstd, const int* lane_bounds, int lanes, int columns) {
    layer_norm_backward(dx, weight_slice_sums, bias_slice_sums, dy, x, weight, mean, rstd, lane_bounds, lanes, columns);
}
