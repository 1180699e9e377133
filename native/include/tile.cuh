// Tiles in shared memory and products of them: what the matrix product, attention and the loss head are made of. T is bf16, f16 (tensor
// cores) or float (plain fused multiply-adds, one chain over k); sums are always singles.
//
// A tile is rows of BYTES bytes, a power of two. The 16-byte chunks of a row are permuted by its number, so that eight rows at one column
// are eight different banks for the loads below, whatever BYTES is.
#pragma once
#include "device.cuh"

template <int BYTES> DEVICE unsigned int tile_offset(unsigned int row, unsigned int chunk) {
    const unsigned int rows_of_line = BYTES < 128 ? 128 / BYTES : 1;
    const unsigned int permuted = BYTES < 128 ? BYTES / 16 : 8;
    return row * BYTES + ((chunk ^ (row / rows_of_line & (permuted - 1))) << 4);
}

DEVICE int clamp(int v, int low, int high) { return v < low ? low : v > high ? high : v; }

// ---- Filling --------------------------------------------------------------------------------------------------------------------------

DEVICE unsigned int element_or_zero(const float* p, bool reads) { return reads ? float_to_bits(*p) : 0; }
template <typename T> DEVICE unsigned int element_or_zero(const T* p, bool reads) { return reads ? p->bits : 0; }

// 16 bytes of which `count` elements are read, one by one: for rows that do not start at multiples of 16 bytes.
DEVICE Words4 gather_16(const float* p, int count) {
    return {element_or_zero(p, count > 0), element_or_zero(p + 1, count > 1), element_or_zero(p + 2, count > 2), element_or_zero(p + 3, count > 3)};
}
template <typename T> DEVICE unsigned int gather_pair(const T* p, int count) {
    return element_or_zero(p, count > 0) | element_or_zero(p + 1, count > 1) << 16;
}
template <typename T> DEVICE Words4 gather_16(const T* p, int count) {
    return {gather_pair(p, count), gather_pair(p + 2, count - 2), gather_pair(p + 4, count - 4), gather_pair(p + 6, count - 6)};
}

// Starts to bring ROWS x COLUMNS elements into a tile; what lies beyond the first `rows` and `columns` becomes zero. start(row) is where a
// row starts. `aligned` says that all of them start at multiples of 16 bytes; they are copied asynchronously then.
template <typename T, int ROWS, int COLUMNS, int THREADS, typename START>
DEVICE void copy_rows(unsigned int tile, START start, int rows, int columns, bool aligned) {
    const int elements = 16 / sizeof(T);
    const int chunks = COLUMNS / elements;
    static_assert(ROWS * chunks % THREADS == 0, "threads share the chunks evenly");
    if (aligned) {
        #pragma unroll
        for (int i = 0; i < ROWS * chunks / THREADS; i++) {
            int row = (i * THREADS + thread_x()) / chunks;
            int chunk = (i * THREADS + thread_x()) % chunks;
            int count = clamp(columns - chunk * elements, 0, elements);
            copy_16_async(
                tile + tile_offset<COLUMNS * (int)sizeof(T)>(row, chunk), start(row) + chunk * elements, row < rows ? count * (int)sizeof(T) : 0);
        }
        return;
    }
    #pragma unroll 1
    for (unsigned int i = thread_x(); i < ROWS * chunks; i += THREADS) {
        int row = i / chunks;
        int chunk = i % chunks;
        int count = row < rows ? clamp(columns - chunk * elements, 0, elements) : 0;
        store_shared_16(tile + tile_offset<COLUMNS * (int)sizeof(T)>(row, chunk), gather_16(start(row) + chunk * elements, count));
    }
}

// The same of rows that start `stride` elements apart.
template <typename T, int ROWS, int COLUMNS, int THREADS>
DEVICE void copy_tile(unsigned int tile, const T* source, long long stride, int rows, int columns, bool aligned) {
    copy_rows<T, ROWS, COLUMNS, THREADS>(tile, [&](int row) { return source + row * stride; }, rows, columns, aligned);
}

// ---- Factors --------------------------------------------------------------------------------------------------------------------------

// A factor of a product sum over k of left(i, k) * right(j, k): a tile whose rows are i (or j) and whose columns are k, or, where
// K_IN_ROWS, a tile whose rows are k.
template <int BYTES, bool K_IN_ROWS> struct Factor {};

// left(i0 ... i0 + 15, k0 ... k0 + 15) as multiply_add takes it.
template <int BYTES> DEVICE void load_left(unsigned int (&a)[4], Factor<BYTES, false>, unsigned int tile, int i0, int k0) {
    unsigned int lane = lane_of_warp();
    load_matrices(a, tile + tile_offset<BYTES>(i0 + (lane & 15), k0 / 8 + (lane >> 4)));
}
template <int BYTES> DEVICE void load_left(unsigned int (&a)[4], Factor<BYTES, true>, unsigned int tile, int i0, int k0) {
    unsigned int lane = lane_of_warp();
    load_matrices_transposed(a, tile + tile_offset<BYTES>(k0 + (lane >> 4) * 8 + (lane & 7), i0 / 8 + (lane >> 3 & 1)));
}

