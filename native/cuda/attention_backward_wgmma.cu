// The backward of attention.cu for 16-bit types and heads of 64 or 128 on Hopper (sm_90a): attention_groups_backward.cuh.
//   dk, dv (N, K * D)   dq (N, H * D)   log_sum_exp, delta (N, H)   maps of q, dy (N, H * D) and k, v (N, K * D), boxes of 64 columns by 64 rows
#include "attention_groups_backward.cuh"

// blockDim.x = 384, gridDim = (parts of 128 keys of all documents, K). The first keys, which the most tokens see, come first.
#define BACKWARD_KEYS(NAME, WIDTH, T) \
    KERNEL BOUNDS(384, 1) NAME( \
        TENSOR_MAP_PARAMETER(q), TENSOR_MAP_PARAMETER(dy), TENSOR_MAP_PARAMETER(k), TENSOR_MAP_PARAMETER(v), T* dk, T* dv, const float* log_sum_exp, \
        const float* delta, const int* document_bounds, int documents, int tokens, int query_heads, int key_heads, float scale) { \
        Heads h = {query_heads, key_heads, query_heads / key_heads, 0, WIDTH, scale}; \
        Part part; \
        if (find_part(part, {document_bounds, nullptr, nullptr, documents, 0, tokens}, 1, BackwardGroupShape<WIDTH>::held, block_x())) \
            keys_backward_groups<T, WIDTH>( \
                dk, dv, {PARAM_ADDRESS(NAME, 2, k), PARAM_ADDRESS(NAME, 3, v)}, {PARAM_ADDRESS(NAME, 0, q), PARAM_ADDRESS(NAME, 1, dy)}, log_sum_exp, \
                delta, h, part); \
    }

// blockDim.x = 384, gridDim = (parts of 128 tokens of all documents, H), the last tokens first.
#define BACKWARD_TOKENS(NAME, WIDTH, T) \
    KERNEL BOUNDS(384, 1) NAME( \
        TENSOR_MAP_PARAMETER(q), TENSOR_MAP_PARAMETER(dy), TENSOR_MAP_PARAMETER(k), TENSOR_MAP_PARAMETER(v), T* dq, const float* log_sum_exp, \
        const float* delta, const int* document_bounds, int documents, int tokens, int query_heads, int key_heads, float scale) { \
        Heads h = {query_heads, key_heads, query_heads / key_heads, 0, WIDTH, scale}; \
        Part part; \
        if (find_part(part, {document_bounds, nullptr, nullptr, documents, 0, tokens}, 1, BackwardGroupShape<WIDTH>::held, blocks_x() - 1 - block_x())) \
            tokens_backward_groups<T, WIDTH>( \
                dq, {PARAM_ADDRESS(NAME, 0, q), PARAM_ADDRESS(NAME, 1, dy)}, {PARAM_ADDRESS(NAME, 2, k), PARAM_ADDRESS(NAME, 3, v)}, log_sum_exp, delta, \
                h, part); \
    }

BACKWARD_KEYS(attention_wgmma_backward_keys_64_bf16, 64, bf16)
BACKWARD_KEYS(attention_wgmma_backward_keys_128_bf16, 128, bf16)
BACKWARD_KEYS(attention_wgmma_backward_keys_64_f16, 64, f16)
BACKWARD_KEYS(attention_wgmma_backward_keys_128_f16, 128, f16)
BACKWARD_TOKENS(attention_wgmma_backward_tokens_64_bf16, 64, bf16)
BACKWARD_TOKENS(attention_wgmma_backward_tokens_128_bf16, 128, bf16)
BACKWARD_TOKENS(attention_wgmma_backward_tokens_64_f16, 64, f16)
BACKWARD_TOKENS(attention_wgmma_backward_tokens_128_f16, 128, f16)
