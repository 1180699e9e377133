// The forward of attention.cu and cached_attention.cu for 16-bit types and heads of 64 or 128 on Hopper (sm_90a): attention_groups.cuh.
// Empty for sm_80. Training and generation both take it, so both have the same bits.
//   y, q (N, H * D)   log_sum_exp (N, H)   maps of k, v (N, K * D) or of the cache's (S * T, K * D), boxes of 64 columns by 128 rows
#if __CUDA_ARCH__ >= 900
#include "attention_groups.cuh"

// blockDim.x = 384, gridDim = (parts of 128 rows of all documents, K), the last rows first.
#define FORWARD(NAME, WIDTH, T) \
    KERNEL BOUNDS(384, 1) NAME( \
        TENSOR_MAP_PARAMETER(k), TENSOR_MAP_PARAMETER(v), T* y, float* log_sum_exp, const T* q, const int* document_bounds, int documents, \
        int tokens, int query_heads, int key_heads, int group_inverse, float scale) { \
        Heads h = {query_heads, key_heads, query_heads / key_heads, (unsigned int)group_inverse, WIDTH, scale}; \
        Part part; \
        if (!find_part(part, document_bounds, documents, tokens, h.group, GroupShape<WIDTH>::rows, blocks_x() - 1 - block_x())) return; \
        attend_groups<T, WIDTH>( \
            y, log_sum_exp, q, {PARAM_ADDRESS(NAME, 0, k), PARAM_ADDRESS(NAME, 1, v), part.first_token, (int)block_y() * WIDTH}, h, \
            part.first_token, block_y(), part.first_row, part.tokens * h.group, 1); \
    }

// blockDim.x = 384, gridDim = (N, K, sets of 128 rows): as in cached_attention.cu.
#define CACHED(NAME, WIDTH, T) \
    KERNEL BOUNDS(384, 1) NAME( \
        TENSOR_MAP_PARAMETER(keys), TENSOR_MAP_PARAMETER(values), T* y, const T* q, const int* slots, const int* positions, int tokens, \
        int slot_count, int length, int query_heads, int key_heads, int group_inverse, float scale) { \
        Heads h = {query_heads, key_heads, query_heads / key_heads, (unsigned int)group_inverse, WIDTH, scale}; \
        Run run; \
        if (!find_run(run, slots, positions, tokens, slot_count, length, h.group, GroupShape<WIDTH>::rows)) return; \
        attend_groups<T, WIDTH>( \
            y, nullptr, q, {PARAM_ADDRESS(NAME, 0, keys), PARAM_ADDRESS(NAME, 1, values), run.slot * length, (int)block_y() * WIDTH}, h, \
            run.first_token, block_y(), run.first_row, run.tokens * h.group, run.position + 1); \
    }

FORWARD(attention_wgmma_forward_64_bf16, 64, bf16)
FORWARD(attention_wgmma_forward_128_bf16, 128, bf16)
FORWARD(attention_wgmma_forward_64_f16, 64, f16)
FORWARD(attention_wgmma_forward_128_f16, 128, f16)
CACHED(cached_attention_wgmma_forward_64_bf16, 64, bf16)
CACHED(cached_attention_wgmma_forward_128_bf16, 128, bf16)
CACHED(cached_attention_wgmma_forward_64_f16, 64, f16)
CACHED(cached_attention_wgmma_forward_128_f16, 128, f16)
#endif