// right(j0 ... j0 + 15, k0 ... k0 + 15): b[0], b[1] for the first eight j, b[2], b[3] for the others.
template <int BYTES> DEVICE void load_right(unsigned int (&b)[4], Factor<BYTES, false>, unsigned int tile, int j0, int k0) {
    unsigned int lane = lane_of_warp();
    load_matrices(b, tile + tile_offset<BYTES>(j0 + (lane >> 4) * 8 + (lane & 7), k0 / 8 + (lane >> 3 & 1)));
}
template <int BYTES> DEVICE void load_right(unsigned int (&b)[4], Factor<BYTES, true>, unsigned int tile, int j0, int k0) {
    unsigned int lane = lane_of_warp();
    load_matrices_transposed(b, tile + tile_offset<BYTES>(k0 + (lane & 15), j0 / 8 + (lane >> 4)));
}

// One single of a factor.
template <int BYTES, bool K_IN_ROWS> DEVICE float load_single(Factor<BYTES, K_IN_ROWS>, unsigned int tile, int i, int k) {
    int row = K_IN_ROWS ? k : i;
    int column = K_IN_ROWS ? i : k;
    return load_shared(tile + tile_offset<BYTES>(row, column / 4) + column % 4 * 4);
}

// ---- Products -------------------------------------------------------------------------------------------------------------------------

// Sums of a warp: M x N blocks of 16 x 8. With g = lane / 4 and c = 2 * (lane % 4), sums[m][n] of a lane are the elements (g, c), (g, c + 1),
// (g + 8, c), (g + 8, c + 1) of block (m, n). This holds for every T.
template <int M, int N> DEVICE void clear(float (&sums)[M][N][4]) {
    #pragma unroll
    for (int m = 0; m < M; m++)
        #pragma unroll
        for (int n = 0; n < N; n++)
            #pragma unroll
            for (int i = 0; i < 4; i++) sums[m][n][i] = 0.0f;
}

// sums += left(i0 ...) * right(j0 ...) over 16 values of k from k0 on.
template <typename R, int M, int N, typename T>
DEVICE void multiply_loaded_16(float (&sums)[M][N][4], const unsigned int (&a)[M][4], R right, unsigned int right_tile, int j0, int k0, T type) {
    static_assert(N % 2 == 0, "right factors are loaded for sixteen j at once");
    #pragma unroll
    for (int n = 0; n < N; n += 2) {
        unsigned int b[4];
        load_right(b, right, right_tile, j0 + 8 * n, k0);
        #pragma unroll
        for (int m = 0; m < M; m++) {
            multiply_add(sums[m][n], a[m], b[0], b[1], type);
            multiply_add(sums[m][n + 1], a[m], b[2], b[3], type);
        }
    }
}
template <typename L, typename R, int M, int N, typename T>
DEVICE void multiply_16(float (&sums)[M][N][4], L left, unsigned int left_tile, int i0, R right, unsigned int right_tile, int j0, int k0, T type) {
    unsigned int a[M][4];
    #pragma unroll
    for (int m = 0; m < M; m++) load_left(a[m], left, left_tile, i0 + 16 * m, k0);
    multiply_loaded_16(sums, a, right, right_tile, j0, k0, type);
}

template <typename L, typename R, int M, int N>
DEVICE void multiply_16(float (&sums)[M][N][4], L left, unsigned int left_tile, int i0, R right, unsigned int right_tile, int j0, int k0, float) {
    int g = lane_of_warp() >> 2;
    int c = (lane_of_warp() & 3) * 2;
    #pragma unroll 1
    for (int k4 = k0; k4 < k0 + 16; k4 += 4)
        #pragma unroll
        for (int k = k4; k < k4 + 4; k++) {
            float a[2 * M];
            #pragma unroll
            for (int i = 0; i < 2 * M; i++) a[i] = load_single(left, left_tile, i0 + 8 * i + g, k);
            #pragma unroll
            for (int n = 0; n < N; n++) {
                float low = load_single(right, right_tile, j0 + 8 * n + c, k);
                float high = load_single(right, right_tile, j0 + 8 * n + c + 1, k);
                #pragma unroll
                for (int m = 0; m < M; m++) {
                    sums[m][n][0] = fused(a[2 * m], low, sums[m][n][0]);
                    sums[m][n][1] = fused(a[2 * m], high, sums[m][n][1]);
                    sums[m][n][2] = fused(a[2 * m + 1], low, sums[m][n][2]);
                    sums[m][n][3] = fused(a[2 * m + 1], high, sums[m][n][3]);
                }
            }
        }
}

// ---- Sums through shared memory ---------------------------------------------------------------------------------------------------------

