// Both norms of rows: LayerNorm, and RmsNorm, which is it without mean and bias (is_centred false: those pointers are not used).
//
// Rows of up to 16 columns for each of 512 threads stay in registers between their two or three uses, which takes what rows.cuh says. Wider rows (the
// kernels called wide) are read again for each use, from the second cache; there is no limit to their columns.
#pragma once
#include "rows.cuh"

// y = (x - mean) * rstd * weight + bias, rstd = 1 / sqrt(mean((x - mean)^2) + eps), for each row of x. A block takes rows block, block + blocks, ...:
// blockDim.x = columns / 16 rounded up to warps, gridDim.x as many blocks as run at once, 256 bytes of shared memory.
//   y (rows, columns)   mean (rows)   rstd (rows)   x (rows, columns)   weight (columns)   bias (columns); y may be x
template <bool is_centred, typename T>
DEVICE void norm_forward(T* y, float* mean, float* rstd, const T* x, const T* weight, const T* bias, int rows, int columns, float eps) {
    const int count = Piece<T>::count;
    SHARED_MEMORY(memory);
    float* places = (float*)memory;
    bool is_whole = is_whole_row(x, columns) && is_aligned_16(y, weight, is_centred ? bias : weight);
    RowWords<T> weights, biases, words;
    load_row(weights, weight, columns, is_whole);
    if (is_centred) load_row(biases, bias, columns, is_whole);
    for (int row = (int)block_x(), turn = is_centred ? 32 : 0; row < rows; row += (int)blocks_x(), turn ^= is_centred ? 0 : 32) {
        load_row(words, x + row_start(row, columns), columns, is_whole);
        float m = 0.0f;
        if (is_centred) {
            float sum = 0.0f;
            #pragma unroll
            for (int j = 0; j < pieces_per_row<T>; j++) {
                float v[count];
                widen_piece_of(v, words, j);
                #pragma unroll
                for (int i = 0; i < count; i++) sum += v[i];
            }

            keep_packed(words);
            m = block_sum(sum, places) / (float)columns;
        }

        float squares = 0.0f;
        #pragma unroll
        for (int j = 0; j < pieces_per_row<T>; j++) {
            float v[count];
            widen_piece_of(v, words, j);
            #pragma unroll
            for (int i = 0; i < count; i++) {
                float centred = !is_centred || first_column<T>(j) + i < columns ? v[i] - m : 0.0f;
                squares = fused(centred, centred, squares);
            }
        }

        keep_packed(words);
        keep_packed(weights);
        if (is_centred) keep_packed(biases);
        float r = 1.0f / square_root(block_sum(squares, places + turn) / (float)columns + eps);
        #pragma unroll
        for (int j = 0; j < pieces_per_row<T>; j++) {
            float v[count], w[count], b[count];
            widen_piece_of(v, words, j);
            widen_piece_of(w, weights, j);
            if (is_centred) widen_piece_of(b, biases, j);
            #pragma unroll
            for (int i = 0; i < count; i++) v[i] = is_centred ? (v[i] - m) * r * w[i] + b[i] : v[i] * r * w[i];
            store_piece_of(y + row_start(row, columns), j, v, columns, is_whole);
        }

        if (thread_x() == 0) {
            if (is_centred) mean[row] = m;
            rstd[row] = r;
        }
    }
}

// With g = dy * weight and h = (x - mean) * rstd: dx = rstd * (g - mean(g) - h * mean(g * h)), without its middle term where nothing is centred.
struct NormGradient { float mean, rstd, shift, scale; };

template <bool is_centred> DEVICE float norm_gradient(float g, float x, float w, NormGradient a) {
    float gw = g * w;                             // rounded as in the sum, so that one channel gives exactly 0
    return is_centred ? (gw - a.shift) * a.rstd - (x - a.mean) * a.scale : gw * a.rstd - x * a.scale;
}

// The sums of g and g * (x - mean) over the row become the other two.
template <bool is_centred> DEVICE NormGradient finish_row(float m, float r, float sum_g, float sum_gx, int columns, float* places) {
    if (is_centred) {
        block_sums(sum_g, sum_gx, places);
    } else {
        sum_gx = block_sum(sum_gx, places);
    }

    return {m, r, sum_g / (float)columns, r * r * r * sum_gx / (float)columns};
}

