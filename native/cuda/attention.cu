// Causal attention inside each document, for sm_80 and later: see attention.cuh for rows, tiles and the order of sums.
//   y, q, dy, dq (N, H * D)   k, v, dk, dv (N, K * D)   log_sum_exp, delta (N, H)   document_bounds (documents + 1)
#include "attention.cuh"

// ---- Forward ----------------------------------------------------------------------------------------------------------------------------
// blockDim.x = 128, gridDim = (parts of 64 rows of all documents, K). Parts behind the last one end at once; the last rows of a document,
// which see the most keys, come first.
template <typename T, int WIDTH>
DEVICE void attention_forward(
    T* y, float* log_sum_exp, const T* q, const T* k, const T* v, const int* document_bounds, int documents, int tokens, const Heads& h, bool aligned) {
    Part part;
    int key_head = block_y();
    if (!find_part(part, document_bounds, documents, tokens, h.group, ForwardShape<T, WIDTH, 4>::rows, blocks_x() - 1 - block_x())) return;
    long long first_key = ((long long)part.first_token * h.keys + key_head) * h.width;
    attend<T, WIDTH, 4>(
        y, log_sum_exp, q, k + first_key, v + first_key, (long long)h.keys * h.width, h, part.first_token, key_head, part.first_row,
        part.tokens * h.group, 1, aligned);
}

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
    static const int stage = 2 * held_tile;                    // two tiles and two statistics of each row
    static const int stage_bytes = 2 * step_tile + 8 * step;
    static const int kept = stage + 2 * stage_bytes;           // singles only
    static const int steps_at_once = sizeof(T) == 2 ? 16 : 1;
    static const int outputs = WIDTH < 128 ? WIDTH : 128;      // columns of dk and dv that a block writes
};

// What both kernels read.
template <typename T> struct Given {
    const T* dy;
    const T* q;
    const T* k;
    const T* v;
    const float* log_sum_exp;
    const float* delta;
    Heads h;
    Part part;
    int key_head;
    bool aligned;

};
template <typename T> DEVICE long long place_of(const Given<T>& g, int row) { return place_of(g.h, g.part.first_token, g.key_head, row); }
template <typename T> DEVICE long long key_place_of(const Given<T>& g, int key) {
    return (long long)(g.part.first_token + key) * g.h.keys + g.key_head;
}
// The factor that makes a logarithm what raise() takes.
DEVICE float logarithm_factor(float) { return 1.0f; }
template <typename T> DEVICE float logarithm_factor(T) { return 1.4426950216293335f; }

