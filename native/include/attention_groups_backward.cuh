// The backward of attention.cu for 16-bit types and heads of 64 or 128 on Hopper (sm_90a): a copying warpgroup, two multiplying ones. Both
// kernels hold 128 keys (or tokens) of one head, 64 a warpgroup, and walk over steps of 64 tokens of one query head (or 64 keys):
//
//   keys:    S' = K Q'  ->  P' in registers  ->  dV += P' dY,  dP' = V dY'  ->  dS' in registers  ->  dK += dS' Q
//   tokens:  S = Q K',  dP = dY V'           ->  dS in registers             ->  dQ += dS K
//
// The last product of a step runs beside the first of the next one. Every sum belongs to one warpgroup and has the order of the steps.
#pragma once
#include "attention_groups.cuh"

template <int WIDTH> struct BackwardGroupShape {
    static const int held = 128;
    static const int step = 64;
    static const int stages = 2;
    static const int threads = 384;
    static const int half_bytes = 128 * step;                // 64 columns of a tile of 64 rows
    static const int tile_bytes = WIDTH / 64 * half_bytes;
    static const int group_bytes = 2 * tile_bytes;           // what a warpgroup holds
    static const int step_tiles = 2 * group_bytes;
    static const int stage_bytes = 2 * tile_bytes;
    static const int statistics = step_tiles + stages * stage_bytes;   // of a stage's tokens: shift of the exponent, delta
    static const int full = statistics + stages * 8 * step;
    static const int empty = full + 8 * stages;
    static const int held_full = empty + 8 * stages;
};

// Two tensors of the same places: what a block holds, or what it walks over.
struct TensorPair {
    const TensorMap* first;
    const TensorMap* second;
};

// Where the steps are: rows first_row ... end_row - 1 of the maps, and of each 64 of them the heads whose columns start at first_column.
struct Steps {
    int first_row;
    int end_row;
    int first_column;
    int heads;
};

// 64 rows of one head, of both tensors, into two tiles beside each other.
template <int WIDTH> DEVICE void bring_pair(unsigned int tiles, const TensorPair& maps, int column, int row, unsigned int full) {
    typedef BackwardGroupShape<WIDTH> S;
    #pragma unroll
    for (int half = 0; half < WIDTH / 64; half++) {
        copy_box(tiles + half * S::half_bytes, maps.first, column + 64 * half, row, full);
        copy_box(tiles + S::tile_bytes + half * S::half_bytes, maps.second, column + 64 * half, row, full);
    }
}
template <int WIDTH> DEVICE void bring_steps(unsigned int memory, const TensorPair& held, int held_column, int held_row, const TensorPair& walked, const Steps& steps) {
    typedef BackwardGroupShape<WIDTH> S;
    arrive_expecting(memory + S::held_full, 2 * S::group_bytes);
    bring_pair<WIDTH>(memory, held, held_column, held_row, memory + S::held_full);
    bring_pair<WIDTH>(memory + S::group_bytes, held, held_column, held_row + 64, memory + S::held_full);
    unsigned int turn = 0;
    #pragma unroll 1
    for (int row = steps.first_row; row < steps.end_row; row += S::step)
        #pragma unroll 1
        for (int head = 0; head < steps.heads; head++, turn++) {
            unsigned int here = computed_here(memory);
            unsigned int stage = turn % S::stages;
            wait_phase(here + S::empty + 8 * stage, (turn / S::stages & 1) ^ 1);
            arrive_expecting(here + S::full + 8 * stage, S::stage_bytes);
            bring_pair<WIDTH>(here + S::step_tiles + stage * S::stage_bytes, walked, steps.first_column + head * WIDTH, row, here + S::full + 8 * stage);
        }
}

// The part of the stages that two warps have: what each token of a step takes off its scores, as raise() takes it, and delta. Zeros behind the last
// token. A thread takes one token, because it has few registers.
template <int WIDTH>
DEVICE void bring_statistics(unsigned int memory, const float* log_sum_exp, const float* delta, const Heads& h, int first_head, const Steps& steps) {
    typedef BackwardGroupShape<WIDTH> S;
    unsigned int turn = 0;
    #pragma unroll 1
    for (int row = steps.first_row; row < steps.end_row; row += S::step)
        #pragma unroll 1
        for (int head = 0; head < steps.heads; head++, turn++) {
            int thread = computed_here(thread_x()) - 32;
            bool is_there = row + thread < steps.end_row;
            int place = computed_here(is_there ? (row + thread) * h.queries + first_head + head : 0);
            float shift = either(is_there, -log_sum_exp[place] * logarithm_factor(bf16()), 0.0f);
            float of_token = either(is_there, delta[place], 0.0f);
            unsigned int here = computed_here(memory);
            unsigned int stage = turn % S::stages;
            wait_phase(here + S::empty + 8 * stage, (turn / S::stages & 1) ^ 1);
            unsigned int to = here + S::statistics + stage * 8 * S::step + 4 * thread;
            store_shared(to, shift);
            store_shared(to + 4 * S::step, of_token);
            warp_barrier();
            if (lane_of_warp() == 0) arrive(here + S::full + 8 * stage);
        }
}

