// What the matrix products of mat_mul.cu and mat_mul_wgmma.cu share: the order of tiles, the result in memory, the tree over lanes.
#pragma once
#include "activations.cuh"
#include "tile.cuh"

// Tiles in groups of eight rows of tiles, column by column, so that blocks that run at one time share factors in the second cache.
struct Place { int row; int column; };
template <typename S> DEVICE Place place_of(int tile, int rows, int columns) {
    const int group_rows = 8;
    int tile_rows = (rows + S::rows - 1) / S::rows;
    int tile_columns = (columns + S::columns - 1) / S::columns;
    int group = tile / (group_rows * tile_columns);
    int within = tile % (group_rows * tile_columns);
    int height = tile_rows - group * group_rows;
    height = height < group_rows ? height : group_rows;
    return {(group * group_rows + within % height) * S::rows, within / height * S::columns};
}
template <typename S> DEVICE int tiles_of(int rows, int columns) {
    return ((rows + S::rows - 1) / S::rows) * ((columns + S::columns - 1) / S::columns);
}

// The result in memory: singles where wide, else T. `aligned`: its rows start at multiples of 16 bytes.
template <typename T> struct Result {
    void* start;
    long long stride;
    int rows;
    int columns;
    bool wide;
    bool aligned;
};
template <typename T> DEVICE int eight_or_fewer(const Result<T>& r, int row, int column) { return row < r.rows ? r.columns - column : 0; }
template <typename T> DEVICE void read_eight(float (&v)[8], const Result<T>& r, int row, int column) {
    int count = eight_or_fewer(r, row, column);
    bool whole = r.aligned && count >= 8;
    if (count <= 0) return;
    if (r.wide) read_eight(v, (const float*)r.start + row * r.stride + column, count, whole);
    else read_eight(v, (const T*)r.start + row * r.stride + column, count, whole);
}
template <typename T> DEVICE void write_eight(const Result<T>& r, int row, int column, const float (&v)[8]) {
    int count = eight_or_fewer(r, row, column);
    bool whole = r.aligned && count >= 8;
    if (count <= 0) return;
    if (r.wide) write_eight((float*)r.start + row * r.stride + column, v, count, whole);
    else write_eight((T*)r.start + row * r.stride + column, v, count, whole);
}
// result = old value + v
template <typename T> DEVICE void add_eight(const Result<T>& r, int row, int column, float (&v)[8]) {
    float old[8] = {};
    read_eight(old, r, row, column);
    #pragma unroll
    for (int i = 0; i < 8; i++) v[i] = old[i] + v[i];
    write_eight(r, row, column, v);
}

// What sums pass on their way to the result, in singles: result = residual + activation(bias + sum), rounded once. What is null is left out.
template <typename T> struct Epilogue {
    const T* bias;          // (columns)
    const T* residual;      // as the result, which it may be
    T* before;              // as the result: receives bias + sum
    int activation;         // the numbers of Activation.cs
};
template <typename T> DEVICE void finish_eight(const Result<T>& r, const Epilogue<T>& e, int row, int column, float (&v)[8]) {
    int count = eight_or_fewer(r, row, column);
    bool whole = r.aligned && count >= 8;
    long long place = row * r.stride + column;
    if (count <= 0) return;
    if (e.bias) {
        float bias[8];
        read_eight(bias, e.bias + column, count, whole);
        #pragma unroll
        for (int i = 0; i < 8; i++) v[i] = bias[i] + v[i];
    }
    if (e.before) write_eight(e.before + place, v, count, whole);
    if (e.activation == 1) {
        #pragma unroll
        for (int i = 0; i < 8; i++) v[i] = Relu::of(v[i], T());
    } else if (e.activation == 2) {
        #pragma unroll
        for (int i = 0; i < 8; i++) v[i] = Gelu::of(v[i], T());
    }
    if (e.residual) {
        float residual[8];
        read_eight(residual, e.residual + place, count, whole);
        #pragma unroll
        for (int i = 0; i < 8; i++) v[i] = residual[i] + v[i];
    }
    write_eight(r, row, column, v);
}

// One lane's sums of a tile, kept by the threads that made them, S::threads from S::first_thread on, until their neighbours in the tree are there.
template <typename S> DEVICE float* kept_at(float* level, int block) { return level + (block * S::threads + thread_x() - S::first_thread) * 4; }
template <typename S> DEVICE void keep(float* level, const float (&sums)[S::m][S::n][4]) {
    #pragma unroll
    for (int m = 0; m < S::m; m++)
        #pragma unroll
        for (int n = 0; n < S::n; n++) store_piece(kept_at<S>(level, m * S::n + n), sums[m][n]);
}
// sums = kept + sums
template <typename S> DEVICE void add_kept(float (&sums)[S::m][S::n][4], float* level) {
    #pragma unroll
    for (int m = 0; m < S::m; m++)
        #pragma unroll
        for (int n = 0; n < S::n; n++) {
            float kept[4];
            load_piece(kept, kept_at<S>(level, m * S::n + n));
            #pragma unroll
            for (int i = 0; i < 4; i++) sums[m][n][i] = kept[i] + sums[m][n][i];
        }
}

// The room of one level, and how many levels a tree has below its root.
template <typename S> DEVICE long long level_elements() { return S::rows * S::columns; }
DEVICE int levels_of(int lanes) {
    int levels = 0;
    while (1 << levels < lanes) levels++;
    return levels;
}
// Takes a lane's sums into the tree; after the last lane, sums are the total. height counts the levels that are kept.
template <typename S> DEVICE void join_lane(float (&sums)[S::m][S::n][4], float* levels, int& height, int lane, int lanes) {
    #pragma unroll 1
    for (int pending = lane; pending & 1; pending >>= 1) add_kept<S>(sums, levels + --height * level_elements<S>());
    if (lane + 1 < lanes) keep<S>(levels + height++ * level_elements<S>(), sums);
}
