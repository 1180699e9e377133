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

// Starts to bring ROWS x COLUMNS elements, whose rows start `stride` elements apart, into a tile; what lies beyond the first `rows` and
// `columns` becomes zero. `aligned` says that all rows start at multiples of 16 bytes; then they are copied asynchronously, and a thread's
// chunks lie below each other, so that one address serves them all.
template <typename T, int ROWS, int COLUMNS, int THREADS>
DEVICE void copy_tile(unsigned int tile, const T* source, long long stride, int rows, int columns, bool aligned) {
    const int elements = 16 / sizeof(T);
    const int chunks = COLUMNS / elements;
    const int rows_at_once = THREADS / chunks;
    static_assert(THREADS % chunks == 0 && ROWS % rows_at_once == 0, "threads share the chunks evenly");
    unsigned int thread = computed_here(thread_x());
    if (!aligned) {
        #pragma unroll 1
        for (unsigned int i = thread; i < ROWS * COLUMNS; i += THREADS) {
            int row = i / COLUMNS;
            int column = i % COLUMNS;
            T v = row < rows && column < columns ? source[row * stride + column] : T();
            store_shared(tile + tile_offset<COLUMNS * (int)sizeof(T)>(row, column / elements) + column % elements * (int)sizeof(T), v);
        }
        return;
    }
    stride = long_computed_here(stride);
    int row = thread / chunks;
    int chunk = thread % chunks;
    int bytes = clamp(columns - chunk * elements, 0, elements) * (int)sizeof(T);
    source += row * stride + chunk * elements;
    #pragma unroll
    for (int i = 0; i < ROWS / rows_at_once; i++, row += rows_at_once, source += rows_at_once * stride)
        copy_16_async(tile + tile_offset<COLUMNS * (int)sizeof(T)>(row, chunk), source, row < rows ? bytes : 0);
}

// ---- Factors --------------------------------------------------------------------------------------------------------------------------

// A factor of a product sum over k of left(i, k) * right(j, k): a tile whose rows are i (or j) and whose columns are k, or, where
// K_IN_ROWS, a tile whose rows are k.
template <int BYTES, bool K_IN_ROWS> struct Factor {};

// left(i0 ... i0 + 15, k0 ... k0 + 15) as multiply_add takes it.
template <int BYTES> DEVICE void load_left(unsigned int (&a)[4], Factor<BYTES, false>, unsigned int tile, int i0, int k0, unsigned int lane) {
    load_matrices(a, tile + tile_offset<BYTES>(i0 + (lane & 15), k0 / 8 + (lane >> 4)));
}
template <int BYTES> DEVICE void load_left(unsigned int (&a)[4], Factor<BYTES, true>, unsigned int tile, int i0, int k0, unsigned int lane) {
    load_matrices_transposed(a, tile + tile_offset<BYTES>(k0 + (lane >> 4) * 8 + (lane & 7), i0 / 8 + (lane >> 3 & 1)));
}

// right(j0 ... j0 + 15, k0 ... k0 + 15): b[0], b[1] for the first eight j, b[2], b[3] for the others.
template <int BYTES> DEVICE void load_right(unsigned int (&b)[4], Factor<BYTES, false>, unsigned int tile, int j0, int k0, unsigned int lane) {
    load_matrices(b, tile + tile_offset<BYTES>(j0 + (lane >> 4) * 8 + (lane & 7), k0 / 8 + (lane >> 3 & 1)));
}
template <int BYTES> DEVICE void load_right(unsigned int (&b)[4], Factor<BYTES, true>, unsigned int tile, int j0, int k0, unsigned int lane) {
    load_matrices_transposed(b, tile + tile_offset<BYTES>(k0 + (lane & 15), j0 / 8 + (lane >> 4)));
}