// The barriers: a stage is full when the box copies have come and `writers` warps wrote; empty when all multiplying warps gave it back.
template <int WIDTH> DEVICE void make_barriers(unsigned int memory, int writers) {
    typedef BackwardGroupShape<WIDTH> S;
    if (thread_x() == 0) {
        for (int stage = 0; stage < S::stages; stage++) {
            make_barrier(memory + S::full + 8 * stage, 1 + writers);
            make_barrier(memory + S::empty + 8 * stage, 8);
        }
        make_barrier(memory + S::held_full, 1);
        publish_barriers();
    }
    block_barrier();
}
// A warp is done with a stage.
DEVICE void give_back(unsigned int empty) {
    warp_barrier();
    if (computed_here(thread_x()) % 32 == 0) arrive(empty);
}

// sums (64 x 64) = left (64 x WIDTH) * right (64 x WIDTH)', both tiles of rows.
template <int WIDTH, typename T> DEVICE void multiply_tiles(float (&sums)[1][8][4], unsigned int left, unsigned int right, T type) {
    typedef BackwardGroupShape<WIDTH> S;
    #pragma unroll
    for (int k = 0; k < WIDTH; k += 16)
        multiply_group(
            sums[0], describe_rows(left + k / 64 * S::half_bytes + k % 64 * 2), describe_rows(right + k / 64 * S::half_bytes + k % 64 * 2), k > 0, type);
    commit_products();
}
// sums (64 x WIDTH) += left (64 x 64) * right (64 x WIDTH), left as multiply_add takes it.
template <int WIDTH, typename T> DEVICE void multiply_weights(float (&sums)[1][WIDTH / 8][4], const unsigned int (&left)[4][4], unsigned int right, T type) {
    #pragma unroll
    for (int k = 0; k < 4; k++) multiply_add_group(sums[0], left[k], describe_columns(right + k * 16 * 128, BackwardGroupShape<WIDTH>::half_bytes), type);
    commit_products();
}

// Which elements a warp's tile has: row g sees columns from low[0] on, row g + 8 from low[1] on, where columns count from the lane's first one;
// those from high on do not exist. In the other direction a row sees the columns before high.
struct Visible {
    int low[2];
    int high[2];
};
DEVICE void hide(float (&sums)[1][8][4], const Visible& v, float hidden) {
    #pragma unroll
    for (int n = 0; n < 8; n++)
        #pragma unroll
        for (int i = 0; i < 4; i++) {
            int column = 8 * n + (i & 1);
            if (column < v.low[i >> 1] || column >= v.high[i >> 1]) sums[0][n][i] = hidden;
        }
}

