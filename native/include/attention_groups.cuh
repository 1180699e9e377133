// attention.cuh for 16-bit types and heads of 64 or 128 on Hopper (sm_90a): a copying warpgroup brings tiles of 128 keys and values, two
// multiplying warpgroups take 64 rows each; while one of them forms weights, the other keeps the tensor cores busy. Rows, and the order in
// which a row meets its keys, are those of attention.cuh with tiles of 128 keys.
//
//   shared memory:  rows of both warpgroups, 2 stages of keys, 2 stages of values, barriers
#pragma once
#include "attention.cuh"

template <int WIDTH> struct GroupShape {
    static const int rows = 128;
    static const int keys = 128;
    static const int stages = 2;
    static const int threads = 384;
    static const int first_thread = 128;                     // that multiplies
    static const int half_bytes = 128 * keys;                // 64 columns of a tile of keys
    static const int tile_bytes = WIDTH / 64 * half_bytes;
    static const int group_bytes = 64 * WIDTH * 2;           // the rows of a warpgroup
    static const int key_tiles = 2 * group_bytes;
    static const int value_tiles = key_tiles + stages * tile_bytes;
    static const int keys_full = value_tiles + stages * tile_bytes;
    static const int keys_empty = keys_full + 8 * stages;
    static const int values_full = keys_empty + 8 * stages;
    static const int values_empty = values_full + 8 * stages;
};

// Where a part's keys and values are: rows first_row ... of the maps, columns first_column ... of a row.
struct KeyPlace {
    const TensorMap* keys;
    const TensorMap* values;
    int first_row;
    int first_column;
};

template <int WIDTH> DEVICE void bring_tile(unsigned int tile, const TensorMap* map, const KeyPlace& place, int first, unsigned int full) {
    arrive_expecting(full, GroupShape<WIDTH>::tile_bytes);
    for (int half = 0; half < WIDTH / 64; half++)
        copy_box(tile + half * GroupShape<WIDTH>::half_bytes, map, place.first_column + 64 * half, place.first_row + first, full);
}
// Addresses are computed where they are needed: a thread that copies has few registers.
template <int WIDTH> DEVICE void bring_keys(unsigned int memory, const KeyPlace& place, int all_keys) {
    typedef GroupShape<WIDTH> S;
    unsigned int turn = 0;
    #pragma unroll 1
    for (int first = 0; first < all_keys; first += S::keys, turn++) {
        unsigned int stage = turn % S::stages;
        unsigned int parity = (turn / S::stages & 1) ^ 1;
        unsigned int here = computed_here(memory);
        wait_phase(here + S::keys_empty + 8 * stage, parity);
        bring_tile<WIDTH>(here + S::key_tiles + stage * S::tile_bytes, place.keys, place, first, here + S::keys_full + 8 * stage);
        here = computed_here(memory);
        wait_phase(here + S::values_empty + 8 * stage, parity);
        bring_tile<WIDTH>(here + S::value_tiles + stage * S::tile_bytes, place.values, place, first, here + S::values_full + 8 * stage);
    }
}

// Of tiles of ROWS rows of 64 columns, BYTES in all, those from `count` on become zeros: what lies there may be anything, and zero times that.
// By all threads that multiply.
template <int ROWS, int BYTES> DEVICE void clear_rows(unsigned int tiles, int count) {
    #pragma unroll 1
    for (int i = computed_here(thread_x()) - 128; i < BYTES / 16; i += 256)
        if (i / 8 % ROWS >= count) store_shared_16(tiles + 16 * i, {0, 0, 0, 0});
    publish_writes();
    part_barrier<3, 256>();
}

// A warpgroup alone.
DEVICE void group_barrier() {
    if (thread_x() < 256) part_barrier<1, 128>();
    else part_barrier<2, 128>();
}

// A warpgroup's sums (64 x WIDTH) leave through its 128 * WIDTH bytes of shared memory, half of the columns at once, to where start(row) says
// that the row belongs; only the first `rows` exist.
template <typename T, int WIDTH, typename START>
DEVICE void write_group_rows(unsigned int memory, const float (&sums)[1][WIDTH / 8][4], START start, int rows) {
    const int columns = WIDTH / 2;
    int warp_row = computed_here(warp_of_block()) % 4 * 16;
    unsigned int staging = memory + warp_row * columns * 4;
    group_barrier();
    #pragma unroll
    for (int half = 0; half < 2; half++) {
        float piece[1][columns / 8][4];
        #pragma unroll
        for (int n = 0; n < columns / 8; n++)
            #pragma unroll
            for (int i = 0; i < 4; i++) piece[0][n][i] = sums[0][half * columns / 8 + n][i];
        sums_to_shared<columns>(staging, piece, computed_here(0), 0);
        warp_barrier();
        for_each_eight<16, columns, 32, false>(staging, lane_of_warp(), [&](int r, int c, float (&v)[8]) {
            if (warp_row + r < rows) write_eight(start(warp_row + r) + half * columns + c, v, 8, true);
        });
        warp_barrier();
    }
}

