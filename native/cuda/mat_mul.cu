// y = x * weight^T and its two gradients, for sm_80 and later.
//
//   product           left (i, k)   right (j, k)      summed over
//   forward           x             weight            channels
//   backward_input    dy            weight^T          outputs: weight's rows are k
//   backward_weight   dy^T          x^T               rows: dy's and x's rows are k
//
// A block takes tiles of the result in turn, and its warps share a tile. STAGES - 1 steps of 64 bytes of k are on their way while one is
// multiplied. An element of the result is one chain over k in pieces of 16, from 0 or from the old value, whatever the tile: so tiles are
// chosen by the number of rows without changing a bit.
#include "product.cuh"

// ROWS x COLUMNS results a block, WARP_ROWS x WARP_COLUMNS a warp.
template <int ROWS, int COLUMNS, int WARP_ROWS, int WARP_COLUMNS, int STAGES> struct Tiling {
    static const int rows = ROWS;
    static const int columns = COLUMNS;
    static const int warp_rows = WARP_ROWS;
    static const int warp_columns = WARP_COLUMNS;
    static const int warps_of_row = COLUMNS / WARP_COLUMNS;
    static const int threads = 32 * (ROWS / WARP_ROWS) * warps_of_row;
    static const int first_thread = 0;
    static const int stages = STAGES;
    static const int left_bytes = 64 * ROWS;
    static const int stage_bytes = 64 * (ROWS + COLUMNS);
    static const int m = WARP_ROWS / 16;
    static const int n = WARP_COLUMNS / 8;
};
typedef Tiling<128, 128, 64, 64, 4> Large;    // training
typedef Tiling<16, 32, 16, 16, 12> Small;     // generation: few rows, the weights' bytes count, so many of them are on their way
template <typename S> DEVICE int first_row_of_warp() { return computed_here(warp_of_block()) / S::warps_of_row * S::warp_rows; }
template <typename S> DEVICE int first_column_of_warp() { return computed_here(warp_of_block()) % S::warps_of_row * S::warp_columns; }

// One factor in global memory: element (i, k) is start[i * stride + k], or start[k * stride + i] where K_IN_ROWS.
template <typename T> struct Matrix {
    const T* start;
    long long stride;
    bool aligned;
};

// Elements (i, k), of which i_count and k_count exist, go to a tile of COUNT by 64 bytes of k.
template <typename T, bool K_IN_ROWS, int COUNT, int THREADS>
DEVICE void copy_factor(unsigned int tile, const Matrix<T>& matrix, long long i, int i_count, long long k, int k_count) {
    const int steps = 64 / sizeof(T);
    if (K_IN_ROWS) copy_tile<T, steps, COUNT, THREADS>(tile, matrix.start + k * matrix.stride + i, matrix.stride, k_count, i_count, matrix.aligned);
    else copy_tile<T, COUNT, steps, THREADS>(tile, matrix.start + i * matrix.stride + k, matrix.stride, i_count, k_count, matrix.aligned);
}

// What a block needs of both factors: from result (row, column) on, rows and columns of which exist.
template <typename T> struct Factors {
    Matrix<T> left;
    Matrix<T> right;
    int row;
    int column;
    int rows;
    int columns;
};

// sums += left * right over k = first ... end - 1.
template <typename T, typename S, bool LEFT_K_IN_ROWS, bool RIGHT_K_IN_ROWS>
DEVICE void sum_products(float (&sums)[S::m][S::n][4], unsigned int memory, const Factors<T>& f, int first, int end) {
    const int step = 64 / sizeof(T);
    const Factor<LEFT_K_IN_ROWS ? S::rows * sizeof(T) : 64, LEFT_K_IN_ROWS> left;
    const Factor<RIGHT_K_IN_ROWS ? S::columns * sizeof(T) : 64, RIGHT_K_IN_ROWS> right;
    unsigned int stage = memory;        // of what comes, and, one step on, of what is multiplied
    #pragma unroll 1
    for (int coming = first; coming < end + (S::stages - 1) * step; coming += step) {
        int k = coming - (S::stages - 1) * step;
        if (k >= first) {
            wait_copies<S::stages - 2>();
            block_barrier();
        }
        if (coming < end) {
            copy_factor<T, LEFT_K_IN_ROWS, S::rows, S::threads>(stage, f.left, f.row, f.rows, coming, end - coming);
            copy_factor<T, RIGHT_K_IN_ROWS, S::columns, S::threads>(stage + S::left_bytes, f.right, f.column, f.columns, coming, end - coming);
        }
        commit_copies();
        stage = stage == memory + (S::stages - 1) * S::stage_bytes ? memory : stage + S::stage_bytes;
        if (k < first) continue;
        #pragma unroll
        for (int k0 = 0; k0 < step; k0 += 16)
            multiply_16(sums, left, stage, first_row_of_warp<S>(), right, stage + S::left_bytes, first_column_of_warp<S>(), k0, T());
    }
    wait_copies<0>();
    block_barrier();
}

// The sums of a tile, through shared memory, eight neighbours at a time to action(row, column, v).
template <typename S, typename ACTION> DEVICE void finish(unsigned int memory, const float (&sums)[S::m][S::n][4], Place place, ACTION action) {
    sums_to_shared<S::columns>(memory, sums, first_row_of_warp<S>(), first_column_of_warp<S>());
    block_barrier();
    for_each_eight<S::rows, S::columns, S::threads, false>(
        memory, thread_x(), [&](int row, int column, float (&v)[8]) { action(place.row + row, place.column + column, v); });
    block_barrier();
}

