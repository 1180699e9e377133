// Appending to a cache; attention over it is attention_forward of attention.cu, the kernel of training.
//   keys, values (S, T, K * D)   k, v (N, K * D)   slots, positions (N)
#include "device.cuh"

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

#define APPEND(T) \
    KERNEL BOUNDS(128, 8) cached_attention_append_##T( \
        T* keys, T* values, const T* k, const T* v, const int* slots, const int* positions, int slot_count, int length, int columns) { \
        append(keys, values, k, v, slots, positions, slot_count, length, columns); \
    }
APPEND(bf16)
APPEND(f16)
APPEND(f32)
