// The logarithm of the softmax over a row of logits that may arrive in pieces. A warp takes the row in blocks of 512 from its start, each
// summed beside its own largest logit; the blocks are joined from left to right. The loss in training and the log-probabilities in generation
// both use this one order, and so have equal bits.
#pragma once
#include "numbers.cuh"

const int log_sum_exp_block = 512;   // every piece but the last of a row must be a multiple of this

struct LogSumExp {
    float largest;
    float sum;   // of the exponentials of what the logits are above the largest
};

DEVICE LogSumExp empty_log_sum_exp() { return {bits_to_float(0xFF800000u), 0.0f}; }

// The logarithm of the softmax at a logit; NaN where a logit of the row was NaN or infinite.
DEVICE float log_probability(LogSumExp s, float logit) { return logit - s.largest - logarithm(s.sum); }

// One block of a row, of at most 512 logits, by one warp. All lanes get the same.
DEVICE LogSumExp block_of_logits(const float* logits, int count) {
    const float lowest = bits_to_float(0xFF800000u);
    const int logits_of_lane = log_sum_exp_block / 32;
    float v[logits_of_lane];
    #pragma unroll
    for (int i = 0; i < logits_of_lane; i++) {
        int at = (int)lane_of_warp() + 32 * i;
        v[i] = at < count ? logits[at] : lowest;
    }

    float largest = lowest;
    #pragma unroll
    for (int i = 0; i < logits_of_lane; i++) largest = maximum_or_nan(largest, v[i]);
    #pragma unroll
    for (unsigned int mask = 16; mask > 0; mask >>= 1) largest = maximum_or_nan(largest, shuffle_xor(largest, mask));
    if (largest == lowest) return empty_log_sum_exp();   // every exponential is 0, and -inf - -inf would be NaN

    float sum = 0.0f;
    #pragma unroll
    for (int i = 0; i < logits_of_lane; i++) sum += exponential(v[i] - largest);
    return {largest, warp_sum(sum)};
}

// Takes the next block of the row in.
DEVICE void join(LogSumExp& s, LogSumExp block) {
    if (block.largest == bits_to_float(0xFF800000u)) return;

    if (block.largest <= s.largest) {
        s.sum += block.sum * exponential(block.largest - s.largest);
    } else {
        s.sum = s.sum * exponential(s.largest - block.largest) + block.sum;
        s.largest = block.largest;
    }
}

// Takes the next piece of the row in, by one warp. All lanes get the same.
DEVICE void add_logits(LogSumExp& s, const float* logits, int count) {
    #pragma unroll 1
    for (int first = 0; first < count; first += log_sum_exp_block) join(s, block_of_logits(logits + first, count - first));
}