// result (rows, columns) = left * right over k < steps, through the epilogue. A tile for each block.
template <typename T, typename S>
DEVICE void product(const Result<T>& result, const Epilogue<T>& epilogue, const Matrix<T>& left, const Matrix<T>& right, int steps) {
    SHARED_MEMORY(bytes);
    unsigned int memory = shared_address(bytes);
    Place place = place_of<S>(block_x(), result.rows, result.columns);
    float sums[S::m][S::n][4];
    clear(sums);
    Factors<T> factors = {left, right, place.row, place.column, result.rows - place.row, result.columns - place.column};
    sum_products<T, S, false, false>(sums, memory, factors, 0, steps);
    finish<S>(memory, sums, place, [&](int row, int column, float (&v)[8]) { finish_eight(result, epilogue, row, column, v); });
}

// The same of a right factor whose rows are k; adds: the chains start from the old values.
template <typename T, typename S>
DEVICE void column_product(const Result<T>& result, const Matrix<T>& left, const Matrix<T>& right, int steps, bool adds) {
    SHARED_MEMORY(bytes);
    unsigned int memory = shared_address(bytes);
    Place place = place_of<S>(block_x(), result.rows, result.columns);
    float sums[S::m][S::n][4];
    clear(sums);
    if (adds) {
        for_each_eight<S::rows, S::columns, S::threads, true>(memory, thread_x(), [&](int row, int column, float (&v)[8]) {
            read_eight(v, result, place.row + row, place.column + column);
        });
        block_barrier();
        sums_from_shared<S::columns>(sums, memory, first_row_of_warp<S>(), first_column_of_warp<S>());
        block_barrier();
    }
    Factors<T> factors = {left, right, place.row, place.column, result.rows - place.row, result.columns - place.column};
    sum_products<T, S, false, true>(sums, memory, factors, 0, steps);
    finish<S>(memory, sums, place, [&](int row, int column, float (&v)[8]) { write_eight(result, row, column, v); });
}

// result += a binary tree over lanes of left * right over the steps of each. levels holds, for each block, one tile for every level of the
// tree below its root.
template <typename T, typename S>
DEVICE void lane_product(const Result<T>& result, const Matrix<T>& left, const Matrix<T>& right, const int* lane_bounds, int lanes, float* levels) {
    SHARED_MEMORY(bytes);
    unsigned int memory = shared_address(bytes);
    levels += block_x() * levels_of(lanes) * level_elements<S>();
    int tiles = tiles_of<S>(result.rows, result.columns);
    #pragma unroll 1
    for (int tile = block_x(); tile < tiles; tile += blocks_x()) {
        Place place = place_of<S>(tile, result.rows, result.columns);
        Factors<T> factors = {left, right, place.row, place.column, result.rows - place.row, result.columns - place.column};
        float sums[S::m][S::n][4];
        int height = 0;
        #pragma unroll 1
        for (int lane = 0; lane < lanes; lane++) {
            clear(sums);
            sum_products<T, S, true, true>(sums, memory, factors, lane_bounds[lane], lane_bounds[lane + 1]);
            join_lane<S>(sums, levels, height, lane, lanes);
        }
        Result<T> here = result;
        here.stride = long_computed_here(here.stride);
        finish<S>(memory, sums, place, [&](int row, int column, float (&v)[8]) { add_eight(here, row, column, v); });
    }
}

// wide: the result is singles. adds: to what is there. Rows of a matrix start at multiples of 16 bytes where its name is in `aligned`; for the
// result's, the epilogue's tensors do too.
#define PRODUCT(NAME, T, S) \
    KERNEL BOUNDS(S::threads, 2) NAME(void* result, const T* left, const T* right, const T* bias, const T* residual, T* before, int activation, \
                                      int rows, int columns, int steps, long long result_stride, long long left_stride, long long right_stride, \
                                      int wide, int result_aligned, int factors_aligned) { \
        product<T, S>({result, result_stride, rows, columns, wide != 0, result_aligned != 0}, {bias, residual, before, activation}, \
                      {left, left_stride, factors_aligned != 0}, {right, right_stride, factors_aligned != 0}, steps); \
    }
#define COLUMN_PRODUCT(NAME, T, S) \
    KERNEL BOUNDS(S::threads, 2) NAME(void* result, const T* left, const T* right, int rows, int columns, int steps, long long result_stride, \
                                      long long left_stride, long long right_stride, int wide, int adds, int result_aligned, int factors_aligned) { \
        column_product<T, S>({result, result_stride, rows, columns, wide != 0, result_aligned != 0}, {left, left_stride, factors_aligned != 0}, \
                             {right, right_stride, factors_aligned != 0}, steps, adds != 0); \
    }
#define LANE_PRODUCT(NAME, T, S) \
    KERNEL BOUNDS(S::threads, 2) NAME(float* result_sum, const T* left, const T* right, const int* lane_bounds, float* levels, int rows, \
                                      int columns, int lanes, long long result_stride, long long left_stride, long long right_stride, \
                                      int result_aligned, int factors_aligned) { \
        lane_product<T, S>({result_sum, result_stride, rows, columns, true, result_aligned != 0}, {left, left_stride, factors_aligned != 0}, \
                           {right, right_stride, factors_aligned != 0}, lane_bounds, lanes, levels); \
    }
#define PRODUCTS(T) \
    PRODUCT(mat_mul_forward_##T, T, Large) \
    PRODUCT(mat_mul_forward_small_##T, T, Small) \
    COLUMN_PRODUCT(mat_mul_backward_input_##T, T, Large) \
    COLUMN_PRODUCT(mat_mul_backward_input_small_##T, T, Small) \
    LANE_PRODUCT(mat_mul_backward_weight_##T, T, Large)

typedef float f32;
PRODUCTS(bf16)
PRODUCTS(f16)
PRODUCTS(f32)