// dk and dv of the part's keys; maps are of k and v, and of q and dy.
template <typename T, int WIDTH>
DEVICE void keys_backward_groups(
    T* dk, T* dv, const TensorPair& held, const TensorPair& walked, const float* log_sum_exp, const float* delta, const Heads& h, const Part& part) {
    typedef BackwardGroupShape<WIDTH> S;
    SHARED_MEMORY(bytes);
    unsigned int memory = shared_address(bytes);
    int key_head = block_y();
    make_barriers<WIDTH>(memory, S::step / 32);
    if (thread_x() < 128) {
        give_registers<24>();
        Steps steps = {part.first_token + part.first_row, part.first_token + part.tokens, key_head * h.group * WIDTH, h.group};
        if (thread_x() == 0) bring_steps<WIDTH>(memory, held, key_head * WIDTH, steps.first_row, walked, steps);
        else if (thread_x() >= 32 && thread_x() < 32 + S::step) bring_statistics<WIDTH>(memory, log_sum_exp, delta, h, key_head * h.group, steps);
        return;
    }

    take_registers<240>();
    int first_key = computed_here(part.first_row + thread_x() / 128 * 64 - 64);
    float factor = factor_of(h.scale, T());
    float dk_sums[1][WIDTH / 8][4];
    float dv_sums[1][WIDTH / 8][4];
    clear(dk_sums);
    clear(dv_sums);
    float scores[1][8][4];
    clear(scores);
    wait_phase(memory + S::held_full, 0);
    bool is_open = false;   // the last product of the step before is under way
    int turn = 0;
    #pragma unroll 1
    for (int first = part.first_row; first < part.tokens; first += S::step)
        #pragma unroll 1
        for (int head = 0; head < h.group; head++, turn++) {
            unsigned int here = computed_here(memory);
            int stage = turn % S::stages;
            unsigned int tiles = here + S::step_tiles + stage * S::stage_bytes;
            wait_phase(here + S::full + 8 * stage, turn / S::stages & 1);
            if (part.tokens - first < S::step) clear_rows<S::step, S::stage_bytes>(tiles, part.tokens - first);
            if (first - first_key <= -S::step || first_key >= part.tokens) {
                give_back(here + S::empty + 8 * stage);
                continue;
            }

            unsigned int own = here + computed_here(thread_x()) / 128 * S::group_bytes - S::group_bytes;
            begin_products();
            multiply_tiles<WIDTH>(scores, own, tiles, T());
            if (is_open) {
                wait_products<1>();
                give_back(here + S::empty + 8 * (stage ^ 1));
            }
            is_open = true;
            wait_products<0>();

            unsigned int thread = computed_here(thread_x());
            int column = (thread & 3) * 2;
            unsigned int statistics = here + S::statistics + stage * 8 * S::step + 4 * column;
            bool hides = first - first_key < 64 || part.tokens - first < S::step;
            int key = first_key + (int)(thread % 128 / 32 * 16 + (thread >> 2) % 8) - first - column;
            Visible visible = {{key, key + 8}, {part.tokens - first - column, part.tokens - first - column}};
            if (hides) hide(scores, visible, bits_to_float(minus_infinity_bits));
            // A weight is at most 1, so a half keeps eight times more of it than bf16: too much would be lost of its slope.
            unsigned int weights[4][4];
            unsigned int halves[4][4];
            #pragma unroll
            for (int n = 0; n < 8; n++) {
                float shift[2];
                load_shared_pair(shift[0], shift[1], statistics + 32 * n);
                #pragma unroll
                for (int half = 0; half < 2; half++) {
                    float low = raise(fused(scores[0][n][2 * half], factor, shift[0]), T());
                    float high = raise(fused(scores[0][n][2 * half + 1], factor, shift[1]), T());
                    weights[n / 2][n % 2 * 2 + half] = pack_pair(low, high, T());
                    halves[n / 2][n % 2 * 2 + half] = pack_f16(low, high);
                }
            }

            clear(scores);   // or they would take registers until they are overwritten
            begin_products();
            multiply_weights<WIDTH>(dv_sums, weights, computed_here(tiles + S::tile_bytes), T());
            multiply_tiles<WIDTH>(scores, own + S::tile_bytes, tiles + S::tile_bytes, T());
            wait_products<0>();
            if (hides) hide(scores, visible, 0.0f);
            unsigned int slopes[4][4];
            #pragma unroll
            for (int n = 0; n < 8; n++) {
                float delta[2];
                load_shared_pair(delta[0], delta[1], statistics + 4 * S::step + 32 * n);
                #pragma unroll
                for (int half = 0; half < 2; half++) {
                    float low, high;
                    widen_pair(low, high, halves[n / 2][n % 2 * 2 + half], f16());
                    slopes[n / 2][n % 2 * 2 + half] =
                        pack_pair(low * (scores[0][n][2 * half] - delta[0]), high * (scores[0][n][2 * half + 1] - delta[1]), T());
                }
            }
            begin_products();
            multiply_weights<WIDTH>(dk_sums, slopes, computed_here(tiles), T());
        }

    wait_products<0>();
    scale_sums(dk_sums, h.scale);
    unsigned int own = memory + computed_here(thread_x()) / 128 * S::group_bytes - S::group_bytes;
    write_group_rows<T, WIDTH>(
        own, dk_sums, [&](int r) { return head_at(dk, key_place_of(h, part.first_token + first_key + r, key_head), h); }, part.tokens - first_key);
    write_group_rows<T, WIDTH>(
        own + S::tile_bytes, dv_sums, [&](int r) { return head_at(dv, key_place_of(h, part.first_token + first_key + r, key_head), h); },
        part.tokens - first_key);
}