// dk and dv of the part's keys, columns first_column ... of them.
template <typename T, int WIDTH> DEVICE void keys_backward(T* dk, T* dv, const Given<T>& g, int first_column) {
    typedef BackwardShape<T, WIDTH> S;
    const Factor<S::row_bytes, false> by_rows;
    const Factor<S::row_bytes, true> by_columns;
    SHARED_MEMORY(bytes);
    unsigned int memory = shared_address(bytes);
    int warp_key = warp_of_block() * 16;
    int first_key = g.part.first_row;
    int end = g.part.tokens * g.h.group;
    int column = (lane_of_warp() & 3) * 2;
    float factor = factor_of(g.h.scale, T());

    copy_rows<T, S::held, WIDTH, S::threads>(
        memory, [&](int key) { return g.k + key_place_of(g, first_key + key) * g.h.width; }, g.part.tokens - first_key, g.h.width, g.aligned);
    copy_rows<T, S::held, WIDTH, S::threads>(
        memory + S::held_tile, [&](int key) { return g.v + key_place_of(g, first_key + key) * g.h.width; }, g.part.tokens - first_key, g.h.width,
        g.aligned);

    float dk_sums[1][S::outputs / 8][4];
    float dv_sums[1][S::outputs / 8][4];
    clear(dk_sums);
    clear(dv_sums);
    unsigned int coming = memory + S::stage;
    #pragma unroll 1
    for (int next = first_key * g.h.group; next < end + S::step; next += S::step) {
        if (next < end) {
            copy_rows<T, S::step, WIDTH, S::threads>(
                coming, [&](int r) { return g.q + place_of(g, next + r) * g.h.width; }, end - next, g.h.width, g.aligned);
            copy_rows<T, S::step, WIDTH, S::threads>(
                coming + S::step_tile, [&](int r) { return g.dy + place_of(g, next + r) * g.h.width; }, end - next, g.h.width, g.aligned);
            int r = thread_x();
            if (r < S::step) {
                long long place = next + r < end ? place_of(g, next + r) : 0;
                copy_4_async(coming + 2 * S::step_tile + 4 * r, g.log_sum_exp + place, next + r < end);
                copy_4_async(coming + 2 * S::step_tile + 4 * (S::step + r), g.delta + place, next + r < end);
            }
        }
        commit_copies();
        coming = 2 * (memory + S::stage) + S::stage_bytes - coming;
        int first = next - S::step;
        if (first < first_key * g.h.group) continue;

        wait_copies<1>();
        block_barrier();
        unsigned int stage = coming;
        float p[1][S::step / 8][4];
        float ds[1][S::step / 8][4];
        clear(p);
        clear(ds);
        #pragma unroll S::steps_at_once
        for (int k0 = 0; k0 < WIDTH; k0 += 16) multiply_16(p, by_rows, memory, warp_key, by_rows, stage, 0, k0, T());
        #pragma unroll S::steps_at_once
        for (int k0 = 0; k0 < WIDTH; k0 += 16)
            multiply_16(ds, by_rows, memory + S::held_tile, warp_key, by_rows, stage + S::step_tile, 0, k0, T());
        int key = first_key + warp_key + (lane_of_warp() >> 2);
        #pragma unroll
        for (int n = 0; n < S::step / 8; n++)
            #pragma unroll
            for (int i = 0; i < 4; i++) {
                int r = 8 * n + column + (i & 1);
                float shift = -load_shared(stage + 2 * S::step_tile + 4 * r) * logarithm_factor(T());
                bool sees = (key + (i >> 1) * 8) * g.h.group <= first + r;
                p[0][n][i] = sees ? raise(fused(p[0][n][i], factor, shift), T()) : 0.0f;
                ds[0][n][i] = p[0][n][i] * (ds[0][n][i] - load_shared(stage + 2 * S::step_tile + 4 * (S::step + r)));
            }
        unsigned int kept = memory + S::kept + warp_key * S::step * 4;
        keep_left(kept, p, T());
        multiply_kept(dv_sums, p, kept, by_columns, stage + S::step_tile, first_column, T());
        keep_left(kept, ds, T());
        multiply_kept(dk_sums, ds, kept, by_columns, stage, first_column, T());
        block_barrier();
    }

    #pragma unroll
    for (int n = 0; n < S::outputs / 8; n++)
        #pragma unroll
        for (int i = 0; i < 4; i++) dk_sums[0][n][i] *= g.h.scale;
    write_rows<S::held, S::outputs, S::threads>(
        memory, dk_sums, [&](int key) { return dk + key_place_of(g, first_key + key) * g.h.width + first_column; }, g.part.tokens - first_key,
        g.h.width - first_column, g.aligned);
    write_rows<S::held, S::outputs, S::threads>(
        memory, dv_sums, [&](int key) { return dv + key_place_of(g, first_key + key) * g.h.width + first_column; }, g.part.tokens - first_key,
        g.h.width - first_column, g.aligned);
}

// dq of the part's rows.
template <typename T, int WIDTH> DEVICE void rows_backward(T* dq, const Given<T>& g) {
    typedef BackwardShape<T, WIDTH> S;
    const Factor<S::row_bytes, false> by_rows;
    const Factor<S::row_bytes, true> by_columns;
    SHARED_MEMORY(bytes);
    unsigned int memory = shared_address(bytes);
    int warp_row = warp_of_block() * 16;
    int first_row = g.part.first_row;
    int rows = g.part.tokens * g.h.group;
    int column = (lane_of_warp() & 3) * 2;
    int last_row = first_row + S::held < rows ? first_row + S::held - 1 : rows - 1;
    int end = token_of(g.h, last_row) + 1;
    float factor = factor_of(g.h.scale, T());

    int visible[2];
    float shift[2];
    float delta[2];
    #pragma unroll
    for (int half = 0; half < 2; half++) {
        int row = first_row + warp_row + (lane_of_warp() >> 2) + 8 * half;
        visible[half] = token_of(g.h, row) + 1;
        shift[half] = row < rows ? -g.log_sum_exp[place_of(g, row)] * logarithm_factor(T()) : 0.0f;
        delta[half] = row < rows ? g.delta[place_of(g, row)] : 0.0f;
    }
    copy_rows<T, S::held, WIDTH, S::threads>(
        memory, [&](int r) { return g.q + place_of(g, first_row + r) * g.h.width; }, rows - first_row, g.h.width, g.aligned);
    copy_rows<T, S::held, WIDTH, S::threads>(
        memory + S::held_tile, [&](int r) { return g.dy + place_of(g, first_row + r) * g.h.width; }, rows - first_row, g.h.width, g.aligned);

    float sums[1][WIDTH / 8][4];
    clear(sums);
    unsigned int coming = memory + S::stage;
    #pragma unroll 1
    for (int next = 0; next < end + S::step; next += S::step) {
        if (next < end) {
            copy_rows<T, S::step, WIDTH, S::threads>(
                coming, [&](int key) { return g.k + key_place_of(g, next + key) * g.h.width; }, end - next, g.h.width, g.aligned);
            copy_rows<T, S::step, WIDTH, S::threads>(
                coming + S::step_tile, [&](int key) { return g.v + key_place_of(g, next + key) * g.h.width; }, end - next, g.h.width, g.aligned);
        }
        commit_copies();
        coming = 2 * (memory + S::stage) + S::stage_bytes - coming;
        int first = next - S::step;
        if (first < 0) continue;

        wait_copies<1>();
        block_barrier();
        unsigned int stage = coming;
        float p[1][S::step / 8][4];
        float ds[1][S::step / 8][4];
        clear(p);
        clear(ds);
        #pragma unroll S::steps_at_once
        for (int k0 = 0; k0 < WIDTH; k0 += 16) multiply_16(p, by_rows, memory, warp_row, by_rows, stage, 0, k0, T());
        #pragma unroll S::steps_at_once
        for (int k0 = 0; k0 < WIDTH; k0 += 16)
            multiply_16(ds, by_rows, memory + S::held_tile, warp_row, by_rows, stage + S::step_tile, 0, k0, T());
        #pragma unroll
        for (int n = 0; n < S::step / 8; n++)
            #pragma unroll
            for (int i = 0; i < 4; i++) {
                bool sees = first + 8 * n + column + (i & 1) < visible[i >> 1];
                float weight = sees ? raise(fused(p[0][n][i], factor, shift[i >> 1]), T()) : 0.0f;
                ds[0][n][i] = weight * (ds[0][n][i] - delta[i >> 1]);
            }
        unsigned int kept = memory + S::kept + warp_row * S::step * 4;
        keep_left(kept, ds, T());
        multiply_kept(sums, ds, kept, by_columns, stage, 0, T());
        block_barrier();
    }

    #pragma unroll
    for (int n = 0; n < WIDTH / 8; n++)
        #pragma unroll
        for (int i = 0; i < 4; i++) sums[0][n][i] *= g.h.scale;
    write_rows<S::held, WIDTH, S::threads>(
        memory, sums, [&](int r) { return dq + place_of(g, first_row + r) * g.h.width; }, rows - first_row, g.h.width, g.aligned);
}

