// Attention of queries over the keys of one document or one sequence of a cache, for one key/value head: what training and generation
// share, so that they give the same bits.
//
// A document's rows are pairs of a token and one of the G query heads that share the key head, by token, then by head: row r is token
// r / G. Row r sees the keys up to its token. Keys are taken in tiles of a fixed number from the document's first on; a row's numbers are
// a chain over these tiles and know nothing of the rows beside it, so any set of rows may be computed together. Tiles that a row does not
// see add exact zeros.
#pragma once
#include "numbers.cuh"
#include "tile.cuh"

// H query heads, K key heads, G = H / K; group_inverse = 2^32 / G rounded up, for divisions by G.
struct Heads {
    int queries;
    int keys;
    int group;
    unsigned int group_inverse;
    int width;
    float scale;
};
DEVICE int token_of(const Heads& h, int row) {
    return h.group == 1 ? row : (int)((unsigned long long)(unsigned int)row * h.group_inverse >> 32);
}
// The place of a row in tensors (N, H): times the width it is the first element in tensors (N, H * D).
DEVICE long long place_of(const Heads& h, int first_token, int key_head, int row) {
    int token = token_of(h, row);
    return (long long)(first_token + token) * h.queries + key_head * h.group + (row - token * h.group);
}

// One of the blocks of `size` rows that the rows of all documents are cut into.
struct Part {
    int first_token;   // of the document
    int tokens;        // of the document
    int first_row;     // of the part
};

// Finds part `wanted`; every warp for itself, 32 documents at a time. Returns false behind the last.
DEVICE bool find_part(Part& part, const int* bounds, int documents, int all_tokens, int rows_of_token, int size, int wanted) {
    for (int first = 0; first < documents; first += 32) {
        int document = first + lane_of_warp();
        int start = document < documents ? bounds[document] : 0;
        int tokens = document < documents ? bounds[document + 1] - start : 0;
        require(start >= 0 && tokens >= 0 && tokens <= all_tokens - start);
        int parts = (tokens * rows_of_token + size - 1) / size;
        int end = parts;
        #pragma unroll
        for (int step = 1; step < 32; step *= 2) {
            int before = shuffle_from((unsigned int)end, lane_of_warp() - step & 31);
            if (lane_of_warp() >= (unsigned int)step) end += before;
        }
        int all = shuffle_from((unsigned int)end, 31);
        if (wanted >= all) {
            wanted -= all;
            continue;
        }
        int owner = warp_sum(end <= wanted ? 1.0f : 0.0f);
        part.first_token = shuffle_from((unsigned int)start, owner);
        part.tokens = shuffle_from((unsigned int)tokens, owner);
        part.first_row = (wanted - (int)shuffle_from((unsigned int)(end - parts), owner)) * size;
        return true;
    }
    return false;
}

// Tokens of one sequence that are computed together, from the block's token on, and the block's first row of theirs.
struct Run {
    int first_token;
    int tokens;
    int slot;
    int position;
    int first_row;
};

// Whether a token is computed with the one before it: where it is the next of the same sequence, but for every so many positions, so that a
// long prompt is shared out.
DEVICE bool continues(const int* slots, const int* positions, int tokens_at_once, int n) {
    return n > 0 && slots[n] == slots[n - 1] && positions[n] == positions[n - 1] + 1 && positions[n] % tokens_at_once != 0;
}

// The run that starts at token block_x(), its rows from set block_z() of `size` on; false where none does or it has no such rows.
DEVICE bool find_run(Run& run, const int* slots, const int* positions, int tokens, int slot_count, int length, int rows_of_token, int size) {
    int tokens_at_once = rows_of_token < size ? size / rows_of_token : 1;
    int n = block_x();
    if (continues(slots, positions, tokens_at_once, n)) return false;
    int end = n + 1;
    while (end < tokens && continues(slots, positions, tokens_at_once, end)) end++;
    run = {n, end - n, slots[n], positions[n], (int)block_z() * size};
    require(run.slot >= 0 && run.slot < slot_count && run.position >= 0 && run.position + run.tokens <= length);
    return run.first_row < run.tokens * rows_of_token;
}

const unsigned int minus_infinity_bits = 0xFF800000u;

