#include "rows.cuh"

// Each slice's sum over its rows of dy, columns as in rows.cuh. A block takes the columns from block y * 16 * threads on, of slices block x,
// block x + blocks, ... of the lanes; the loads of two rows are under way together.
//   slice_sums (lanes, 32, columns)   dy (rows, columns)   lane_bounds (lanes + 1)
template <typename T>
DEVICE void bias_backward(float* slice_sums, const T* dy, const int* lane_bounds, int lanes, int columns) {
    const int count = Piece<T>::count;
    bool is_whole = is_whole_row(dy, columns);
    int first = (int)(block_y() * threads_x()) * columns_per_thread;
    for (int s = (int)block_x(); s < lanes * slices_per_lane; s += (int)blocks_x()) {
        Slice slice = slice_of(lane_bounds, s);
        if (slice.first >= slice.end) continue;

        RowSums<T> sums = {};
        for (int row = slice.first; row < slice.end; row += 2) {
            bool is_pair = row + 1 < slice.end;
            RowWords<T> words, next_words;
            load_row(words, dy + row_start(row, columns) + first, columns - first, is_whole);
            load_row(next_words, dy + row_start(row + 1, columns) + first, is_pair ? columns - first : 0, is_whole);
            #pragma unroll
            for (int j = 0; j < pieces_per_row<T>; j++) {
                float g[count], next[count];
                widen_piece_of(g, words, j);
                widen_piece_of(next, next_words, j);
                #pragma unroll
                for (int i = 0; i < count; i++) sums.pieces[j][i] = sums.pieces[j][i] + g[i] + next[i];
            }
        }

        store_slice(slice_sums + row_start(s, columns) + first, sums, columns - first);
    }
}

KERNEL BOUNDS(256, 2) bias_backward_f32(float* slice_sums, const float* dy, const int* lane_bounds, int lanes, int columns) {
    bias_backward(slice_sums, dy, lane_bounds, lanes, columns);
}
KERNEL BOUNDS(256, 2) bias_backward_bf16(float* slice_sums, const bf16* dy, const int* lane_bounds, int lanes, int columns) {
    bias_backward(slice_sums, dy, lane_bounds, lanes, columns);
}
KERNEL BOUNDS(256, 2) bias_backward_f16(float* slice_sums, const f16* dy, const int* lane_bounds, int lanes, int columns) {
    bias_backward(slice_sums, dy, lane_bounds, lanes, columns);
}
