// Causal attention inside each document, and over a cache, for sm_80 and later: see attention.cuh for rows, tiles and the order of sums.
//   y, q, dy, dq (N, H * D)   k, v, dk, dv (N, K * D), or the cache's (S * T, K * D)   log_sum_exp, delta (N, H)
#include "attention.cuh"

typedef float f32;

// ---- Backward ---------------------------------------------------------------------------------------------------------------------------
// With p = exp(scale * q·k - log_sum_exp) and ds = p * (dy·v - delta):
//   dv = sum over rows of p * dy,   dk = scale * sum over rows of ds * q,   dq = scale * sum over keys of ds * k
// Two kernels form p and ds anew, so that every sum belongs to one warp: one for keys, which walks over the rows that see them, and one for
// rows, which walks over the keys that they see.

// delta (N, H) = sum over d of dy * y. One warp per row: blockDim.x = 128, gridDim.x = N * H / 4 rounded up.
template <typename T> DEVICE void attention_delta(float* delta, const T* dy, const T* y, long long rows, int width) {
    long long row = (long long)block_x() * 4 + warp_of_block();
    if (row >= rows) return;
    float sum = 0.0f;
    #pragma unroll 1
    for (int d = lane_of_warp(); d < width; d += 32) sum = fused(widen(dy[row * width + d]), widen(y[row * width + d]), sum);
    sum = warp_sum(sum);
    if (lane_of_warp() == 0) delta[row] = sum;
}

// A block holds 16 * WARPS keys (or rows) with what belongs to them and walks over `step` rows (or keys) at once, the next ones on their way.
template <typename T, int WIDTH> struct BackwardShape {
    static const int warps = sizeof(T) == 2 ? 4 : 2;
    static const int threads = 32 * warps;
    static const int held = 16 * warps;
    static const int step = sizeof(T) == 2 ? 32 : 16;
    static const int row_bytes = WIDTH * sizeof(T);
    static const int held_tile = held * row_bytes;
    static const int step_tile = step * row_bytes;
    static const int stages = 2 * held_tile;                  // two tiles each
    static const int statistics = stages + 4 * step_tile;     // of the rows of each stage: log_sum_exp and delta
    static const int kept = statistics + 2 * 8 * step;        // singles only
    static const int outputs = WIDTH < 128 ? WIDTH : 128;     // columns of dk and dv that a block writes
};

// What the backward reads beside the forward's.
template <typename T> struct GivenBack {
    Given<T> forward;
    const T* dy;
    const float* log_sum_exp;
    const float* delta;
};
// Brings ROWS rows of both tensors into two tiles beside each other: query rows, or keys.
template <typename T, int ROWS, int WIDTH, int THREADS>
DEVICE void bring_query_rows(unsigned int tiles, const Given<T>& g, const T* a, const T* b, int first, int end) {
    first = computed_here(first);
    #pragma unroll 1
    for (int second = 0; second < 2; second++) {
        const T* from = second ? b : a;
        bring_rows<T, ROWS, WIDTH, THREADS>(
            tiles + second * ROWS * WIDTH * (int)sizeof(T), [&](int r) { return head_at(from, place_of(g, first + r), g.h); }, end - first, g.h.width,
            g.aligned);
    }
}
template <typename T, int ROWS, int WIDTH, int THREADS>
DEVICE void bring_key_rows(unsigned int tiles, const Given<T>& g, const T* a, const T* b, int first, int end) {
    first = computed_here(first);
    #pragma unroll 1
    for (int second = 0; second < 2; second++) {
        const T* from = second ? b : a;
        bring_rows<T, ROWS, WIDTH, THREADS>(
            tiles + second * ROWS * WIDTH * (int)sizeof(T), [&](int key) { return head_at(from, key_place_of(g, first + key), g.h); }, end - first,
            g.h.width, g.aligned);
    }
}