// exp(scale * (score - largest)) as one multiply-add and one exponential: raise(score * factor + shift), shift = -largest * factor.
DEVICE float factor_of(float scale, float) { return scale; }
template <typename T> DEVICE float factor_of(float scale, T) { return scale * 1.4426950216293335f; }
DEVICE float raise(float x, float) { return exponential(x); }
template <typename T> DEVICE float raise(float x, T) { return fast_exp2(x); }

DEVICE float divided(float a, float b, float) { return a / b; }
template <typename T> DEVICE float divided(float a, float b, T) { return a * (1.0f / b); }

// A warp's sums of 16 rows by WIDTH pass through shared memory, WIDTH * 4 bytes a row, to where start(row) says that the row of the block
// belongs; only the first `rows` and `columns` exist. Ends the block's use of that memory by a barrier before, not behind.
template <int ROWS, int WIDTH, int THREADS, typename START>
DEVICE void write_rows(unsigned int memory, const float (&sums)[1][WIDTH / 8][4], START start, int rows, int columns, bool aligned) {
    block_barrier();
    sums_to_shared<WIDTH>(memory, sums, warp_of_block() * 16, 0);
    block_barrier();
    for_each_eight<ROWS, WIDTH, THREADS, false>(memory, thread_x(), [&](int row, int column, float (&v)[8]) {
        if (row < rows && column < columns) write_eight(start(row) + column, v, columns - column, aligned && column + 8 <= columns);
    });
}

// One tile of keys: scores become weights beside the largest score so far, what was summed beside an older one shrinks. A lane has parts of
// two rows, as in sums of products.
template <typename T, int NK, int N>
DEVICE void weigh(float (&scores)[1][NK][4], float (&outputs)[1][N][4], float (&largest)[2], float (&sum)[2], float factor) {
    #pragma unroll
    for (int half = 0; half < 2; half++) {
        float old = largest[half];
        #pragma unroll
        for (int n = 0; n < NK; n++) largest[half] = maximum(largest[half], maximum(scores[0][n][2 * half], scores[0][n][2 * half + 1]));
        largest[half] = maximum(largest[half], shuffle_xor(largest[half], 1));
        largest[half] = maximum(largest[half], shuffle_xor(largest[half], 2));
        float shift = -largest[half] * factor;
        float shrink = raise(fused(old, factor, shift), T());
        sum[half] *= shrink;
        #pragma unroll
        for (int n = 0; n < NK; n++)
            #pragma unroll
            for (int i = 2 * half; i < 2 * half + 2; i++) {
                scores[0][n][i] = raise(fused(scores[0][n][i], factor, shift), T());
                sum[half] += scores[0][n][i];
            }
        #pragma unroll
        for (int n = 0; n < N; n++) {
            outputs[0][n][2 * half] *= shrink;
            outputs[0][n][2 * half + 1] *= shrink;
        }
    }
}

// Behind the last tile: outputs become the rows' results, and the logarithms of the denominators are written. row is the lane's first one.
template <typename T, int N>
DEVICE void finish(
    float (&outputs)[1][N][4], float (&sum)[2], const float (&largest)[2], float* log_sum_exp, const Heads& h, int first_token, int key_head, int row,
    int rows) {
    #pragma unroll
    for (int half = 0; half < 2; half++) {
        sum[half] += shuffle_xor(sum[half], 1);
        sum[half] += shuffle_xor(sum[half], 2);
        if (log_sum_exp != nullptr && (lane_of_warp() & 3) == 0 && row + 8 * half < rows)
            log_sum_exp[place_of(h, first_token, key_head, row + 8 * half)] = fused(largest[half], h.scale, logarithm(sum[half]));
        #pragma unroll
        for (int n = 0; n < N; n++) {
            outputs[0][n][2 * half] = divided(outputs[0][n][2 * half], sum[half], T());
            outputs[0][n][2 * half + 1] = divided(outputs[0][n][2 * half + 1], sum[half], T());
        }
    }
}

template <typename T, int WIDTH, int WARPS> struct ForwardShape {
    static const int rows = 16 * WARPS;
    static const int threads = 32 * WARPS;
    static const int keys = sizeof(T) == 2 ? 64 : 32;
    static const int row_bytes = WIDTH * sizeof(T);
    static const int key_tile = rows * row_bytes;
    static const int value_tile = key_tile + keys * row_bytes;
    static const int kept = value_tile + keys * row_bytes;   // singles only
    static const int steps_at_once = sizeof(T) == 2 ? 16 : 1;
};

