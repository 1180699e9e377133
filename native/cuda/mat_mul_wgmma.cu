// The products of mat_mul.cu for 16-bit types on Hopper (sm_90a): a copying warpgroup brings boxes through the tensor copy engine, two
// multiplying warpgroups take 64 x 256 sums each. Empty for sm_80.
//
//   shared memory:  4 stages of 64 steps of k   [ left 128 rows | right 256 columns ]   then 4 KiB for each multiplying warp, then barriers
//   full[s]:  the stage's boxes have arrived            (1 arrival with the bytes to come)
//   empty[s]: both multiplying warpgroups are done      (2 arrivals)
//
// An element of the result is one chain over k in pieces of 16, from 0 or from the old value.
#if __CUDA_ARCH__ >= 900
#include "product.cuh"

struct Group {
    static const int rows = 128;
    static const int columns = 256;
    static const int step = 64;
    static const int stages = 4;
    static const int left_bytes = 128 * rows;
    static const int stage_bytes = 128 * (rows + columns);
    static const int box_bytes = 128 * step;            // 64 columns of a factor whose rows are k
    static const int staging = stages * stage_bytes;    // 16 rows of 64 singles for each warp
    static const int full = staging + 8 * 4096;
    static const int empty = full + 8 * stages;
    static const int threads = 256;                     // that multiply
    static const int first_thread = 128;
    static const int m = 1;
    static const int n = 32;
};

// One after the other, the stages and the parity of their turn.
struct Turn {
    int stage;
    unsigned int parity;
};
DEVICE void next(Turn& turn) {
    turn.stage = turn.stage + 1 == Group::stages ? 0 : turn.stage + 1;
    turn.parity ^= turn.stage == 0 ? 1 : 0;
}

// The copying thread brings what the products of a tile need, steps first ... end - 1.
template <bool LEFT_K_IN_ROWS, bool RIGHT_K_IN_ROWS>
DEVICE void bring(Turn& turn, unsigned int memory, const TensorMap* left, const TensorMap* right, Place place, int first, int end) {
    #pragma unroll 1
    for (int k = first; k < end; k += Group::step) {
        unsigned int full = memory + Group::full + 8 * turn.stage;
        unsigned int to = memory + turn.stage * Group::stage_bytes;
        wait_phase(memory + Group::empty + 8 * turn.stage, turn.parity ^ 1);
        arrive_expecting(full, Group::stage_bytes);
        if (LEFT_K_IN_ROWS) {
            for (int box = 0; box < Group::rows / 64; box++) copy_box(to + box * Group::box_bytes, left, place.row + 64 * box, k, full);
        } else {
            copy_box(to, left, k, place.row, full);
        }
        if (RIGHT_K_IN_ROWS) {
            for (int box = 0; box < Group::columns / 64; box++)
                copy_box(to + Group::left_bytes + box * Group::box_bytes, right, place.column + 64 * box, k, full);
        } else {
            copy_box(to + Group::left_bytes, right, k, place.column, full);
        }
        next(turn);
    }
}

DEVICE int multiplying_thread() { return thread_x() - Group::first_thread; }
DEVICE int multiplying_warp() { return multiplying_thread() / 32; }

// Rows of k behind the last one of a lane belong to the next lane: they become zeros.
DEVICE void clear_rows(unsigned int stage, int rows) {
    for (int i = multiplying_thread(); i < Group::stage_bytes / 16; i += Group::threads)
        if (i / 8 % Group::step >= rows) store_shared_16(stage + 16 * i, {0, 0, 0, 0});
    publish_writes();
    part_barrier<1, Group::threads>();
}

// sums += left * right over steps first ... end - 1, of which the copying thread brings as many stages. One group of products is under way
// while the next stage is waited for; then the stage before is given back.
template <typename T, bool LEFT_K_IN_ROWS, bool RIGHT_K_IN_ROWS, bool CLEARS>
DEVICE void multiply(float (&sums)[1][32][4], Turn& turn, unsigned int memory, int first, int end) {
    int group = multiplying_thread() / 128;
    bool frees = multiplying_thread() % 128 == 0;
    int before = 0;
    #pragma unroll 1
    for (int k = first; k < end; k += Group::step) {
        unsigned int stage = memory + turn.stage * Group::stage_bytes;
        wait_phase(memory + Group::full + 8 * turn.stage, turn.parity);
        if (CLEARS && end - k < Group::step) clear_rows(stage, end - k);
        begin_products();
        #pragma unroll
        for (int k0 = 0; k0 < Group::step; k0 += 16) {
            unsigned int left = stage + group * 64 * 128 + k0 * (LEFT_K_IN_ROWS ? 128 : 2);
            unsigned int right = stage + Group::left_bytes + k0 * (RIGHT_K_IN_ROWS ? 128 : 2);
            multiply_add_group<LEFT_K_IN_ROWS, RIGHT_K_IN_ROWS>(
                sums[0], LEFT_K_IN_ROWS ? describe_columns(left, Group::box_bytes) : describe_rows(left),
                RIGHT_K_IN_ROWS ? describe_columns(right, Group::box_bytes) : describe_rows(right), T());
        }
        commit_products();
        wait_products<1>();
        if (k > first && frees) arrive(memory + Group::empty + 8 * before);
        before = turn.stage;
        next(turn);
    }
    wait_products<0>();
    if (first < end && frees) arrive(memory + Group::empty + 8 * before);
}