// dx, and each slice's sums over its rows of dy * h and of dy. A block takes slices block, block + blocks, ... of the lanes; blockDim.x as above,
// 512 bytes of shared memory.
//   dx (rows, columns)   weight_slice_sums, bias_slice_sums (lanes, 32, columns)   dy, x (rows, columns)   weight (columns)
//   mean, rstd (rows)   lane_bounds (lanes + 1); dx may be dy
template <bool is_centred, typename T>
DEVICE void norm_backward(
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
            float m = is_centred ? mean[row] : 0.0f;
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
                    if (is_centred) bias_sums.pieces[j][i] += g[i];
                    if (is_centred) sum_g += gw;
                    sum_gx = fused(gw, v[i] - m, sum_gx);
                }
            }

            keep_packed(dy_words);
            keep_packed(x_words);
            keep_packed(weights);
            NormGradient a = finish_row<is_centred>(m, r, sum_g, sum_gx, columns, places + turn);
            #pragma unroll
            for (int j = 0; j < pieces_per_row<T>; j++) {
                float g[count], v[count], w[count];
                widen_piece_of(g, dy_words, j);
                widen_piece_of(v, x_words, j);
                widen_piece_of(w, weights, j);
                #pragma unroll
                for (int i = 0; i < count; i++) g[i] = norm_gradient<is_centred>(g[i], v[i], w[i], a);
                store_piece_of(dx + start, j, g, columns, is_whole);
            }
        }

        store_slice(weight_slice_sums + row_start(s, columns), weight_sums, columns);
        if (is_centred) store_slice(bias_slice_sums + row_start(s, columns), bias_sums, columns);
    }
}

// A thread's pieces of a wide row: from column thread * count on, every threads * count.
template <typename T> DEVICE int wide_start() { return (int)thread_x() * Piece<T>::count; }
template <typename T> DEVICE int wide_step() { return (int)threads_x() * Piece<T>::count; }
template <typename T> DEVICE void load_wide(float (&v)[Piece<T>::count], const T* row, int c, int columns, bool is_whole) {
    widen_piece(v, load_piece_or_part(row + c, columns - c, is_whole), T());
}

// norm_forward of wide rows: blockDim.x = 512.
template <bool is_centred, typename T>
DEVICE void norm_forward_wide(T* y, float* mean, float* rstd, const T* x, const T* weight, const T* bias, int rows, int columns, float eps) {
    const int count = Piece<T>::count;
    SHARED_MEMORY(memory);
    float* places = (float*)memory;
    bool is_whole = is_whole_row(x, columns) && is_aligned_16(y, weight, is_centred ? bias : weight);
    for (int row = (int)block_x(), turn = is_centred ? 32 : 0; row < rows; row += (int)blocks_x(), turn ^= is_centred ? 0 : 32) {
        const T* from = x + row_start(row, columns);
        float m = 0.0f;
        if (is_centred) {
            float sum = 0.0f;
            for (int c = wide_start<T>(); c < columns; c += wide_step<T>()) {
                float v[count];
                load_wide(v, from, c, columns, is_whole);
                #pragma unroll
                for (int i = 0; i < count; i++) sum += v[i];
            }

            m = block_sum(sum, places) / (float)columns;
        }

        float squares = 0.0f;
        for (int c = wide_start<T>(); c < columns; c += wide_step<T>()) {
            float v[count];
            load_wide(v, from, c, columns, is_whole);
            #pragma unroll
            for (int i = 0; i < count; i++) {
                float centred = !is_centred || c + i < columns ? v[i] - m : 0.0f;
                squares = fused(centred, centred, squares);
            }
        }

        float r = 1.0f / square_root(block_sum(squares, places + turn) / (float)columns + eps);
        for (int c = wide_start<T>(); c < columns; c += wide_step<T>()) {
            float v[count], w[count], b[count];
            load_wide(v, from, c, columns, is_whole);
            load_wide(w, weight, c, columns, is_whole);
            if (is_centred) load_wide(b, bias, c, columns, is_whole);
            #pragma unroll
            for (int i = 0; i < count; i++) v[i] = is_centred ? (v[i] - m) * r * w[i] + b[i] : v[i] * r * w[i];
            store_piece_or_part(y + row_start(row, columns) + c, v, columns - c, is_whole);
        }

        if (thread_x() == 0) {
            if (is_centred) mean[row] = m;
            rstd[row] = r;
        }
    }
}