// ---- Entries ----------------------------------------------------------------------------------------------------------------------------
// blockDim.x = BackwardShape::threads; gridDim = (parts of BackwardShape::held keys or rows of all documents, K), for keys also the parts of
// BackwardShape::outputs columns. The first keys, which the most rows see, and the last rows come first.
#define HEADS {query_heads, key_heads, query_heads / key_heads, (unsigned int)group_inverse, width, scale}
#define ATTENTION(WIDTH, T) \
    KERNEL BOUNDS(128, 2) attention_forward_##WIDTH##_##T( \
        T* y, float* log_sum_exp, const T* q, const T* k, const T* v, const int* document_bounds, int documents, int tokens, int query_heads, int key_heads, \
        int group_inverse, int width, float scale, int aligned) { \
        attention_forward<T, WIDTH>(y, log_sum_exp, q, k, v, document_bounds, documents, tokens, HEADS, aligned != 0); \
    } \
    KERNEL BOUNDS((BackwardShape<T, WIDTH>::threads), 2) attention_backward_keys_##WIDTH##_##T( \
        T* dk, T* dv, const T* dy, const T* q, const T* k, const T* v, const float* log_sum_exp, const float* delta, const int* document_bounds, \
        int documents, int tokens, int query_heads, int key_heads, int group_inverse, int width, float scale, int aligned) { \
        Given<T> given = {dy, q, k, v, log_sum_exp, delta, HEADS, {}, (int)block_y(), aligned != 0}; \
        if (find_part(given.part, document_bounds, documents, tokens, 1, BackwardShape<T, WIDTH>::held, block_x())) \
            keys_backward<T, WIDTH>(dk, dv, given, block_z() * BackwardShape<T, WIDTH>::outputs); \
    } \
    KERNEL BOUNDS((BackwardShape<T, WIDTH>::threads), 2) attention_backward_rows_##WIDTH##_##T( \
        T* dq, const T* dy, const T* q, const T* k, const T* v, const float* log_sum_exp, const float* delta, const int* document_bounds, \
        int documents, int tokens, int query_heads, int key_heads, int group_inverse, int width, float scale, int aligned) { \
        Given<T> given = {dy, q, k, v, log_sum_exp, delta, HEADS, {}, (int)block_y(), aligned != 0}; \
        if (find_part(given.part, document_bounds, documents, tokens, query_heads / key_heads, BackwardShape<T, WIDTH>::held, blocks_x() - 1 - block_x())) \
            rows_backward<T, WIDTH>(dq, given); \
    }
#define ATTENTION_DELTA(T) \
    KERNEL BOUNDS(128, 8) attention_delta_##T(float* delta, const T* dy, const T* y, long long rows, int width) { \
        attention_delta(delta, dy, y, rows, width); \
    }

typedef float f32;
ATTENTION_DELTA(bf16)
ATTENTION_DELTA(f16)
ATTENTION_DELTA(f32)
ATTENTION(32, bf16)
ATTENTION(64, bf16)
ATTENTION(128, bf16)
ATTENTION(256, bf16)
ATTENTION(32, f16)
ATTENTION(64, f16)
ATTENTION(128, f16)
ATTENTION(256, f16)
ATTENTION(64, f32)
ATTENTION(256, f32)
