// The forward of attention.cu for 16-bit types and heads of 64 or 128 on Hopper (sm_90a): attention_groups.cuh. Training and generation both
// take it, so both have the same bits.
//   y, q (N, H * D)   log_sum_exp (N, H)   maps of k, v (N, K * D) or of the cache's (S * T, K * D), boxes of 64 columns by 128 rows
#include "attention_groups.cuh"

// blockDim.x = 384, gridDim = (parts of 128 rows of all documents, K), or of a cache (N, K, sets of 128 rows of a token).
#define FORWARD(NAME, WIDTH, T) \
    KERNEL BOUNDS(384, 1) NAME( \
        TENSOR_MAP_PARAMETER(k), TENSOR_MAP_PARAMETER(v), T* y, float* log_sum_exp, const T* q, const int* document_bounds, const int* slots, \
        const int* positions, int count, int length, int tokens, int query_heads, int key_heads, int group_inverse, float scale) { \
        Heads h = {query_heads, key_heads, query_heads / key_heads, (unsigned int)group_inverse, WIDTH, scale}; \
        Part part; \
        if (find_rows(part, {document_bounds, slots, positions, count, length, tokens}, h.group, GroupShape<WIDTH>::rows)) \
            attend_groups<T, WIDTH>( \
                y, log_sum_exp, q, {PARAM_ADDRESS(NAME, 0, k), PARAM_ADDRESS(NAME, 1, v), part.first_key, (int)block_y() * WIDTH}, h, part); \
    }

FORWARD(attention_wgmma_forward_64_bf16, 64, bf16)
FORWARD(attention_wgmma_forward_128_bf16, 128, bf16)
FORWARD(attention_wgmma_forward_64_f16, 64, f16)
FORWARD(attention_wgmma_forward_128_f16, 128, f16)
