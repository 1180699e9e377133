#include "device.cuh"

// One row of a table of angles, from pair i on.
template <int count> DEVICE void load_angles(float (&v)[count], const float* row, int left, bool is_whole) {
    #pragma unroll
    for (int e = 0; e < count; e += 4) {
        float four[4];
        widen_piece(four, load_piece_or_part(row + e, left - e, is_whole), 0.0f);
        #pragma unroll
        for (int k = 0; k < 4; k++) v[e + k] = four[k];
    }
}

// (y[i], y[i + pairs]) = (x[i] * cos - x[i + pairs] * sin, x[i + pairs] * cos + x[i] * sin) in each head, with the angles of the row's position;
// columns from 2 * pairs on are copied. direction is 1, or -1 for the backward. A block takes rows block, block + blocks, ...; a thread keeps
// the angles of one piece of pairs and takes every heads_at_once-th head. A position outside the tables ends the launch.
// blockDim.x = pieces of pairs (at least 1) * heads_at_once.
//   y (rows, columns)   x (rows, columns)   positions (rows)   cosines, sines (position_count, pairs); y may be x
template <typename T>
DEVICE void rope_rotate(
    T* y, const T* x, const int* positions, const float* cosines, const float* sines, int rows, int columns, int head_width, int pairs,
    int position_count, int heads_at_once, float direction) {
    const int count = Piece<T>::count;
    unsigned int pieces = threads_x() / (unsigned int)heads_at_once;
    int first_head = (int)(thread_x() / pieces);
    int i = (int)(thread_x() % pieces) * count;
    int left = pairs - i;
    int rest = head_width - 2 * pairs;
    bool is_whole = is_aligned_16(y, x) && pairs % count == 0 && head_width % count == 0;
    bool are_angles_whole = is_aligned_16(cosines, sines) && pairs % 4 == 0;
    for (int row = (int)block_x(); row < rows; row += (int)blocks_x()) {
        int position = positions[row];
        require(position >= 0 && position < position_count);
        float cos[count], sin[count];
        load_angles(cos, cosines + (long long)position * pairs + i, left, are_angles_whole);
        load_angles(sin, sines + (long long)position * pairs + i, left, are_angles_whole);
        #pragma unroll
        for (int e = 0; e < count; e++) sin[e] *= direction;

        long long start = (long long)row * columns;
        for (int c = first_head * head_width + i; c < columns; c += heads_at_once * head_width) {
            long long at = start + (int)computed_here((unsigned int)c);
            Words4 first = load_piece_or_part(x + at, left, is_whole);
            Words4 second = load_piece_or_part(x + at + pairs, left, is_whole);
            float a[count], b[count];
            widen_piece(a, first, T());
            widen_piece(b, second, T());
            #pragma unroll
            for (int e = 0; e < count; e++) {
                float turned = a[e] * cos[e] - b[e] * sin[e];
                b[e] = b[e] * cos[e] + a[e] * sin[e];
                a[e] = turned;
            }

            store_piece_or_part(y + at, a, left, is_whole);
            store_piece_or_part(y + at + pairs, b, left, is_whole);
        }

        if (rest == 0 || y == x) continue;

        for (int c = (int)thread_x(); c < columns / head_width * rest; c += (int)threads_x()) {
            int column = c / rest * head_width + 2 * pairs + c % rest;
            y[start + column] = x[start + column];
        }
    }
}

KERNEL BOUNDS(256, 2) rope_rotate_f32(
    float* y, const float* x, const int* positions, const float* cosines, const float* sines, int rows, int columns, int head_width, int pairs,
    int position_count, int heads_at_once, float direction) {
    rope_rotate(y, x, positions, cosines, sines, rows, columns, head_width, pairs, position_count, heads_at_once, direction);
}
KERNEL BOUNDS(256, 2) rope_rotate_bf16(
    bf16* y, const bf16* x, const int* positions, const float* cosines, const float* sines, int rows, int columns, int head_width, int pairs,
    int position_count, int heads_at_once, float direction) {
    rope_rotate(y, x, positions, cosines, sines, rows, columns, head_width, pairs, position_count, heads_at_once, direction);
}
KERNEL BOUNDS(256, 2) rope_rotate_f16(
    f16* y, const f16* x, const int* positions, const float* cosines, const float* sines, int rows, int columns, int head_width, int pairs,
    int position_count, int heads_at_once, float direction) {
    rope_rotate(y, x, positions, cosines, sines, rows, columns, head_width, pairs, position_count, heads_at_once, direction);
}
