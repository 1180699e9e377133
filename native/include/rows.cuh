// Rows of a matrix, one to a block at a time, and sums over rows.
#pragma once
#include "device.cuh"

// A thread has 16 columns of a row in pieces of 16 bytes; piece j starts at column (j * threads + thread) * count. The block's size is a
// function of the number of columns, so the order of every sum along a row is too. Columns that do not exist are 0. Where rows do not all
// start at a multiple of 16 bytes (is_whole false), the same thread takes the same columns one by one.
const int columns_per_thread = 16;

// A thread's part of a row as loaded, and as singles. All loads of a row, or of several, are issued before the first piece is widened.
template <typename T> const int pieces_per_row = columns_per_thread / Piece<T>::count;
template <typename T> struct RowWords { Words4 pieces[pieces_per_row<T>]; };
template <typename T> struct RowSums { float pieces[pieces_per_row<T>][Piece<T>::count]; };

template <typename T> DEVICE bool is_whole_row(const T* matrix, int columns) {
    return is_aligned_16(matrix) && columns % Piece<T>::count == 0;
}

template <typename T> DEVICE int first_column(int piece) {
    // Not carried through loops: the compiler would keep an address of every piece of every matrix in registers.
    return (piece * (int)threads_x() + (int)computed_here(thread_x())) * Piece<T>::count;
}

// Where a row of a matrix starts.
DEVICE long long row_start(int row, int columns) { return (long long)(int)computed_here((unsigned int)row) * columns; }

template <typename T> DEVICE void load_row(RowWords<T>& words, const T* row, int columns, bool is_whole) {
    #pragma unroll
    for (int j = 0; j < pieces_per_row<T>; j++) {
        int c = first_column<T>(j);
        words.pieces[j] = load_piece_or_part(row + c, columns - c, is_whole);
    }
}

template <typename T> DEVICE void widen_piece_of(float (&v)[Piece<T>::count], const RowWords<T>& words, int j) {
    widen_piece(v, words.pieces[j], T());
}

// From here on pieces of a 16-bit type are widened again: between two uses of a row half of the registers.
DEVICE void keep_packed(RowWords<float>&) {}
template <typename T> DEVICE void keep_packed(RowWords<T>& words) {
    #pragma unroll
    for (int j = 0; j < pieces_per_row<T>; j++) {
        Words4 w = words.pieces[j];
        words.pieces[j] = {computed_here(w.x), computed_here(w.y), computed_here(w.z), computed_here(w.w)};
    }
}

template <typename T> DEVICE void store_piece_of(T* row, int j, const float (&v)[Piece<T>::count], int columns, bool is_whole) {
    int c = first_column<T>(j);
    store_piece_or_part(row + c, v, columns - c, is_whole);
}

// The sums over the threads of a block, the same bits in all of them: a tree in each warp, then one over the warps. places has room for 32
// (for 64 where there are two sums); calls with no other barrier between them need different places.
DEVICE void place_warp_sum(float v, float* places) {
    v = warp_sum(v);
    if (lane_of_warp() == 0) places[warp_of_block()] = v;
}
DEVICE float sum_of_places(const float* places) {
    return warp_sum(lane_of_warp() < threads_x() / 32 ? places[lane_of_warp()] : 0.0f);
}
DEVICE float block_sum(float v, float* places) {
    place_warp_sum(v, places);
    block_barrier();
    return sum_of_places(places);
}
DEVICE void block_sums(float& a, float& b, float* places) {
    place_warp_sum(a, places);
    place_warp_sum(b, places + 32);
    block_barrier();
    a = sum_of_places(places);
    b = sum_of_places(places + 32);
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
template <typename T> DEVICE void store_slice(float* sums, const RowSums<T>& part, int columns) {
    #pragma unroll
    for (int j = 0; j < pieces_per_row<T>; j++) {
        #pragma unroll
        for (int i = 0; i < Piece<T>::count; i += 4) {
            int c = first_column<T>(j) + i;
            const float (&v)[Piece<T>::count] = part.pieces[j];
            store_piece_or_part(sums + c, {v[i], v[i + 1], v[i + 2], v[i + 3]}, columns - c, columns % 4 == 0);
        }
    }
}
