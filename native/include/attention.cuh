// Attention of queries over the keys of one document or one sequence of a cache, for one key/value head: what training and generation
// share, so that they give the same bits.
//
// A document's rows are pairs of a token and one of the G query heads that share the key head, by token, then by head: row r is token
// r / G. Row r sees the keys up to its token. Keys are taken in tiles of a fixed number from the document's first on; a row's numbers are
// a chain over these tiles and know nothing of the rows beside it, so any set of rows may be computed together. Tiles that a row does not
// see add exact zeros.
#pragma once
#include "factors.cuh"
#include "numbers.cuh"

// H query heads, K key heads, G = H / K; group_inverse = 2^31 / G rounded up, for divisions by G.
struct Heads {
    int queries;
    int keys;
    int group;
    unsigned int group_inverse;
    int width;
    float scale;
};
DEVICE int token_of(const Heads& h, int row) { return (int)((unsigned long long)(unsigned int)row * h.group_inverse >> 31); }
// The place of a row in tensors (N, H), and of a token's key in tensors (N, K): times the width it is the first element of its head.
DEVICE int place_of(const Heads& h, int first_token, int key_head, int row) {
    return first_token * h.queries + key_head * h.group + row + token_of(h, row) * (h.queries - h.group);
}
DEVICE int key_place_of(const Heads& h, int token, int key_head) { return token * h.keys + key_head; }
template <typename T> DEVICE T* head_at(T* tensor, int place, const Heads& h) { return tensor + (long long)place * (int)computed_here(h.width); }

// Where a block finds rows. A document's are cut into parts; of the cache, a block takes the tokens that are computed together. `count` is how
// many documents or slots there are, and either `bounds` (count + 1) or `slots` and `positions` (tokens each) are given.
struct Places {
    const int* bounds;
    const int* slots;
    const int* positions;
    int count;
    int length;   // of a slot
    int tokens;   // of all
};

// The rows of a block: from first_row on of the `tokens` from first_token on, whose first one sees first_visible keys. Their keys start at row
// first_key of keys and values.
struct Part {
    int first_token;
    int tokens;
    int first_row;
    int first_key;
    int first_visible;
};

// Finds part `wanted` of all documents, by every warp for itself, 32 documents at a time. Returns false behind the last.
DEVICE bool find_part(Part& part, const Places& places, int rows_of_token, int size, int wanted) {
    #pragma unroll 1
    for (int first = 0; first < places.count; first += 32) {
        int document = first + lane_of_warp();
        int start = document < places.count ? places.bounds[document] : 0;
        int tokens = document < places.count ? places.bounds[document + 1] - start : 0;
        require(start >= 0 && tokens >= 0 && tokens <= places.tokens - start);
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
        int first_token = shuffle_from((unsigned int)start, owner);
        part = {first_token, (int)shuffle_from((unsigned int)tokens, owner),
                (wanted - (int)shuffle_from((unsigned int)(end - parts), owner)) * size, first_token, 1};
        return true;
    }
    return false;
}

// Whether a token is computed with the one before it: where it is the next of the same sequence, but for every so many positions, so that a
// long prompt is shared out.
DEVICE bool continues(const Places& places, int tokens_at_once, int n) {
    return n > 0 && places.slots[n] == places.slots[n - 1] && places.positions[n] == places.positions[n - 1] + 1
        && places.positions[n] % tokens_at_once != 0;
}

// The run that starts at token block_x(), its rows from set block_z() of `size` on; false where none does or it has no such rows.
DEVICE bool find_run(Part& part, const Places& places, int rows_of_token, int size) {
    int tokens_at_once = rows_of_token < size ? size / rows_of_token : 1;
    int n = block_x();
    if (continues(places, tokens_at_once, n)) return false;
    int end = n + 1;
    while (end < places.tokens && continues(places, tokens_at_once, end)) end++;
    int slot = places.slots[n];
    int position = places.positions[n];
    part = {n, end - n, (int)block_z() * size, slot * places.length, position + 1};
    require(slot >= 0 && slot < places.count && position >= 0 && position + part.tokens <= places.length);
    return part.first_row < part.tokens * rows_of_token;
}

// The rows of a block of the forward; of documents the last ones, which see the most keys, come first.
DEVICE bool find_rows(Part& part, const Places& places, int rows_of_token, int size) {
    return places.slots != nullptr ? find_run(part, places, rows_of_token, size)
                                   : find_part(part, places, rows_of_token, size, blocks_x() - 1 - block_x());
}

const unsigned int minus_infinity_bits = 0xFF800000u;

// exp(scale * (score - largest)) as one multiply-add and one exponential: raise(score * factor + shift), shift = -largest * factor.
DEVICE float factor_of(float scale, float) { return scale; }
template <typename T> DEVICE float factor_of(float scale, T) { return scale * 1.4426950216293335f; }
DEVICE float raise(float x, float) { return exponential(x); }
template <typename T> DEVICE float raise(float x, T) { return fast_exp2(x); }

// The factor that makes a logarithm what raise() takes.
DEVICE float logarithm_factor(float) { return 1.0f; }
template <typename T> DEVICE float logarithm_factor(T) { return 1.4426950216293335f; }

template <int N> DEVICE void scale_sums(float (&sums)[1][N][4], float scale) {
    #pragma unroll
    for (int n = 0; n < N; n++)
        #pragma unroll
        for (int i = 0; i < 4; i++) sums[0][n][i] *= scale;
}