// Rows of COLUMNS singles, 16-byte chunks permuted so that neither the lanes of a block of sums nor those of a row meet in a bank.
template <int COLUMNS> DEVICE unsigned int single_offset(int row, int column) {
    return row * COLUMNS * 4 + ((column / 4 ^ (row & 3) << 1) << 4) + column % 4 * 4;
}

// A warp's sums to rows of singles, from (row, column) on.
template <int COLUMNS, int M, int N> DEVICE void sums_to_shared(unsigned int memory, const float (&sums)[M][N][4], int row, int column) {
    row += lane_of_warp() >> 2;
    column += (lane_of_warp() & 3) * 2;
    #pragma unroll
    for (int m = 0; m < M; m++)
        #pragma unroll
        for (int n = 0; n < N; n++) {
            store_shared_pair(memory + single_offset<COLUMNS>(row + 16 * m, column + 8 * n), sums[m][n][0], sums[m][n][1]);
            store_shared_pair(memory + single_offset<COLUMNS>(row + 16 * m + 8, column + 8 * n), sums[m][n][2], sums[m][n][3]);
        }
}
template <int COLUMNS, int M, int N> DEVICE void sums_from_shared(float (&sums)[M][N][4], unsigned int memory, int row, int column) {
    row += lane_of_warp() >> 2;
    column += (lane_of_warp() & 3) * 2;
    #pragma unroll
    for (int m = 0; m < M; m++)
        #pragma unroll
        for (int n = 0; n < N; n++) {
            load_shared_pair(sums[m][n][0], sums[m][n][1], memory + single_offset<COLUMNS>(row + 16 * m, column + 8 * n));
            load_shared_pair(sums[m][n][2], sums[m][n][3], memory + single_offset<COLUMNS>(row + 16 * m + 8, column + 8 * n));
        }
}

// By value: a conditional expression over two elements of an array would choose their addresses, and put the array into memory.
DEVICE float either(bool first, float a, float b) { return first ? a : b; }

// Thread number `thread` of THREADS calls action(row, column, v) for its part of each eight neighbours of ROWS x COLUMNS singles, which may read and change v; what it leaves is stored
// back where STORES.
template <int ROWS, int COLUMNS, int THREADS, bool STORES, typename ACTION>
DEVICE void for_each_eight(unsigned int memory, int thread, ACTION action) {
    #pragma unroll 1
    for (int i = thread; i < ROWS * COLUMNS / 8; i += THREADS) {
        int row = i / (COLUMNS / 8);
        int column = i % (COLUMNS / 8) * 8;
        // Every other four threads take their second half first, or eight threads would use four banks of sixteen bytes twice.
        bool swapped = i >> 2 & 1;
        unsigned int first = memory + single_offset<COLUMNS>(row, column + (swapped ? 4 : 0));
        unsigned int second = memory + single_offset<COLUMNS>(row, column + (swapped ? 0 : 4));
        float v[8] = {};
        float w[8];
        if (!STORES) {
            load_shared_4(w[0], w[1], w[2], w[3], first);
            load_shared_4(w[4], w[5], w[6], w[7], second);
            #pragma unroll
            for (int e = 0; e < 8; e++) v[e] = either(swapped, w[e ^ 4], w[e]);
        }
        action(row, column, v);
        if (STORES) {
            #pragma unroll
            for (int e = 0; e < 8; e++) w[e] = either(swapped, v[e ^ 4], v[e]);
            store_shared_4(first, w[0], w[1], w[2], w[3]);
            store_shared_4(second, w[4], w[5], w[6], w[7]);
        }
    }
}

// Up to eight neighbours in global memory; `whole`: all of them, at a multiple of 16 bytes.
DEVICE void read_eight(float (&v)[8], const float* p, int count, bool whole) {
    if (whole) {
        widen_piece((float (&)[4])v[0], load_16(p), float());
        widen_piece((float (&)[4])v[4], load_16(p + 4), float());
        return;
    }
    #pragma unroll
    for (int i = 0; i < 8; i++) v[i] = i < count ? p[i] : 0.0f;
}
template <typename T> DEVICE void read_eight(float (&v)[8], const T* p, int count, bool whole) {
    if (whole) {
        load_piece(v, p);
        return;
    }
    #pragma unroll
    for (int i = 0; i < 8; i++) v[i] = i < count ? widen(p[i]) : 0.0f;
}
DEVICE void write_eight(float* p, const float (&v)[8], int count, bool whole) {
    if (whole) {
        store_16(p, pack_piece((const float (&)[4])v[0], float()));
        store_16(p + 4, pack_piece((const float (&)[4])v[4], float()));
        return;
    }
    #pragma unroll
    for (int i = 0; i < 8; i++)
        if (i < count) p[i] = v[i];
}
template <typename T> DEVICE void write_eight(T* p, const float (&v)[8], int count, bool whole) {
    if (whole) {
        store_piece(p, v);
        return;
    }
    #pragma unroll
    for (int i = 0; i < 8; i++)
        if (i < count) store(&p[i], v[i]);
}