// Turns a warp's 16 x 256 sums by 64 columns: the first ones leave, `coming` become the last. So a loop over the columns need not be unrolled,
// though registers have no index.
DEVICE void turn_sums(float (&sums)[1][32][4], const float (&coming)[1][8][4]) {
    #pragma unroll
    for (int n = 0; n < 32; n++)
        #pragma unroll
        for (int i = 0; i < 4; i++) sums[0][n][i] = n < 24 ? sums[0][n + 8][i] : coming[0][n - 24][i];
}

// A warp's sums from the result or to action(row, column, v), 64 columns at once through its part of shared memory.
template <typename T> DEVICE void read_sums(float (&sums)[1][32][4], unsigned int memory, const Result<T>& result, Place place) {
    unsigned int staging = memory + Group::staging + 4096 * multiplying_warp();
    int row = place.row + 16 * multiplying_warp();
    #pragma unroll 1
    for (int column = place.column; column < place.column + 256; column += 64) {
        float piece[1][8][4];
        for_each_eight<16, 64, 32, true>(staging, lane_of_warp(), [&](int r, int c, float (&v)[8]) { read_eight(v, result, row + r, column + c); });
        warp_barrier();
        sums_from_shared<64>(piece, staging, 0, 0);
        warp_barrier();
        turn_sums(sums, piece);
    }
}
template <typename ACTION> DEVICE void finish(unsigned int memory, float (&sums)[1][32][4], Place place, ACTION action) {
    unsigned int staging = memory + Group::staging + 4096 * multiplying_warp();
    int row = place.row + 16 * multiplying_warp();
    #pragma unroll 1
    for (int column = place.column; column < place.column + 256; column += 64) {
        float piece[1][8][4] = {};
        #pragma unroll
        for (int n = 0; n < 8; n++)
            #pragma unroll
            for (int i = 0; i < 4; i++) piece[0][n][i] = sums[0][n][i];
        sums_to_shared<64>(staging, piece, 0, 0);
        warp_barrier();
        for_each_eight<16, 64, 32, false>(staging, lane_of_warp(), [&](int r, int c, float (&v)[8]) { action(row + r, column + c, v); });
        warp_barrier();
        turn_sums(sums, {});
    }
}

DEVICE void make_barriers(unsigned int memory) {
    if (thread_x() == 0) {
        for (int stage = 0; stage < Group::stages; stage++) {
            make_barrier(memory + Group::full + 8 * stage, 1);
            make_barrier(memory + Group::empty + 8 * stage, 2);
        }
        publish_barriers();
    }
    block_barrier();
}

// result = left * right over k < steps: rows of the right factor are k where RIGHT_K_IN_ROWS. adds: the chains start from the old values.
template <typename T, bool RIGHT_K_IN_ROWS, typename ACTION>
DEVICE void product(const Result<T>& result, const TensorMap* left, const TensorMap* right, int steps, bool adds, ACTION action) {
    SHARED_MEMORY(bytes);
    unsigned int memory = shared_address(bytes);
    int tiles = tiles_of<Group>(result.rows, result.columns);
    Turn turn = {0, 0};
    make_barriers(memory);
    if (thread_x() < Group::first_thread) {
        give_registers<40>();
        if (thread_x() != 0) return;
        #pragma unroll 1
        for (int tile = block_x(); tile < tiles; tile += blocks_x())
            bring<false, RIGHT_K_IN_ROWS>(turn, memory, left, right, place_of<Group>(tile, result.rows, result.columns), 0, steps);
    } else {
        take_registers<232>();
        #pragma unroll 1
        for (int tile = block_x(); tile < tiles; tile += blocks_x()) {
            Place place = place_of<Group>(tile, result.rows, result.columns);
            float sums[1][32][4];
            clear(sums);
            if (adds) read_sums(sums, memory, result, place);
            multiply<T, false, RIGHT_K_IN_ROWS, false>(sums, turn, memory, 0, steps);
            finish(memory, sums, place, action);
        }
    }
}

