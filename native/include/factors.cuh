// Products of tiles whose rows are tokens and whose columns are those of a head: what attention is made of. T is bf16, f16 (tensor cores) or
// float. What a lane computes from its number is computed where it is needed, or it would be kept in registers. A tile starts at a multiple of the bytes of its rows, which are 128 or more, so the permuted chunk of another column is one
// exclusive-or away: a lane keeps one address of a factor and the loops over columns stay short.
#pragma once
#include "tile.cuh"

// ---- Filling --------------------------------------------------------------------------------------------------------------------------

// Starts to bring ROWS rows of WIDTH columns; what lies beyond the first `rows` and `columns` becomes zero. start(row) is where a row starts.
// `aligned`: all of them start at multiples of 16 bytes and are copied asynchronously.
template <typename T, int ROWS, int WIDTH, int THREADS, typename START>
DEVICE void bring_rows(unsigned int tile, START start, int rows, int columns, bool aligned) {
    const int elements = 16 / sizeof(T);
    const int chunks = WIDTH / elements;
    static_assert(THREADS % chunks == 0 && ROWS * chunks % THREADS == 0, "a thread brings the same chunk of every so many rows");
    unsigned int thread = computed_here(thread_x());
    int chunk = thread % chunks;
    int count = clamp(columns - chunk * elements, 0, elements);
    int first = thread / chunks;
    if (aligned) {
        #pragma unroll 2
        for (int i = 0; i < ROWS * chunks / THREADS; i++) {
            int row = computed_here(first + i * (THREADS / chunks));
            copy_16_async(
                tile + tile_offset<WIDTH * (int)sizeof(T)>(row, chunk), start(row) + chunk * elements, row < rows ? count * (int)sizeof(T) : 0);
        }
        return;
    }
    #pragma unroll 1
    for (int row = first; row < ROWS; row += THREADS / chunks)
        store_shared_16(tile + tile_offset<WIDTH * (int)sizeof(T)>(row, chunk), load_one_by_one(start(row) + chunk * elements, row < rows ? count : 0));
}

// ---- Rows by rows -----------------------------------------------------------------------------------------------------------------------

// sums(i, j) += sum over k of left(i, k) * right(j, k), i from i0 on, k < columns, at least one: one chain over k.
template <int BYTES, int N, typename T>
DEVICE void multiply_rows(float (&sums)[1][N][4], unsigned int left_tile, int i0, unsigned int right_tile, int columns, T type) {
    unsigned int lane = computed_here(lane_of_warp());
    unsigned int left = left_tile + tile_offset<BYTES>(i0 + (lane & 15), lane >> 4);
    unsigned int right = right_tile + tile_offset<BYTES>((lane >> 4) * 8 + (lane & 7), lane >> 3 & 1);
    int first = 0;
    #pragma unroll 1
    do {
        #pragma unroll
        for (int k = first; k < first + 32; k += 16) {
            unsigned int a[4];
            load_matrices(a, left ^ 2 * k);
            #pragma unroll
            for (int n = 0; n < N; n += 2) {
                unsigned int b[4];
                load_matrices(b, (right ^ 2 * k) + n * 8 * BYTES);
                multiply_add(sums[0][n], a, b[0], b[1], type);
                multiply_add(sums[0][n + 1], a, b[2], b[3], type);
            }
        }
        first += 32;
    } while (first < columns);
}
template <int BYTES, int N>
DEVICE void multiply_rows(float (&sums)[1][N][4], unsigned int left_tile, int i0, unsigned int right_tile, int columns, float) {
    unsigned int lane = computed_here(lane_of_warp());
    unsigned int g = lane >> 2;
    unsigned int c = (lane & 3) * 2;
    unsigned int left = left_tile + tile_offset<BYTES>(i0 + g, 0);
    unsigned int right[2] = {right_tile + tile_offset<BYTES>(c, 0), right_tile + tile_offset<BYTES>(c + 1, 0)};
    int k = 0;
    #pragma unroll 1
    do {
        float a[2][4];
        #pragma unroll
        for (int half = 0; half < 2; half++)
            load_shared_4(a[half][0], a[half][1], a[half][2], a[half][3], (left ^ 4 * k) + half * 8 * BYTES);
        #pragma unroll
        for (int n = 0; n < N; n++)
            #pragma unroll
            for (int i = 0; i < 2; i++) {
                float b[4];
                load_shared_4(b[0], b[1], b[2], b[3], (right[i] ^ 4 * k) + n * 8 * BYTES);
                #pragma unroll
                for (int e = 0; e < 4; e++) {
                    sums[0][n][i] = fused(a[0][e], b[e], sums[0][n][i]);
                    sums[0][n][2 + i] = fused(a[1][e], b[e], sums[0][n][2 + i]);
                }
            }
        k += 4;
    } while (k < columns);
}

