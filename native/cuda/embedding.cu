#include "device.cuh"

const int loads_at_once = 2;

// y[n] = weight[ids[n]] for each row n, as bits. A block takes rows block, block + blocks, ...; its threads take pieces of 16 bytes, or single
// elements where rows do not all start at a multiple of 16 bytes. An id outside the vocabulary ends the launch.
//   y (rows, columns)   ids (rows)   weight (vocabulary, columns)
template <typename T>
DEVICE void embedding_forward(T* y, const int* ids, const T* weight, int rows, int columns, int vocabulary) {
    const int count = Piece<T>::count;
    bool is_whole = is_aligned_16(y, weight) && columns % count == 0;
    int stride = (int)threads_x();
    for (int row = (int)block_x(); row < rows; row += (int)blocks_x()) {
        int id = ids[row];
        require(id >= 0 && id < vocabulary);
        T* to = y + (long long)row * columns;
        const T* from = weight + (long long)id * columns;
        if (!is_whole) {
            for (int c = (int)thread_x(); c < columns; c += stride) to[c] = from[c];
            continue;
        }

        int pieces = columns / count;
        for (int first = (int)thread_x(); first < pieces; first += loads_at_once * stride) {
            Words4 words[loads_at_once];
            #pragma unroll
            for (int k = 0; k < loads_at_once; k++) {
                int piece = first + k * stride;
                words[k] = load_16_if(piece < pieces, from + piece * count);
            }

            #pragma unroll
            for (int k = 0; k < loads_at_once; k++) {
                int piece = first + k * stride;
                if (piece < pieces) store_16(to + piece * count, words[k]);
            }
        }
    }
}

// A thread's piece of row `position` of dy; zeros where the position is -1.
template <typename T> DEVICE Words4 load_part(const T* dy, int position, int c, int columns, bool is_whole) {
    return load_piece_or_part(dy + (long long)position * columns + c, position >= 0 ? columns - c : 0, is_whole);
}

// sum = left half + sum, level by level, for the levels of the tree whose bit is set.
template <int count> DEVICE void add_left_halves(float (&sum)[count], const float* waiting, unsigned int levels) {
    for (; levels != 0; levels &= levels - 1) {
        int level = trailing_zeros(levels);
        #pragma unroll
        for (int i = 0; i < count; i++) sum[i] = waiting[(level * count + i) * 32] + sum[i];
    }
}