// Rows first_row ... of `rows`, of the document or sequence whose first row belongs to `first_token`. Row r sees first_visible + r / G keys of
// those at keys and values, whose rows start key_stride elements apart. log_sum_exp may be null.
template <typename T, int WIDTH, int WARPS>
DEVICE void attend(
    T* y, float* log_sum_exp, const T* q, const T* keys, const T* values, long long key_stride, const Heads& h, int first_token, int key_head,
    int first_row, int rows, int first_visible, bool aligned) {
    typedef ForwardShape<T, WIDTH, WARPS> S;
    const Factor<S::row_bytes, false> by_rows;
    const Factor<S::row_bytes, true> by_columns;
    SHARED_MEMORY(bytes);
    unsigned int memory = shared_address(bytes);
    int warp_row = warp_of_block() * 16;
    int last_row = first_row + S::rows < rows ? first_row + S::rows - 1 : rows - 1;
    int all_keys = first_visible + token_of(h, last_row);
    int visible_to_all = first_visible + token_of(h, first_row);
    int row = first_row + warp_row + (lane_of_warp() >> 2);
    int column = (lane_of_warp() & 3) * 2;
    int visible[2] = {first_visible + token_of(h, row), first_visible + token_of(h, row + 8)};
    bool works = first_row + warp_row < rows;   // a warp without rows only helps to copy
    float factor = factor_of(h.scale, T());

    copy_rows<T, S::rows, WIDTH, S::threads>(
        memory, [&](int r) { return q + place_of(h, first_token, key_head, first_row + r) * h.width; }, rows - first_row, h.width, aligned);
    copy_tile<T, S::keys, WIDTH, S::threads>(memory + S::key_tile, keys, key_stride, all_keys, h.width, aligned);
    commit_copies();

    float outputs[1][WIDTH / 8][4];
    clear(outputs);
    float largest[2] = {bits_to_float(minus_infinity_bits), bits_to_float(minus_infinity_bits)};
    float sum[2] = {0.0f, 0.0f};
    #pragma unroll 1
    for (int first = 0; first < all_keys; first += S::keys) {
        wait_copies<0>();
        block_barrier();
        copy_tile<T, S::keys, WIDTH, S::threads>(memory + S::value_tile, values + first * key_stride, key_stride, all_keys - first, h.width, aligned);
        commit_copies();

        float scores[1][S::keys / 8][4];
        clear(scores);
        if (works) {
            #pragma unroll S::steps_at_once
            for (int k0 = 0; k0 < WIDTH; k0 += 16) multiply_16(scores, by_rows, memory, warp_row, by_rows, memory + S::key_tile, 0, k0, T());
            if (first + S::keys > visible_to_all) {
                #pragma unroll
                for (int n = 0; n < S::keys / 8; n++)
                    #pragma unroll
                    for (int i = 0; i < 4; i++)
                        if (first + 8 * n + column + (i & 1) >= visible[i >> 1]) scores[0][n][i] = bits_to_float(minus_infinity_bits);
            }

            weigh<T>(scores, outputs, largest, sum, factor);
        }

        wait_copies<0>();
        block_barrier();
        if (first + S::keys < all_keys) {
            long long next = first + S::keys;
            copy_tile<T, S::keys, WIDTH, S::threads>(
                memory + S::key_tile, keys + next * key_stride, key_stride, all_keys - next, h.width, aligned);
            commit_copies();
        }
        if (!works) continue;
        unsigned int kept = memory + S::kept + warp_row * S::keys * 4;
        keep_left(kept, scores, T());
        multiply_kept(outputs, scores, kept, by_columns, memory + S::value_tile, 0, T());
    }

    finish<T>(outputs, sum, largest, log_sum_exp, h, first_token, key_head, row, rows);
    write_rows<S::rows, WIDTH, S::threads>(
        memory + S::key_tile, outputs, [&](int r) { return y + place_of(h, first_token, key_head, first_row + r) * h.width; }, rows - first_row,
        h.width, aligned);
}