// dk and dv of the part's keys, columns first_column ... of them.
template <typename T, int WIDTH> DEVICE void keys_backward(T* dk, T* dv, const GivenBack<T>& back, int first_column) {
    typedef BackwardShape<T, WIDTH> S;
    const Given<T>& g = back.forward;
    SHARED_MEMORY(bytes);
    unsigned int memory = shared_address(bytes);
    int first_key = g.part.first_row;
    int end = g.part.tokens * g.h.group;
    float factor = factor_of(g.h.scale, T());
    bring_key_rows<T, S::held, WIDTH, S::threads>(memory, g, g.k, g.v, first_key, g.part.tokens);

    float dk_sums[1][S::outputs / 8][4];
    float dv_sums[1][S::outputs / 8][4];
    clear(dk_sums);
    clear(dv_sums);
    unsigned int turn = 0;
    int next = first_key * g.h.group;
    #pragma unroll 1
    do {
        unsigned int here = computed_here(memory);
        if (next < end) {
            unsigned int statistics = here + S::statistics + (turn & 1) * 8 * S::step;
            bring_query_rows<T, S::step, WIDTH, S::threads>(here + S::stages + (turn & 1) * 2 * S::step_tile, g, g.q, back.dy, next, end);
            int r = computed_here(thread_x());
            if (r < S::step) {
                int place = next + r < end ? place_of(g, next + r) : 0;
                copy_4_async(statistics + 4 * r, back.log_sum_exp + place, next + r < end);
                copy_4_async(statistics + 4 * (S::step + r), back.delta + place, next + r < end);
            }
        }
        commit_copies();
        int first = next - S::step;
        next += S::step;
        if (turn++ == 0) continue;

        wait_copies<1>();
        block_barrier();
        int warp_key = computed_here(warp_of_block()) * 16;
        unsigned int stage = here + S::stages + (turn & 1) * 2 * S::step_tile;
        unsigned int statistics = here + S::statistics + (turn & 1) * 8 * S::step;
        float p[1][S::step / 8][4];
        float ds[1][S::step / 8][4];
        clear(p);
        clear(ds);
        multiply_rows<S::row_bytes>(p, here, warp_key, stage, g.h.width, T());
        multiply_rows<S::row_bytes>(ds, here + S::held_tile, warp_key, stage + S::step_tile, g.h.width, T());
        unsigned int lane = computed_here(lane_of_warp());
        int column = (lane & 3) * 2;
        statistics += 4 * column;
        int before = (first_key + warp_key + (int)(lane >> 2)) * g.h.group - column - first;
        #pragma unroll
        for (int n = 0; n < S::step / 8; n++) {
            float log_sum_exp[2];
            float delta[2];
            load_shared_pair(log_sum_exp[0], log_sum_exp[1], statistics + 32 * n);
            load_shared_pair(delta[0], delta[1], statistics + 4 * S::step + 32 * n);
            #pragma unroll
            for (int i = 0; i < 4; i++) {
                float raised = raise(fused(p[0][n][i], factor, -log_sum_exp[i & 1] * logarithm_factor(T())), T());
                p[0][n][i] = either(8 * n + (i & 1) >= before + (i >> 1) * 8 * g.h.group, raised, 0.0f);
                ds[0][n][i] = p[0][n][i] * (ds[0][n][i] - delta[i & 1]);
            }
        }
        unsigned int kept = here + S::kept + warp_key * S::step * 4;
        multiply_sums<S::row_bytes>(dv_sums, p, kept, stage + S::step_tile, first_column, T());
        multiply_sums<S::row_bytes>(dk_sums, ds, kept, stage, first_column, T());
        block_barrier();
    } while (next < end + S::step);

    scale_sums(dk_sums, g.h.scale);
    write_rows<S::held, S::outputs, S::threads>(
        memory, dk_sums, [&](int key) { return head_at(dk, key_place_of(g, first_key + key), g.h) + first_column; }, g.part.tokens - first_key,
        g.h.width - first_column, g.aligned);
    write_rows<S::held, S::outputs, S::threads>(
        memory, dv_sums, [&](int key) { return head_at(dv, key_place_of(g, first_key + key), g.h) + first_column; }, g.part.tokens - first_key,
        g.h.width - first_column, g.aligned);
}

// dq of the part's rows.
template <typename T, int WIDTH> DEVICE void rows_backward(T* dq, const GivenBack<T>& back) {
    typedef BackwardShape<T, WIDTH> S;
    const Given<T>& g = back.forward;
    SHARED_MEMORY(bytes);
    unsigned int memory = shared_address(bytes);
    int first_row = g.part.first_row;
    int rows = g.part.tokens * g.h.group;
    int last_row = first_row + S::held < rows ? first_row + S::held - 1 : rows - 1;
    int end = token_of(g.h, last_row) + 1;
    float factor = factor_of(g.h.scale, T());

    int visible[2];
    float shift[2];
    float delta[2];
    #pragma unroll
    for (int half = 0; half < 2; half++) {
        int row = first_row + warp_of_block() * 16 + (lane_of_warp() >> 2) + 8 * half;
        visible[half] = token_of(g.h, row) + 1;
        shift[half] = row < rows ? -back.log_sum_exp[place_of(g, row)] * logarithm_factor(T()) : 0.0f;
        delta[half] = row < rows ? back.delta[place_of(g, row)] : 0.0f;
    }
    bring_query_rows<T, S::held, WIDTH, S::threads>(memory, g, g.q, back.dy, first_row, rows);

    float sums[1][WIDTH / 8][4];
    clear(sums);
    unsigned int turn = 0;
    int next = 0;
    #pragma unroll 1
    do {
        unsigned int here = computed_here(memory);
        if (next < end) bring_key_rows<T, S::step, WIDTH, S::threads>(here + S::stages + (turn & 1) * 2 * S::step_tile, g, g.k, g.v, next, end);
        commit_copies();
        int first = next - S::step;
        next += S::step;
        if (turn++ == 0) continue;

        wait_copies<1>();
        block_barrier();
        int warp_row = computed_here(warp_of_block()) * 16;
        unsigned int stage = here + S::stages + (turn & 1) * 2 * S::step_tile;
        float p[1][S::step / 8][4];
        float ds[1][S::step / 8][4];
        clear(p);
        clear(ds);
        multiply_rows<S::row_bytes>(p, here, warp_row, stage, g.h.width, T());
        multiply_rows<S::row_bytes>(ds, here + S::held_tile, warp_row, stage + S::step_tile, g.h.width, T());
        first += (computed_here(lane_of_warp()) & 3) * 2;
        #pragma unroll
        for (int n = 0; n < S::step / 8; n++)
            #pragma unroll
            for (int i = 0; i < 4; i++) {
                bool sees = 8 * n + (i & 1) < visible[i >> 1] - first;
                float weight = either(sees, raise(fused(p[0][n][i], factor, shift[i >> 1]), T()), 0.0f);
                ds[0][n][i] = weight * (ds[0][n][i] - delta[i >> 1]);
            }
        multiply_sums<S::row_bytes>(sums, ds, here + S::kept + warp_row * S::step * 4, stage, 0, T());
        block_barrier();
    } while (next < end + S::step);

    scale_sums(sums, g.h.scale);
    write_rows<S::held, WIDTH, S::threads>(
        memory, sums, [&](int r) { return head_at(dq, place_of(g, first_row + r), g.h); }, rows - first_row, g.h.width, g.aligned);
}

