// Attention of new tokens over the cached keys and values of their sequences, for sm_80 and later: attention.cuh, so the bits of training.
//   keys, values (S, T, K * D)   k, v (N, K * D)   slots, positions (N)
#include "attention.cuh"

typedef float f32;

// keys[slots[n], positions[n]] = k[n], values likewise. One block per token: blockDim.x = 128, gridDim.x = N.
template <typename T>
DEVICE void append(T* keys, T* values, const T* k, const T* v, const int* slots, const int* positions, int slot_count, int length, int columns) {
    long long n = block_x();
    int slot = slots[n];
    int position = positions[n];
    require(slot >= 0 && slot < slot_count && position >= 0 && position < length);
    long long to = ((long long)slot * length + position) * columns;
    for (int c = thread_x(); c < columns; c += 128) {
        keys[to + c] = k[n * columns + c];
        values[to + c] = v[n * columns + c];
    }
}

// A block takes the tokens from n on that are computed together, if n starts them, in sets of 64 rows: blockDim.x = 128, gridDim = (N, K, sets).
//   y, q (N, H * D)
template <typename T, int WIDTH>
DEVICE void forward(
    T* y, const T* q, const T* keys, const T* values, const int* slots, const int* positions, int tokens, int slot_count, int length,
    const Heads& h, bool aligned) {
    Run run;
    if (!find_run(run, slots, positions, tokens, slot_count, length, h.group, ForwardShape<T, WIDTH, 4>::rows)) return;
    long long first_key = ((long long)run.slot * length * h.keys + block_y()) * h.width;
    attend<T, WIDTH, 4>(
        y, nullptr, q, keys + first_key, values + first_key, (long long)h.keys * h.width, h, run.first_token, block_y(), run.first_row,
        run.tokens * h.group, run.position + 1, aligned);
}

#define APPEND(T) \
    KERNEL BOUNDS(128, 8) cached_attention_append_##T( \
        T* keys, T* values, const T* k, const T* v, const int* slots, const int* positions, int slot_count, int length, int columns) { \
        append(keys, values, k, v, slots, positions, slot_count, length, columns); \
    }
#define FORWARD(WIDTH, T) \
    KERNEL BOUNDS(128, 2) cached_attention_forward_##WIDTH##_##T( \
        T* y, const T* q, const T* keys, const T* values, const int* slots, const int* positions, int tokens, int slot_count, int length, \
        int query_heads, int key_heads, int group_inverse, int width, float scale, int aligned) { \
        forward<T, WIDTH>(y, q, keys, values, slots, positions, tokens, slot_count, length, \
                          {query_heads, key_heads, query_heads / key_heads, (unsigned int)group_inverse, width, scale}, aligned != 0); \
    }
APPEND(bf16)
APPEND(f16)
APPEND(f32)
FORWARD(32, bf16)
FORWARD(64, bf16)
FORWARD(128, bf16)
FORWARD(256, bf16)
FORWARD(32, f16)
FORWARD(64, f16)
FORWARD(128, f16)
FORWARD(256, f16)
FORWARD(64, f32)
FORWARD(256, f32)