// dx of wide rows: blockDim.x = 512, rows and shared memory (512 bytes) as in the forward.
template <bool is_centred, typename T>
DEVICE void norm_backward_wide(
    T* dx, const T* dy, const T* x, const T* weight, const float* mean, const float* rstd, int rows, int columns) {
    const int count = Piece<T>::count;
    SHARED_MEMORY(memory);
    float* places = (float*)memory;
    bool is_whole = is_whole_row(x, columns) && is_aligned_16(dx, dy, weight);
    for (int row = (int)block_x(), turn = 0; row < rows; row += (int)blocks_x(), turn ^= 64) {
        long long start = row_start(row, columns);
        float m = is_centred ? mean[row] : 0.0f;
        float r = rstd[row];
        float sum_g = 0.0f;
        float sum_gx = 0.0f;
        for (int c = wide_start<T>(); c < columns; c += wide_step<T>()) {
            float g[count], v[count], w[count];
            load_wide(g, dy + start, c, columns, is_whole);
            load_wide(v, x + start, c, columns, is_whole);
            load_wide(w, weight, c, columns, is_whole);
            #pragma unroll
            for (int i = 0; i < count; i++) {
                float gw = g[i] * w[i];
                if (is_centred) sum_g += gw;
                sum_gx = fused(gw, v[i] - m, sum_gx);
            }
        }

        NormGradient a = finish_row<is_centred>(m, r, sum_g, sum_gx, columns, places + turn);
        for (int c = wide_start<T>(); c < columns; c += wide_step<T>()) {
            float g[count], v[count], w[count];
            load_wide(g, dy + start, c, columns, is_whole);
            load_wide(v, x + start, c, columns, is_whole);
            load_wide(w, weight, c, columns, is_whole);
            #pragma unroll
            for (int i = 0; i < count; i++) g[i] = norm_gradient<is_centred>(g[i], v[i], w[i], a);
            store_piece_or_part(dx + start + c, g, columns - c, is_whole);
        }
    }
}

// Each slice's sums of wide rows, before dx overwrites dy: a block takes the columns from block y * 16 * threads on, of slices block x, block x +
// blocks, ... of the lanes. blockDim.x = 256, gridDim.y = columns / 4096 rounded up.
template <bool is_centred, typename T>
DEVICE void norm_sums_wide(
    float* weight_slice_sums, float* bias_slice_sums, const T* dy, const T* x, const float* mean, const float* rstd, const int* lane_bounds,
    int lanes, int columns) {
    const int count = Piece<T>::count;
    bool is_whole = is_whole_row(x, columns) && is_aligned_16(dy);
    int first = (int)(block_y() * threads_x()) * columns_per_thread;
    for (int s = (int)block_x(); s < lanes * slices_per_lane; s += (int)blocks_x()) {
        Slice slice = slice_of(lane_bounds, s);
        if (slice.first >= slice.end) continue;

        RowSums<T> weight_sums = {}, bias_sums = {};
        for (int row = slice.first; row < slice.end; row++) {
            RowWords<T> dy_words, x_words;
            load_row(dy_words, dy + row_start(row, columns) + first, columns - first, is_whole);
            load_row(x_words, x + row_start(row, columns) + first, columns - first, is_whole);
            float m = is_centred ? mean[row] : 0.0f;
            float r = rstd[row];
            #pragma unroll
            for (int j = 0; j < pieces_per_row<T>; j++) {
                float g[count], v[count];
                widen_piece_of(g, dy_words, j);
                widen_piece_of(v, x_words, j);
                #pragma unroll
                for (int i = 0; i < count; i++) {
                    weight_sums.pieces[j][i] = fused(g[i] * (v[i] - m), r, weight_sums.pieces[j][i]);
                    if (is_centred) bias_sums.pieces[j][i] += g[i];
                }
            }
        }

        store_slice(weight_slice_sums + row_start(s, columns) + first, weight_sums, columns - first);
        if (is_centred) store_slice(bias_slice_sums + row_start(s, columns) + first, bias_sums, columns - first);
    }
}
