// The logarithm of the softmax over a row of logits that may arrive in pieces. A warp takes the row in blocks of 512 from its start, each
// summed beside its own largest logit, and joins the blocks from left to right. The loss in training and the log-probabilities in generation
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

// Takes the next piece of the row in. All lanes get the same.
DEVICE void add_logits(LogSumExp& s, const float* logits, int count) {
    #pragma unroll 1
    for (int first = lane_of_warp(); first - (int)lane_of_warp() < count; first += log_sum_exp_block) {
        float v[log_sum_exp_block / 32];
        float largest = bits_to_float(0xFF800000u);
        #pragma unroll
        for (int i = 0; i < log_sum_exp_block / 32; i++) v[i] = first + 32 * i < count ? logits[first + 32 * i] : bits_to_float(0xFF800000u);
        #pragma unroll
        for (int i = 0; i < log_sum_exp_block / 32; i++) largest = maximum_or_nan(largest, v[i]);
        #pragma unroll
        for (unsigned int mask = 16; mask > 0; mask >>= 1) largest = maximum_or_nan(largest, shuffle_xor(largest, mask));
        if (largest == bits_to_float(0xFF800000u)) continue;   // every exponential is 0, and -inf - -inf would be NaN
        float sum = 0.0f;
        #pragma unroll
        for (int i = 0; i < log_sum_exp_block / 32; i++) sum += exponential(v[i] - largest);
        sum = warp_sum(sum);
        if (largest <= s.largest) {
            s.sum += sum * exponential(largest - s.largest);
        } else {
            s.sum = s.sum * exponential(s.largest - largest) + sum;
            s.largest = largest;
        }
    }
}