// dq of the part's tokens of one query head; maps are of q and dy, and of k and v.
template <typename T, int WIDTH>
DEVICE void tokens_backward_groups(
    T* dq, const TensorPair& held, const TensorPair& walked, const float* log_sum_exp, const float* delta, const Heads& h, const Part& part) {
    typedef BackwardGroupShape<WIDTH> S;
    SHARED_MEMORY(bytes);
    unsigned int memory = shared_address(bytes);
    int head = block_y();
    int end = part.first_row + S::held < part.tokens ? part.first_row + S::held : part.tokens;
    make_barriers<WIDTH>(memory, 0);
    if (thread_x() < 128) {
        give_registers<24>();
        if (thread_x() == 0)
            bring_steps<WIDTH>(
                memory, held, head * WIDTH, part.first_token + part.first_row, walked,
                {part.first_token, part.first_token + end, head / h.group * WIDTH, 1});
        return;
    }

    take_registers<240>();
    int first_row = part.first_row + thread_x() / 128 * 64 - 64;
    int row = first_row + thread_x() % 128 / 32 * 16 + (lane_of_warp() >> 2);
    float shift[2];
    float deltas[2];
    #pragma unroll
    for (int half = 0; half < 2; half++) {
        bool is_there = row + 8 * half < part.tokens;
        int place = is_there ? (part.first_token + row + 8 * half) * h.queries + head : 0;
        shift[half] = either(is_there, -log_sum_exp[place] * logarithm_factor(T()), 0.0f);
        deltas[half] = either(is_there, delta[place], 0.0f);
    }
    float factor = factor_of(h.scale, T());
    float sums[1][WIDTH / 8][4];
    float weights[1][8][4];
    float slopes[1][8][4];
    clear(sums);
    clear(weights);
    clear(slopes);
    wait_phase(memory + S::held_full, 0);
    int turn = 0;
    #pragma unroll 1
    for (int first = 0; first < end; first += S::step, turn++) {
        unsigned int here = computed_here(memory);
        int stage = turn % S::stages;
        unsigned int tiles = here + S::step_tiles + stage * S::stage_bytes;
        wait_phase(here + S::full + 8 * stage, turn / S::stages & 1);
        if (part.tokens - first < S::step) clear_rows<S::step, S::tile_bytes>(tiles, part.tokens - first);
        if (first - first_row >= S::step || first_row >= part.tokens) {
            // The last products of a group that sees no more keys end here, the stages that it does not look at are given back at once.
            wait_products<0>();
            if (first - first_row == S::step) give_back(here + S::empty + 8 * (stage ^ 1));
            give_back(here + S::empty + 8 * stage);
            continue;
        }

        unsigned int own = here + computed_here(thread_x()) / 128 * S::group_bytes - S::group_bytes;
        begin_products();
        multiply_tiles<WIDTH>(weights, own, tiles, T());
        multiply_tiles<WIDTH>(slopes, own + S::tile_bytes, tiles + S::tile_bytes, T());
        if (first > 0) {
            wait_products<2>();
            give_back(here + S::empty + 8 * (stage ^ 1));
        }

        wait_products<1>();
        int column = computed_here(lane_of_warp()) % 4 * 2;
        bool hides = first_row - first < S::step;
        Visible visible = {{0, 0}, {row + 1 - first - column, row + 9 - first - column}};
        if (hides) hide(weights, visible, bits_to_float(minus_infinity_bits));
        #pragma unroll
        for (int n = 0; n < 8; n++)
            #pragma unroll
            for (int i = 0; i < 4; i++) weights[0][n][i] = raise(fused(weights[0][n][i], factor, shift[i >> 1]), T());

        wait_products<0>();
        if (hides) hide(slopes, visible, 0.0f);
        unsigned int left[4][4];
        #pragma unroll
        for (int n = 0; n < 8; n++)
            #pragma unroll
            for (int half = 0; half < 2; half++)
                left[n / 2][n % 2 * 2 + half] = pack_pair(
                    weights[0][n][2 * half] * (slopes[0][n][2 * half] - deltas[half]),
                    weights[0][n][2 * half + 1] * (slopes[0][n][2 * half + 1] - deltas[half]), T());
        begin_products();
        multiply_weights<WIDTH>(sums, left, computed_here(tiles), T());
    }

    wait_products<0>();
    scale_sums(sums, h.scale);
    write_group_rows<T, WIDTH>(
        memory + computed_here(thread_x()) / 128 * S::group_bytes - S::group_bytes, sums,
        [&](int r) { return head_at(dq, (part.first_token + first_row + r) * h.queries + head, h); }, part.tokens - first_row);
}