// result += a binary tree over lanes of left * right over the steps of each; levels as in mat_mul.cu.
template <typename T>
DEVICE void lane_product(const Result<T>& result, const TensorMap* left, const TensorMap* right, const int* lane_bounds, int lanes, float* levels) {
    SHARED_MEMORY(bytes);
    unsigned int memory = shared_address(bytes);
    levels += block_x() * levels_of(lanes) * level_elements<Group>();
    int tiles = tiles_of<Group>(result.rows, result.columns);
    Turn turn = {0, 0};
    make_barriers(memory);
    if (thread_x() < Group::first_thread) {
        give_registers<40>();
        if (thread_x() != 0) return;
        #pragma unroll 1
        for (int tile = block_x(); tile < tiles; tile += blocks_x())
            #pragma unroll 1
            for (int lane = 0; lane < lanes; lane++)
                bring<true, true>(
                    turn, memory, left, right, place_of<Group>(tile, result.rows, result.columns), lane_bounds[lane], lane_bounds[lane + 1]);
    } else {
        take_registers<232>();
        #pragma unroll 1
        for (int tile = block_x(); tile < tiles; tile += blocks_x()) {
            float sums[1][32][4] = {};      // or those of the tile before would seem to be needed
            int height = 0;
            #pragma unroll 1
            for (int lane = 0; lane < lanes; lane++) {
                clear(sums);
                multiply<T, true, true, true>(sums, turn, memory, lane_bounds[lane], lane_bounds[lane + 1]);
                join_lane<Group>(sums, levels, height, lane, lanes);
            }
            finish(memory, sums, place_of<Group>(tile, result.rows, result.columns), [&](int row, int column, float (&v)[8]) {
                add_eight(result, row, column, v);
            });
        }
    }
}

// Maps of factors have boxes of 64 columns; of 128 rows (left) or 256 (right) where these are i, of 64 where they are k.
#define PRODUCT(NAME, T) \
    KERNEL BOUNDS(384, 1) NAME(TENSOR_MAP_PARAMETER(left), TENSOR_MAP_PARAMETER(right), void* result, const T* bias, const T* residual, T* before, \
                               int activation, int rows, int columns, int steps, long long result_stride, int wide, int result_aligned) { \
        Result<T> whole = {result, result_stride, rows, columns, wide != 0, result_aligned != 0}; \
        Epilogue<T> epilogue = {bias, residual, before, activation}; \
        product<T, false>(whole, PARAM_ADDRESS(NAME, 0, left), PARAM_ADDRESS(NAME, 1, right), steps, false, \
                          [&](int row, int column, float (&v)[8]) { finish_eight(whole, epilogue, row, column, v); }); \
    }
#define COLUMN_PRODUCT(NAME, T) \
    KERNEL BOUNDS(384, 1) NAME(TENSOR_MAP_PARAMETER(left), TENSOR_MAP_PARAMETER(right), void* result, int rows, int columns, int steps, \
                               long long result_stride, int wide, int adds, int result_aligned) { \
        Result<T> whole = {result, result_stride, rows, columns, wide != 0, result_aligned != 0}; \
        product<T, true>(whole, PARAM_ADDRESS(NAME, 0, left), PARAM_ADDRESS(NAME, 1, right), steps, adds != 0, \
                         [&](int row, int column, float (&v)[8]) { write_eight(whole, row, column, v); }); \
    }
#define LANE_PRODUCT(NAME, T) \
    KERNEL BOUNDS(384, 1) NAME(TENSOR_MAP_PARAMETER(left), TENSOR_MAP_PARAMETER(right), float* result_sum, const int* lane_bounds, float* levels, \
                               int rows, int columns, int lanes, long long result_stride, int result_aligned) { \
        lane_product<T>({result_sum, result_stride, rows, columns, true, result_aligned != 0}, PARAM_ADDRESS(NAME, 0, left), \
                        PARAM_ADDRESS(NAME, 1, right), lane_bounds, lanes, levels); \
    }
PRODUCT(mat_mul_wgmma_forward_bf16, bf16)
PRODUCT(mat_mul_wgmma_forward_f16, f16)
COLUMN_PRODUCT(mat_mul_wgmma_backward_input_bf16, bf16)
COLUMN_PRODUCT(mat_mul_wgmma_backward_input_f16, f16)
LANE_PRODUCT(mat_mul_wgmma_backward_weight_bf16, bf16)
LANE_PRODUCT(mat_mul_wgmma_backward_weight_f16, f16)
#endif