DEVICE float divided(float a, float b, float) { return a / b; }
template <typename T> DEVICE float divided(float a, float b, T) { return a * (1.0f / b); }

// A warp's sums of 16 rows by WIDTH pass through shared memory, WIDTH * 4 bytes a row, to where start(row) says that the row of the block
// belongs; only the first `rows` and `columns` exist. Ends the block's use of that memory by a barrier before, not behind.
template <int ROWS, int WIDTH, int THREADS, typename START>
DEVICE void write_rows(unsigned int memory, const float (&sums)[1][WIDTH / 8][4], START start, int rows, int columns, bool aligned) {
    block_barrier();
    sums_to_shared<WIDTH>(memory, sums, computed_here(warp_of_block()) * 16, 0);
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

template <typename T, int WIDTH> struct ForwardShape {
    static const int rows = 64;
    static const int threads = 128;
    static const int keys = sizeof(T) == 2 && WIDTH <= 128 ? 64 : 32;
    static const int row_bytes = WIDTH * sizeof(T);
    static const int key_tile = rows * row_bytes;
    static const int value_tile = key_tile + keys * row_bytes;
    static const int kept = value_tile + keys * row_bytes;   // singles only
};

// What the forward reads.
template <typename T> struct Given {
    const T* q;
    const T* k;
    const T* v;
    Heads h;
    Part part;
    int key_head;
    bool aligned;
};

template <typename T> DEVICE int place_of(const Given<T>& g, int row) { return place_of(g.h, g.part.first_token, g.key_head, row); }
template <typename T> DEVICE int key_place_of(const Given<T>& g, int key) { return key_place_of(g.h, g.part.first_key + key, g.key_head); }

// The block's rows of y and log_sum_exp, which may be null.
template <typename T, int WIDTH> DEVICE void attend(T* y, float* log_sum_exp, const Given<T>& g) {
    typedef ForwardShape<T, WIDTH> S;
    SHARED_MEMORY(bytes);
    unsigned int memory = shared_address(bytes);
    const Heads& h = g.h;
    int warp_row = warp_of_block() * 16;
    int first_row = g.part.first_row;
    int rows = g.part.tokens * h.group;
    int last_row = first_row + S::rows < rows ? first_row + S::rows - 1 : rows - 1;
    int all_keys = g.part.first_visible + token_of(h, last_row);
    int visible_to_all = g.part.first_visible + token_of(h, first_row);
    int row = first_row + warp_row + (lane_of_warp() >> 2);
    int visible[2] = {g.part.first_visible + token_of(h, row), g.part.first_visible + token_of(h, row + 8)};
    bool works = first_row + warp_row < rows;   // a warp without rows only helps to copy
    float factor = factor_of(h.scale, T());

    bring_rows<T, S::rows, WIDTH, S::threads>(
        memory, [&](int r) { return head_at(g.q, place_of(g, first_row + r), h); }, rows - first_row, h.width, g.aligned);

    float outputs[1][WIDTH / 8][4];
    float scores[1][S::keys / 8][4];
    clear(outputs);
    clear(scores);
    float largest[2] = {bits_to_float(minus_infinity_bits), bits_to_float(minus_infinity_bits)};
    float sum[2] = {0.0f, 0.0f};
    // A turn adds the values of one tile, while the keys of the next come, and weighs those, while their values come.
    int next = 0;
    #pragma unroll 1
    while (true) {
        unsigned int here = computed_here(memory);
        int coming = computed_here(next);
        if (next < all_keys)
            bring_rows<T, S::keys, WIDTH, S::threads>(
                here + S::key_tile, [&](int r) { return head_at(g.k, key_place_of(g, coming + r), h); }, all_keys - next, h.width, g.aligned);
        commit_copies();
        if (works && next > 0)
            multiply_sums<S::row_bytes>(outputs, scores, here + S::kept + warp_row * S::keys * 4, here + S::value_tile, 0, T());
        wait_copies<0>();
        block_barrier();
        if (next >= all_keys) break;

        bring_rows<T, S::keys, WIDTH, S::threads>(
            here + S::value_tile, [&](int r) { return head_at(g.v, key_place_of(g, coming + r), h); }, all_keys - next, h.width, g.aligned);
        commit_copies();
        if (works) {
            clear(scores);
            multiply_rows<S::row_bytes>(scores, here, warp_row, here + S::key_tile, h.width, T());
            if (next + S::keys > visible_to_all) {
                int column = next + (computed_here(lane_of_warp()) & 3) * 2;
                #pragma unroll
                for (int n = 0; n < S::keys / 8; n++)
                    #pragma unroll
                    for (int i = 0; i < 4; i++)
                        if (8 * n + (i & 1) >= visible[i >> 1] - column) scores[0][n][i] = bits_to_float(minus_infinity_bits);
            }
            weigh<T>(scores, outputs, largest, sum, factor);
        }
        wait_copies<0>();
        block_barrier();
        next += S::keys;
    }

    finish<T>(outputs, sum, largest, log_sum_exp, h, g.part.first_token, g.key_head, row, rows);
    write_rows<S::rows, WIDTH, S::threads>(
        memory, outputs, [&](int r) { return head_at(y, place_of(g, first_row + r), h); }, rows - first_row, h.width, g.aligned);
}