// ---- Entries ----------------------------------------------------------------------------------------------------------------------------
#define SIZES int tokens, int query_heads, int key_heads, int group_inverse, int width, float scale, int aligned
#define HEADS {query_heads, key_heads, query_heads / key_heads, (unsigned int)group_inverse, width, scale}

// blockDim.x = 128, gridDim = (parts of 64 rows of all documents, K), or of a cache (N, K, sets of 64 rows of a token).
#define FORWARD(WIDTH, T) \
    KERNEL BOUNDS(128, 2) attention_forward_##WIDTH##_##T( \
        T* y, float* log_sum_exp, const T* q, const T* k, const T* v, const int* document_bounds, const int* slots, const int* positions, int count, \
        int length, SIZES) { \
        Given<T> given = {q, k, v, HEADS, {}, (int)block_y(), aligned != 0}; \
        if (find_rows(given.part, {document_bounds, slots, positions, count, length, tokens}, given.h.group, ForwardShape<T, WIDTH>::rows)) \
            attend<T, WIDTH>(y, log_sum_exp, given); \
    }
// blockDim.x = BackwardShape::threads; gridDim = (parts of BackwardShape::held keys or rows of all documents, K), for keys also the parts of
// BackwardShape::outputs columns. The first keys, which the most rows see, and the last rows come first.
#define BACKWARD(WIDTH, T) \
    KERNEL BOUNDS((BackwardShape<T, WIDTH>::threads), 2) attention_backward_keys_##WIDTH##_##T( \
        T* dk, T* dv, const T* dy, const T* q, const T* k, const T* v, const float* log_sum_exp, const float* delta, const int* document_bounds, \
        int documents, SIZES) { \
        GivenBack<T> given = {{q, k, v, HEADS, {}, (int)block_y(), aligned != 0}, dy, log_sum_exp, delta}; \
        if (find_part(given.forward.part, {document_bounds, nullptr, nullptr, documents, 0, tokens}, 1, BackwardShape<T, WIDTH>::held, block_x())) \
            keys_backward<T, WIDTH>(dk, dv, given, WIDTH == BackwardShape<T, WIDTH>::outputs ? 0 : block_z() * BackwardShape<T, WIDTH>::outputs); \
    } \
    KERNEL BOUNDS((BackwardShape<T, WIDTH>::threads), 2) attention_backward_rows_##WIDTH##_##T( \
        T* dq, const T* dy, const T* q, const T* k, const T* v, const float* log_sum_exp, const float* delta, const int* document_bounds, \
        int documents, SIZES) { \
        GivenBack<T> given = {{q, k, v, HEADS, {}, (int)block_y(), aligned != 0}, dy, log_sum_exp, delta}; \
        if (find_part(given.forward.part, {document_bounds, nullptr, nullptr, documents, 0, tokens}, given.forward.h.group, \
                      BackwardShape<T, WIDTH>::held, blocks_x() - 1 - block_x())) \
            rows_backward<T, WIDTH>(dq, given); \
    }
#define DELTA(T) \
    KERNEL BOUNDS(128, 8) attention_delta_##T(float* delta, const T* dy, const T* y, long long rows, int width) { \
        attention_delta(delta, dy, y, rows, width); \
    }
#define ATTENTION(WIDTH, T) \
    FORWARD(WIDTH, T) \
    BACKWARD(WIDTH, T)

DELTA(bf16)
DELTA(f16)
DELTA(f32)
ATTENTION(64, bf16)
ATTENTION(128, bf16)
ATTENTION(256, bf16)
ATTENTION(64, f16)
ATTENTION(128, f16)
ATTENTION(256, f16)
ATTENTION(64, f32)
ATTENTION(256, f32)
