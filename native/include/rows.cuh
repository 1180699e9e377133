// Rows of a matrix, one to a block at a time, and sums over rows.
#pragma once
#include "device.cuh"

// A thread has 16 columns of a row in pieces of 16 bytes; piece j starts at column (j * threads + thread) * count. The block's size is a
// function of the number of columns, so the order of every sum along a row is too. Columns that do not exist are 0. Where rows do not all
// start at a multiple of 16 bytes (is_whole false), the same thread takes the same columns one by one.
const int columns_per_thread = 16;

// A thread's part of a row as singles, and as loaded. All loads of a row, or of several, are issued before the first is widened.
template <typename T> struct RowPart {
    static const int count = Piece<T>::count;
    static const int pieces = columns_per_thread / count;
    float v[pieces][count];
};
template <typename T> struct RowWords { Words4 pieces[RowPart<T>::pieces]; };

template <typename T> DEVICE bool is_whole_row(const T* matrix, int columns) {
    return is_aligned_16(matrix) && columns % Piece<T>::count == 0;
}

template <typename T> DEVICE int first_column(int piece) { return (piece * (int)threads_x() + (int)thread_x()) * Piece<T>::count; }

template <typename T> DEVICE void load_row(RowWords<T>& words, const T* row, int columns, bool is_whole) {
    #pragma unroll
    for (int j = 0; j < RowPart<T>::pieces; j++) {
        int c = first_column<T>(j);
        words.pieces[j] = load_16_if(is_whole && c < columns, row + c);
    }

    if (is_whole) return;

    #pragma unroll
    for (int j = 0; j < RowPart<T>::pieces; j++) {
        int c = first_column<T>(j);
        words.pieces[j] = load_one_by_one(row + c, columns - c);
    }
}

template <typename T> DEVICE void widen_row(RowPart<T>& part, const RowWords<T>& words) {
    #pragma unroll
    for (int j = 0; j < RowPart<T>::pieces; j++) widen_piece(part.v[j], words.pieces[j], T());
}

template <typename T> DEVICE void store_row(T* row, const RowPart<T>& part, int columns, bool is_whole) {
    #pragma unroll
    for (int j = 0; j < RowPart<T>::pieces; j++) {
        int c = first_column<T>(j);
        if (!is_whole) {
            store_one_by_one(row + c, pack_piece(part.v[j], T()), columns - c);
        } else if (c < columns) {
            store_piece(row + c, part.v[j]);
        }
    }
}

// The sum over the threads of a block, the same bits in all of them: a tree in each warp, then one over the warps. places has room for 32;
// two calls with no other barrier between them need different places.
DEVICE float block_sum(float v, float* places) {
    v = warp_sum(v);
    if (lane_of_warp() == 0) places[warp_of_block()] = v;
    block_barrier();
    return warp_sum(lane_of_warp() < threads_x() / 32 ? places[lane_of_warp()] : 0.0f);
}

// Sums over the rows of a lane: the lane is cut into at most 32 slices of at least 8 rows, a function of its number of rows alone. A slice
// is summed in the order of its rows; lane_sums.cu puts slices and lanes together.
const int slices_per_lane = 32;
const int least_rows_per_slice = 8;

DEVICE int rows_per_slice(int rows) {
    int equal = (rows + slices_per_lane - 1) / slices_per_lane;
    return equal < least_rows_per_slice ? least_rows_per_slice : equal;
}

// Rows first to end - 1; empty where the lane has fewer slices.
struct Slice { int first, end; };

DEVICE Slice slice_of(const int* lane_bounds, int slice) {
    int lane = slice / slices_per_lane;
    int start = lane_bounds[lane], end = lane_bounds[lane + 1];
    int rows = rows_per_slice(end - start);
    int first = start + slice % slices_per_lane * rows;
    return {first, first + rows < end ? first + rows : end};
}

// Writes a slice's sums over the columns, in singles.
template <typename T> DEVICE void store_slice(float* sums, const RowPart<T>& part, int columns) {
    #pragma unroll
    for (int j = 0; j < RowPart<T>::pieces; j++) {
        #pragma unroll
        for (int i = 0; i < Piece<T>::count; i += 4) {
            int c = first_column<T>(j) + i;
            const float (&v)[Piece<T>::count] = part.v[j];
            Words4 words = pack_piece({v[i], v[i + 1], v[i + 2], v[i + 3]}, 0.0f);
            if (columns % 4 == 0) {
                if (c < columns) store_16(sums + c, words);
            } else {
                store_one_by_one(sums + c, words, columns - c);
            }
        }
    }
}