// ---- Sums by columns ----------------------------------------------------------------------------------------------------------------------

// sums(i, j) += sum over k of left(i, k) * right(k, j0 + j), where left are sums of the warp itself, rounded to T. 16-bit types multiply them
// from registers; singles pass through `kept`, 512 * NK bytes of the warp's.
template <int BYTES, int N, int NK, typename T>
DEVICE void multiply_sums(float (&sums)[1][N][4], const float (&left)[1][NK][4], unsigned int, unsigned int right_tile, int j0, T type) {
    unsigned int lane = computed_here(lane_of_warp());
    unsigned int right = (right_tile + tile_offset<BYTES>(lane & 15, lane >> 4)) ^ 2 * j0;
    #pragma unroll
    for (int k = 0; k < NK / 2; k++) {
        unsigned int a[4];
        #pragma unroll
        for (int i = 0; i < 4; i++) a[i] = pack_pair(left[0][2 * k + i / 2][i % 2 * 2], left[0][2 * k + i / 2][i % 2 * 2 + 1], type);
        unsigned int right_k = computed_here(right + k * 16 * BYTES);
        #pragma unroll
        for (int n = 0; n < N; n += 2) {
            unsigned int b[4];
            load_matrices_transposed(b, right_k ^ 16 * n);
            multiply_add(sums[0][n], a, b[0], b[1], type);
            multiply_add(sums[0][n + 1], a, b[2], b[3], type);
        }
    }
}
template <int BYTES, int N, int NK>
DEVICE void multiply_sums(float (&sums)[1][N][4], const float (&left)[1][NK][4], unsigned int kept, unsigned int right_tile, int j0, float) {
    unsigned int lane = computed_here(lane_of_warp());
    int g = lane >> 2;
    int c = (lane & 3) * 2;
    warp_barrier();
    #pragma unroll
    for (int n = 0; n < NK; n++)
        #pragma unroll
        for (int half = 0; half < 2; half++)
            store_shared_pair(
                kept + tile_offset<32 * NK>(g + 8 * half, (8 * n + c) / 4) + c % 4 * 4, left[0][n][2 * half], left[0][n][2 * half + 1]);
    warp_barrier();
    #pragma unroll 1
    for (int k = 0; k < 8 * NK; k++) {
        float low = load_shared(kept + tile_offset<32 * NK>(g, k / 4) + k % 4 * 4);
        float high = load_shared(kept + tile_offset<32 * NK>(g + 8, k / 4) + k % 4 * 4);
        unsigned int right = right_tile + tile_offset<BYTES>(k, c / 4) + c % 4 * 4;
        #pragma unroll
        for (int n = 0; n < N; n++) {
            float b[2];
            load_shared_pair(b[0], b[1], right ^ 4 * j0 ^ 32 * n);
            #pragma unroll
            for (int i = 0; i < 2; i++) {
                sums[0][n][i] = fused(low, b[i], sums[0][n][i]);
                sums[0][n][2 + i] = fused(high, b[i], sums[0][n][2 + i]);
            }
        }
    }
}