// The single (i + 8 n, k) of a factor from the place of (i, k): a constant away. Where k is a row, i is one of the first eight of sixteen, or
// of 32 where n is more than 1, and a tile starts at a multiple of 128 bytes.
template <int BYTES, bool K_IN_ROWS> DEVICE unsigned int place_of_single(Factor<BYTES, K_IN_ROWS>, unsigned int tile, unsigned int i, unsigned int k) {
    return tile + (K_IN_ROWS ? tile_offset<BYTES>(k, i / 4) + i % 4 * 4 : tile_offset<BYTES>(i, k / 4) + k % 4 * 4);
}
template <int BYTES, bool K_IN_ROWS> DEVICE float load_single(Factor<BYTES, K_IN_ROWS>, unsigned int place, int n) {
    return load_shared(K_IN_ROWS ? (place ^ 32 * (n & 3)) + 128 * (n >> 2) : place + 8 * n * BYTES);
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
    unsigned int lane = computed_here(lane_of_warp());
    #pragma unroll
    for (int n = 0; n < N; n += 2) {
        unsigned int b[4];
        load_right(b, right, right_tile, j0 + 8 * n, k0, lane);
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
    unsigned int lane = computed_here(lane_of_warp());      // or the compiler would keep an address of every matrix in registers
    #pragma unroll
    for (int m = 0; m < M; m++) load_left(a[m], left, left_tile, i0 + 16 * m, k0, lane);
    multiply_loaded_16(sums, a, right, right_tile, j0, k0, type);
}

template <typename L, typename R, int M, int N>
DEVICE void multiply_16(float (&sums)[M][N][4], L left, unsigned int left_tile, int i0, R right, unsigned int right_tile, int j0, int k0, float) {
    int g = computed_here(lane_of_warp()) >> 2;
    int c = (lane_of_warp() & 3) * 2;
    #pragma unroll 1
    for (int k = k0; k < k0 + 16; k++) {
        float a[2 * M];
        unsigned int place = place_of_single(left, left_tile, i0 + g, k);
        #pragma unroll
        for (int i = 0; i < 2 * M; i++) a[i] = load_single(left, place, i);
        unsigned int low_place = place_of_single(right, right_tile, j0 + c, k);
        unsigned int high_place = place_of_single(right, right_tile, j0 + c + 1, k);
        #pragma unroll
        for (int n = 0; n < N; n++) {
            float low = load_single(right, low_place, n);
            float high = load_single(right, high_place, n);
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

// Where a lane's sums of a warp lie among rows of singles: four addresses, from which every other one is a constant away.
struct SumPlaces { unsigned int start[4]; };
template <int COLUMNS, int N> DEVICE SumPlaces places_of_sums(unsigned int memory, int row, int column) {
    static_assert(N == 2 || N % 4 == 0, "from four blocks on they fill lines of 128 bytes");
    SumPlaces places;
    row += (int)computed_here(lane_of_warp()) >> 2;
    column += (lane_of_warp() & 3) * 2;
    #pragma unroll
    for (int n = 0; n < 4; n++) places.start[n] = memory + single_offset<COLUMNS>(row, column + 8 * (n % N));
    return places;
}
// Of rows g (half 0) or g + 8 of block (m, n).
template <int COLUMNS> DEVICE unsigned int place_of_pair(const SumPlaces& places, int m, int n, int half) {
    return places.start[n & 3] + (n >> 2) * 128 + (16 * m + 8 * half) * COLUMNS * 4;
}

// A warp's sums to rows of singles, from (row, column) on, a multiple of (8, 32) where N is more than 2.
template <int COLUMNS, int M, int N> DEVICE void sums_to_shared(unsigned int memory, const float (&sums)[M][N][4], int row, int column) {
    SumPlaces places = places_of_sums<COLUMNS, N>(memory, row, column);
    #pragma unroll
    for (int m = 0; m < M; m++)
        #pragma unroll
        for (int n = 0; n < N; n++) {
            store_shared_pair(place_of_pair<COLUMNS>(places, m, n, 0), sums[m][n][0], sums[m][n][1]);
            store_shared_pair(place_of_pair<COLUMNS>(places, m, n, 1), sums[m][n][2], sums[m][n][3]);
        }
}
template <int COLUMNS, int M, int N> DEVICE void sums_from_shared(float (&sums)[M][N][4], unsigned int memory, int row, int column) {
    SumPlaces places = places_of_sums<COLUMNS, N>(memory, row, column);
    #pragma unroll
    for (int m = 0; m < M; m++)
        #pragma unroll
        for (int n = 0; n < N; n++) {
            load_shared_pair(sums[m][n][0], sums[m][n][1], place_of_pair<COLUMNS>(places, m, n, 0));
            load_shared_pair(sums[m][n][2], sums[m][n][3], place_of_pair<COLUMNS>(places, m, n, 1));
        }
}

// By value: a conditional expression over two elements of an array would choose their addresses, and put the array into memory.
DEVICE float either(bool first, float a, float b) { return first ? a : b; }

// Thread number `thread` of THREADS calls action(row, column, v) for its part of each eight neighbours of ROWS x COLUMNS singles, which may read
// and change v; what it leaves is stored back where STORES.
template <int ROWS, int COLUMNS, int THREADS, bool STORES, typename ACTION>
DEVICE void for_each_eight(unsigned int memory, int thread, ACTION action) {
    #pragma unroll 1
    for (int i = (int)computed_here((unsigned int)thread); i < ROWS * COLUMNS / 8; i += THREADS) {
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
    widen_piece((float (&)[4])v[0], whole ? load_16(p) : load_one_by_one(p, count), float());
    widen_piece((float (&)[4])v[4], whole ? load_16(p + 4) : load_one_by_one(p + 4, count - 4), float());
}
template <typename T> DEVICE void read_eight(float (&v)[8], const T* p, int count, bool whole) {
    widen_piece(v, whole ? load_16(p) : load_one_by_one(p, count), T());
}
DEVICE void write_eight(float* p, const float (&v)[8], int count, bool whole) {
    store_piece_or_part(p, (const float (&)[4])v[0], count, whole);
    store_piece_or_part(p + 4, (const float (&)[4])v[4], count - 4, whole);
}
template <typename T> DEVICE void write_eight(T* p, const float (&v)[8], int count, bool whole) { store_piece_or_part(p, v, count, whole); }