// As attend(), but for the keys, which are copied by maps; the block has GroupShape::threads threads.
template <typename T, int WIDTH> DEVICE void attend_groups(T* y, float* log_sum_exp, const T* q, const KeyPlace& keys, const Heads& h, const Part& part) {
    typedef GroupShape<WIDTH> S;
    SHARED_MEMORY(bytes);
    unsigned int memory = shared_address(bytes);
    int key_head = block_y();
    int first_row = part.first_row;
    int rows = part.tokens * h.group;
    int last_row = first_row + S::rows < rows ? first_row + S::rows - 1 : rows - 1;
    int all_keys = part.first_visible + token_of(h, last_row);
    if (thread_x() == 0) {
        for (int stage = 0; stage < S::stages; stage++) {
            make_barrier(memory + S::keys_full + 8 * stage, 1);
            make_barrier(memory + S::keys_empty + 8 * stage, 2);
            make_barrier(memory + S::values_full + 8 * stage, 1);
            make_barrier(memory + S::values_empty + 8 * stage, 2);
        }
        publish_barriers();
    }
    block_barrier();
    if (thread_x() < S::first_thread) {
        give_registers<24>();
        if (thread_x() == 0) bring_keys<WIDTH>(memory, keys, all_keys);
        return;
    }

    take_registers<240>();
    int group = thread_x() / 128 - 1;
    int thread = thread_x() % 128;
    int group_row = first_row + 64 * group;
    unsigned int own_rows = memory + group * S::group_bytes;
    #pragma unroll 1
    for (int i = thread; i < 64 * WIDTH / 8; i += 128) {
        int r = i / (WIDTH / 8);
        int chunk = i % (WIDTH / 8);
        const T* from = q + (long long)place_of(h, part.first_token, key_head, group_row + r) * WIDTH + chunk * 8;
        copy_16_async(own_rows + chunk / 8 * 64 * 128 + tile_offset<128>(r, chunk % 8), from, group_row + r < rows ? 16 : 0);
    }
    commit_copies();
    wait_copies<0>();
    publish_writes();
    group_barrier();

    bool works = group_row < rows;   // a group without rows only gives stages back
    int visible_to_all = part.first_visible + token_of(h, group_row);
    int row = group_row + thread / 32 * 16 + (lane_of_warp() >> 2);
    int visible[2] = {part.first_visible + token_of(h, row), part.first_visible + token_of(h, row + 8)};
    float factor = factor_of(h.scale, T());
    float outputs[1][WIDTH / 8][4];
    float scores[1][S::keys / 8][4];
    clear(outputs);
    clear(scores);
    float largest[2] = {bits_to_float(minus_infinity_bits), bits_to_float(minus_infinity_bits)};
    float sum[2] = {0.0f, 0.0f};
    #pragma unroll 1
    for (int first = 0, turn = 0; first < all_keys; first += S::keys, turn++) {
        int stage = turn % S::stages;
        unsigned int parity = turn / S::stages & 1;
        unsigned int here = computed_here(memory);
        unsigned int key_tile = here + S::key_tiles + stage * S::tile_bytes;
        unsigned int value_tile = here + S::value_tiles + stage * S::tile_bytes;
        wait_phase(here + S::keys_full + 8 * stage, parity);
        if (works) {
            begin_products();
            #pragma unroll
            for (int k0 = 0; k0 < WIDTH; k0 += 16)
                multiply_group(
                    scores[0], describe_rows(here + group * S::group_bytes + k0 / 64 * 64 * 128 + k0 % 64 * 2),
                    describe_rows(key_tile + k0 / 64 * S::half_bytes + k0 % 64 * 2), k0 > 0, T());
            commit_products();
            wait_products<0>();
        }
        if (thread_x() % 128 == 0) arrive(here + S::keys_empty + 8 * stage);

        if (works) {
            if (first + S::keys > visible_to_all) {
                int column = first + (computed_here(lane_of_warp()) & 3) * 2;
                #pragma unroll
                for (int n = 0; n < S::keys / 8; n++)
                    #pragma unroll
                    for (int i = 0; i < 4; i++)
                        if (8 * n + (i & 1) >= visible[i >> 1] - column) scores[0][n][i] = bits_to_float(minus_infinity_bits);
            }
            weigh<T>(scores, outputs, largest, sum, factor);
        }

        wait_phase(here + S::values_full + 8 * stage, parity);
        if (first + S::keys > all_keys) clear_rows<S::keys, S::tile_bytes>(value_tile, all_keys - first);
        if (works) {
            unsigned int weights[S::keys / 16][4];
            #pragma unroll
            for (int k = 0; k < S::keys / 16; k++)
                #pragma unroll
                for (int i = 0; i < 4; i++)
                    weights[k][i] = pack_pair(scores[0][2 * k + i / 2][i % 2 * 2], scores[0][2 * k + i / 2][i % 2 * 2 + 1], T());
            begin_products();
            #pragma unroll
            for (int k = 0; k < S::keys / 16; k++)
                multiply_add_group(outputs[0], weights[k], describe_columns(value_tile + k * 16 * 128, S::half_bytes), T());
            commit_products();
            wait_products<0>();
        }
        if (thread_x() % 128 == 0) arrive(here + S::values_empty + 8 * stage);
    }

    finish<T>(outputs, sum, largest, log_sum_exp, h, part.first_token, key_head, computed_here(row), rows);
    write_group_rows<T, WIDTH>(
        own_rows, outputs, [&](int r) { return y + (long long)place_of(h, part.first_token, key_head, group_row + r) * WIDTH; }, rows - group_row);
}