// dweight_sum[id] += the sum of dy[n] over the rows n with ids[n] = id. A run of equal ids in the sorted order belongs to the warps of the
// place where it starts, one for each 32 pieces of columns. A warp adds the run's rows in the order of their positions, those of each lane of
// the recipe by themselves; lanes meet in a binary tree, whose left halves wait in shared memory; the sum is added once. Lanes in which the id
// does not occur would add zeros. Four rows are on their way at a time.
// blockDim.x = 128, gridDim = (rows / 4 rounded up, columns / (32 * count) rounded up), levels * count * 512 bytes of shared memory.
//   dweight_sum (vocabulary, columns)   dy (rows, columns)   ids (rows)   order (rows)   lane_bounds (2^levels + 1)
template <typename T>
DEVICE void embedding_backward(
    float* dweight_sum, const T* dy, const int* ids, const int* order, const int* lane_bounds, int rows, int columns, int vocabulary,
    int levels) {
    const int count = Piece<T>::count;
    SHARED_MEMORY(memory);
    float* waiting = (float*)memory + (int)warp_of_block() * levels * count * 32 + (int)lane_of_warp();
    int place = (int)(block_x() * (threads_x() / 32) + warp_of_block());
    if (place >= rows) return;

    int id = ids[order[place]];
    require(id >= 0 && id < vocabulary);
    if (place > 0 && ids[order[place - 1]] == id) return;

    int c = (int)(block_y() * 32 + lane_of_warp()) * count;
    bool is_whole = is_aligned_16(dy) && columns % count == 0;
    int lane = 0;
    while (order[place] >= lane_bounds[lane + 1]) lane++;

    unsigned int waiting_levels = 0;
    float sum[count] = {};
    int run = 32;
    for (; run == 32; place += 32) {
        int ahead = place + (int)lane_of_warp();
        int position_ahead = ahead < rows ? order[ahead] : -1;
        bool is_same = position_ahead >= 0 && ids[position_ahead] == id;
        run = trailing_zeros(~ballot(is_same));
        if (!is_same) position_ahead = -1;

        Words4 coming[4];
        #pragma unroll
        for (int k = 0; k < 4; k++) coming[k] = load_part(dy, (int)shuffle_from((unsigned int)position_ahead, k), c, columns, is_whole);

        for (int i = 0; i < run; i++) {
            int position = (int)shuffle_from((unsigned int)position_ahead, i);
            if (position >= lane_bounds[lane + 1]) {
                int last = lane;
                while (position >= lane_bounds[lane + 1]) lane++;

                // Up to the highest bit in which the two differ everything is complete and the left half of what follows.
                int level = 31 - leading_zeros((unsigned int)(last ^ lane));
                unsigned int below = (1u << level) - 1;
                add_left_halves(sum, waiting, waiting_levels & below);
                waiting_levels = (waiting_levels & ~below) | 1u << level;
                #pragma unroll
                for (int e = 0; e < count; e++) {
                    waiting[(level * count + e) * 32] = sum[e];
                    sum[e] = 0.0f;
                }
            }

            float v[count];
            widen_piece(v, coming[0], T());
            coming[0] = coming[1];
            coming[1] = coming[2];
            coming[2] = coming[3];
            int next = (int)shuffle_from((unsigned int)position_ahead, i + 4 < 32 ? i + 4 : i);
            coming[3] = load_part(dy, i + 4 < run ? next : -1, c, columns, is_whole);
            #pragma unroll
            for (int e = 0; e < count; e++) sum[e] += v[e];
        }
    }

    add_left_halves(sum, waiting, waiting_levels);
    float* to = dweight_sum + (long long)id * columns + c;
    bool is_whole_sum = is_aligned_16(dweight_sum) && columns % 4 == 0;
    #pragma unroll
    for (int e = 0; e < count; e += 4) {
        float v[4];
        widen_piece(v, load_piece_or_part(to + e, columns - c - e, is_whole_sum), 0.0f);
        store_piece_or_part(to + e, {v[0] + sum[e], v[1] + sum[e + 1], v[2] + sum[e + 2], v[3] + sum[e + 3]}, columns - c - e, is_whole_sum);
    }
}

KERNEL BOUNDS(256, 4) embedding_forward_f32(float* y, const int* ids, const float* weight, int rows, int columns, int vocabulary) {
    embedding_forward(y, ids, weight, rows, columns, vocabulary);
}
KERNEL BOUNDS(256, 4) embedding_forward_bf16(bf16* y, const int* ids, const bf16* weight, int rows, int columns, int vocabulary) {
    embedding_forward(y, ids, weight, rows, columns, vocabulary);
}
KERNEL BOUNDS(256, 4) embedding_forward_f16(f16* y, const int* ids, const f16* weight, int rows, int columns, int vocabulary) {
    embedding_forward(y, ids, weight, rows, columns, vocabulary);
}

KERNEL BOUNDS(128, 4) embedding_backward_f32(
    float* dweight_sum, const float* dy, const int* ids, const int* order, const int* lane_bounds, int rows, int columns, int vocabulary,
    int levels) {
    embedding_backward(dweight_sum, dy, ids, order, lane_bounds, rows, columns, vocabulary, levels);
}
KERNEL BOUNDS(128, 4) embedding_backward_bf16(
    float* dweight_sum, const bf16* dy, const int* ids, const int* order, const int* lane_bounds, int rows, int columns, int vocabulary,
    int levels) {
    embedding_backward(dweight_sum, dy, ids, order, lane_bounds, rows, columns, vocabulary, levels);
}
KERNEL BOUNDS(128, 4) embedding_backward_f16(
    float* dweight_sum, const f16* dy, const int* ids, const int* order, const int* lane_bounds, int rows, int columns, int vocabulary,
    int levels) {
    embedding_backward(dweight_sum, dy, ids, order, lane_bounds, rows, columns, vocabulary, levels);
}
