#include "numbers.cuh"

const int loads_at_once = 2;

// y[n, c] = factor * x[n, c], or 0 where the number drawn for (keys[n], seed, c) is below the threshold. A block takes rows block,
// block + blocks, ...; its threads take pieces of 16 bytes, or single elements where rows do not all start at a multiple of 16 bytes.
//   y (rows, columns)   x (rows, columns)   keys (rows); y may be x
template <typename T>
DEVICE void dropout_forward(
    T* y, const T* x, const int* keys, int rows, int columns, unsigned long long seed, unsigned int threshold, float factor) {
    const int count = Piece<T>::count;
    bool is_whole = is_aligned_16(y, x) && columns % count == 0;
    int stride = (int)threads_x();
    unsigned int of_columns = (unsigned int)(seed >> 32);
    for (int row = (int)block_x(); row < rows; row += (int)blocks_x()) {
        unsigned int key = (unsigned int)keys[row] + (unsigned int)seed;
        T* to = y + (long long)row * columns;
        const T* from = x + (long long)row * columns;
        if (!is_whole) {
            for (int c = (int)thread_x(); c < columns; c += stride) {
                store(&to[c], mixed_bits(key ^ ((unsigned int)c * 0x9E3779B1u + of_columns)) >= threshold ? widen(from[c]) * factor : 0.0f);
            }

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
                float v[count];
                widen_piece(v, words[k], T());
                #pragma unroll
                for (int i = 0; i < count; i++) {
                    unsigned int column = (unsigned int)(piece * count + i);
                    v[i] = mixed_bits(key ^ (column * 0x9E3779B1u + of_columns)) >= threshold ? v[i] * factor : 0.0f;
                }

                if (piece < pieces) store_piece(to + piece * count, v);
            }
        }
    }
}

KERNEL BOUNDS(256, 3) dropout_forward_f32(
    float* y, const float* x, const int* keys, int rows, int columns, unsigned long long seed, unsigned int threshold, float factor) {
    dropout_forward(y, x, keys, rows, columns, seed, threshold, factor);
}
KERNEL BOUNDS(256, 3) dropout_forward_bf16(
    bf16* y, const bf16* x, const int* keys, int rows, int columns, unsigned long long seed, unsigned int threshold, float factor) {
    dropout_forward(y, x, keys, rows, columns, seed, threshold, factor);
}
KERNEL BOUNDS(256, 3) dropout_forward_f16(
    f16* y, const f16* x, const int* keys, int rows, int columns, unsigned long long seed, unsigned int threshold, float factor) {
    dropout_forward(y, x, keys, rows, columns, seed, threshold, factor);
}
