#include "device.cuh"

// y[c, n] = x[n, c], as bits. A block takes a tile of 128 bytes squared through shared memory: 64 by 64 elements of 16 bits, 32 by 32 of 32
// bits, in pieces of 16 bytes on both sides. A tile's row in shared memory is one word longer than the tile, so that neither the pieces written
// along rows nor the elements read down columns meet in a bank. blockDim.x = 256, gridDim = (tiles along columns, tiles along rows).
//   y (columns, rows)   x (rows, columns)
template <typename T> struct Tile {
    static const int side = 128 / sizeof(T);
    static const int stride = side + 4 / sizeof(T);
    static const int count = Piece<T>::count;

    // Threads of a warp that write one row of y side by side: as many as keep their reads in different banks.
    static const int threads_per_row = sizeof(T) == 4 ? 8 : 2;
};

template <typename T>
DEVICE void load_tile(T* tile, const T* x, int rows, int columns, int first_row, int first_column) {
    typedef Tile<T> S;
    bool is_whole = is_aligned_16(x) && columns % S::count == 0;
    for (int piece = (int)thread_x(); piece < S::side * 8; piece += 256) {
        int row = piece / 8;
        int column = piece % 8 * S::count;
        int left = first_row + row < rows ? columns - first_column - column : 0;
        Words4 w = load_piece_or_part(x + (long long)(first_row + row) * columns + first_column + column, left, is_whole);
        unsigned int* to = (unsigned int*)(tile + row * S::stride + column);
        to[0] = w.x;
        to[1] = w.y;
        to[2] = w.z;
        to[3] = w.w;
    }
}

template <typename T>
DEVICE void store_tile(T* y, const T* tile, int rows, int columns, int first_row, int first_column) {
    typedef Tile<T> S;
    bool is_whole = is_aligned_16(y) && rows % S::count == 0;
    for (int piece = (int)thread_x(); piece < S::side * 8; piece += 256) {
        int group = piece / S::threads_per_row;
        int column = group % S::side;
        int row = (group / S::side * S::threads_per_row + piece % S::threads_per_row) * S::count;
        Words4 w = {0, 0, 0, 0};
        #pragma unroll
        for (int i = 0; i < S::count; i++) push_element(w, tile[(row + i) * S::stride + column]);

        T* to = y + (long long)(first_column + column) * rows + first_row + row;
        int left = first_column + column < columns ? rows - first_row - row : 0;
        if (!is_whole) {
            store_one_by_one(to, w, left);
        } else if (left > 0) {
            store_16(to, w);
        }
    }
}

template <typename T>
DEVICE void transpose_forward(T* y, const T* x, int rows, int columns) {
    SHARED_MEMORY(memory);
    T* tile = (T*)memory;
    int first_row = (int)block_y() * Tile<T>::side;
    int first_column = (int)block_x() * Tile<T>::side;
    load_tile(tile, x, rows, columns, first_row, first_column);
    block_barrier();
    store_tile(y, tile, rows, columns, first_row, first_column);
}

KERNEL BOUNDS(256, 4) transpose_forward_f32(float* y, const float* x, int rows, int columns) { transpose_forward(y, x, rows, columns); }
KERNEL BOUNDS(256, 4) transpose_forward_bf16(bf16* y, const bf16* x, int rows, int columns) { transpose_forward(y, x, rows, columns); }
KERNEL BOUNDS(256, 4) transpose_forward_f16(f16* y, const f16* x, int rows, int columns) { transpose_forward(y, x, rows, columns); }
