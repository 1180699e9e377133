#include "device.cuh"

// q, k and v of each head from one row after the other of fused, or back; as bits. A block takes a row; its threads take pieces of 16 bytes, or
// single elements where heads do not all start at a multiple of 16 bytes. blockDim.x = 256, gridDim.x = rows.
//   q, k, v (rows, heads * width)   fused (rows, heads * 3 * width)
template <typename T, bool splits>
DEVICE void split_heads(T* q, T* k, T* v, T* fused, int heads, int width) {
    long long row = block_x();
    fused += row * 3 * heads * width;
    q += row * heads * width;
    k += row * heads * width;
    v += row * heads * width;
    bool is_whole = is_aligned_16(q, k, v) && is_aligned_16(fused) && width % Piece<T>::count == 0;
    int count = is_whole ? Piece<T>::count : 1;
    int pieces = width / count;
    for (int i = (int)thread_x(); i < 3 * heads * pieces; i += 256) {
        int part = i / pieces % 3;
        T* one = (part == 0 ? q : part == 1 ? k : v) + i / (3 * pieces) * width + i % pieces * count;
        T* all = fused + i * count;
        T* to = splits ? one : all;
        const T* from = splits ? all : one;
        if (is_whole) {
            store_16(to, load_16(from));
        } else {
            *to = *from;
        }
    }
}

#define SPLIT_HEADS(name, T, splits) \
    KERNEL BOUNDS(256, 4) name(T* q, T* k, T* v, T* fused, int heads, int width) { split_heads<T, splits>(q, k, v, fused, heads, width); }

SPLIT_HEADS(split_heads_forward_f32, float, true)
SPLIT_HEADS(split_heads_forward_bf16, bf16, true)
SPLIT_HEADS(split_heads_forward_f16, f16, true)
SPLIT_HEADS(split_heads_backward_f32, float, false)
SPLIT_HEADS(split_heads_backward_bf16, bf16, false)
SPLIT_HEADS(split_heads_backward_f16, f16, false)
