#include "log_sum_exp.cuh"

// One token of each row of logits, one block a row. All that decides is exact: logits are compared as integer keys, probabilities are whole
// numbers of 2^-43 of the largest, so sums have no order and the token is a function of the row, the uniform number and the settings alone.
// blockDim.x is any number of warps up to 16.

const unsigned int highest_key = 0xFFFFFFFFu;
const int most_warps = 16;
const int loads_at_once = 4;

struct Row {
    const float* logits;
    int vocabulary;
    float largest;
    float temperature;
};

// The ids with a key from lowest to highest; of those with the lowest itself only ids before `end`.
struct Kept {
    unsigned int lowest;
    unsigned int highest;
    int end;
};

struct Shared {
    unsigned long long sums[3][most_warps];
    float largest[most_warps];
    int found;
    LogSumExp blocks[1];   // one for each 512 logits
};

// Unsigned integers in the order of the numbers; -0 is 0.
DEVICE unsigned int key_of(float logit) {
    unsigned int bits = float_to_bits(logit + 0.0f);
    return bits ^ ((unsigned int)((int)bits >> 31) | 0x80000000u);
}

DEVICE bool is_kept(Kept kept, unsigned int key, int id) {
    return key <= kept.highest && (key > kept.lowest || (key == kept.lowest && id < kept.end));
}

// exp((logit - largest) / temperature) in units of 2^-43; never 0 where the number is not.
DEVICE unsigned long long weight_of(const Row& row, float logit) {
    float weight = exponential((logit - row.largest) / row.temperature);
    unsigned long long units = (unsigned long long)(weight * 8796093022208.0f + 0.5f);
    return units == 0 && weight > 0.0f ? 1 : units;
}

DEVICE unsigned long long value_of(const Row& row, float logit, bool by_weight) { return by_weight ? weight_of(row, logit) : 1; }

DEVICE unsigned long long warp_total(unsigned long long v) {
    #pragma unroll
    for (unsigned int mask = 16; mask > 0; mask >>= 1) v += shuffle_xor(v, mask);
    return v;
}

// Every thread gets the three sums over the block.
DEVICE void block_totals(unsigned long long (&v)[3], Shared* shared) {
    #pragma unroll
    for (int i = 0; i < 3; i++) {
        unsigned long long total = warp_total(v[i]);
        if (lane_of_warp() == 0) shared->sums[i][warp_of_block()] = total;
    }

    block_barrier();
    #pragma unroll
    for (int i = 0; i < 3; i++) {
        v[i] = 0;
        for (unsigned int warp = 0; warp < threads_x() / 32; warp++) v[i] += shared->sums[i][warp];
    }

    block_barrier();
}

// Those of ids first, first + threads, ...; -inf where there are no more.
DEVICE void load_logits(float (&v)[loads_at_once], const float* logits, int first, int vocabulary) {
    #pragma unroll
    for (int k = 0; k < loads_at_once; k++) {
        int id = first + k * (int)threads_x();
        v[k] = id < vocabulary ? logits[id] : bits_to_float(0xFF800000u);
    }
}

// The sums over kept ids with keys from each of three bounds on, which ascend.
DEVICE void totals_from(unsigned long long (&totals)[3], const unsigned int (&bounds)[3], const Row& row, Kept kept, bool by_weight, Shared* shared) {
    totals[0] = totals[1] = totals[2] = 0;
    for (int first = (int)thread_x(); first < row.vocabulary; first += loads_at_once * (int)threads_x()) {
        float logits[loads_at_once];
        load_logits(logits, row.logits, first, row.vocabulary);
        #pragma unroll
        for (int k = 0; k < loads_at_once; k++) {
            int id = first + k * (int)threads_x();
            unsigned int key = key_of(logits[k]);
            if (id >= row.vocabulary || key < bounds[0] || !is_kept(kept, key, id)) continue;

            unsigned long long value = value_of(row, logits[k], by_weight);
            totals[0] += value;
            totals[1] += key >= bounds[1] ? value : 0;
            totals[2] += key >= bounds[2] ? value : 0;
        }
    }

    block_totals(totals, shared);
}

// The first kept id at which the running sum of values exceeds the threshold, which is below their total. Warps sum equal stretches of the
// row; the one in which the threshold lies walks through its own.
DEVICE int find(const Row& row, Kept kept, bool by_weight, unsigned long long threshold, Shared* shared) {
    int warps = (int)(threads_x() / 32);
    int lane = (int)lane_of_warp();
    int stretch = ((row.vocabulary + warps - 1) / warps + 31) / 32 * 32;
    int first = (int)warp_of_block() * stretch;
    int end = first + stretch < row.vocabulary ? first + stretch : row.vocabulary;
    unsigned long long total = 0;
    for (int id = first + lane; id < end; id += 32) {
        if (is_kept(kept, key_of(row.logits[id]), id)) total += value_of(row, row.logits[id], by_weight);
    }

    total = warp_total(total);
    if (lane == 0) shared->sums[0][warp_of_block()] = total;
    block_barrier();
    unsigned long long before = 0;
    for (int warp = 0; warp < (int)warp_of_block(); warp++) before += shared->sums[0][warp];
    if (before <= threshold && before + total > threshold) {
        for (; first < end; first += 32) {
            int id = first + lane;
            unsigned long long running = 0;
            if (id < end && is_kept(kept, key_of(row.logits[id]), id)) running = value_of(row, row.logits[id], by_weight);
            #pragma unroll
            for (int distance = 1; distance < 32; distance *= 2) {
                unsigned long long left = shuffle_from(running, (unsigned int)(lane - distance) & 31);
                running += lane >= distance ? left : 0;
            }

            unsigned int exceeding = ballot(before + running > threshold);
            if (exceeding != 0) {
                if (lane == 0) shared->found = first + trailing_zeros(exceeding);
                break;
            }

            before += shuffle_from(running, 31);
        }
    }

    block_barrier();
    int found = shared->found;
    block_barrier();
    return found;
}

// Of the kept ids the fewest, largest logits first and lower ids first among equals, whose values together reach the target: the largest key
// from which on they do, two bits at a time, then the ids that have just this key.
DEVICE Kept keep(const Row& row, Kept kept, bool by_weight, unsigned long long target, Shared* shared) {
    unsigned int key = 0;
    unsigned long long above = 0;
    for (int shift = 30; shift >= 0; shift -= 2) {
        unsigned int bounds[3] = {key | 1u << shift, key | 2u << shift, key | 3u << shift};
        unsigned long long totals[3];
        totals_from(totals, bounds, row, kept, by_weight, shared);
        int digit = totals[2] >= target ? 3 : totals[1] >= target ? 2 : totals[0] >= target ? 1 : 0;
        above = digit == 0 ? totals[0] : digit == 1 ? totals[1] : digit == 2 ? totals[2] : above;
        key |= (unsigned int)digit << shift;
    }

    Kept ties = {key, key, key == kept.lowest ? kept.end : row.vocabulary};
    return {key, highest_key, find(row, ties, by_weight, target - above - 1, shared) + 1};
}

DEVICE unsigned long long total_weight(const Row& row, Kept kept, Shared* shared) {
    unsigned int bounds[3] = {kept.lowest, highest_key, highest_key};
    unsigned long long totals[3];
    totals_from(totals, bounds, row, kept, true, shared);
    return totals[0];
}

// The smallest whole number that is at least share / 2^64 of v.
DEVICE unsigned long long share_of(unsigned long long v, unsigned long long share) {
    return multiply_high(v, share) + (v * share != 0);
}

DEVICE int draw(const Row& row, float uniform, int top_k, unsigned long long top_p, Shared* shared) {
    Kept kept = {0, highest_key, row.vocabulary};
    if (top_k > 0 && top_k < row.vocabulary) kept = keep(row, kept, false, (unsigned long long)top_k, shared);
    if (top_p != 0) kept = keep(row, kept, true, share_of(total_weight(row, kept, shared), top_p), shared);
    unsigned long long threshold = multiply_high(total_weight(row, kept, shared), (unsigned long long)(uniform * 18446744073709551616.0f));
    return find(row, kept, true, threshold, shared);
}

// NaN where one is there.
DEVICE float largest_logit(const float* logits, int vocabulary, Shared* shared) {
    float largest = bits_to_float(0xFF800000u);
    for (int first = (int)thread_x(); first < vocabulary; first += loads_at_once * (int)threads_x()) {
        float v[loads_at_once];
        load_logits(v, logits, first, vocabulary);
        #pragma unroll
        for (int k = 0; k < loads_at_once; k++) largest = maximum_or_nan(largest, v[k]);
    }

    #pragma unroll
    for (unsigned int mask = 16; mask > 0; mask >>= 1) largest = maximum_or_nan(largest, shuffle_xor(largest, mask));
    if (lane_of_warp() == 0) shared->largest[warp_of_block()] = largest;
    block_barrier();
    for (unsigned int warp = 0; warp < threads_x() / 32; warp++) largest = maximum_or_nan(largest, shared->largest[warp]);
    return largest;
}

// The token is -1 where a logit is NaN or +inf or none is finite, -2 where the uniform number is outside [0, 1); its log-probability is NaN.
// greedy: temperature 0. top_k 0 and top_p 0 keep all; top_p is a fraction of 2^64. Shared memory: sizeof(Shared) and 8 bytes for each 512
// logits.
//   tokens (rows)   log_probabilities (rows)   logits (rows, vocabulary)   uniforms (rows)
KERNEL BOUNDS(512, 1) sample_forward_f32(
    int* tokens, float* log_probabilities, const float* logits, const float* uniforms, int vocabulary, int greedy, float temperature, int top_k,
    unsigned long long top_p) {
    SHARED_MEMORY(memory);
    Shared* shared = (Shared*)memory;
    int n = (int)block_x();
    logits += (long long)n * vocabulary;
    Row row = {logits, vocabulary, largest_logit(logits, vocabulary, shared), temperature};
    float uniform = uniforms[n];
    bool has_probabilities = absolute(row.largest) < bits_to_float(0x7F800000u);
    if (!has_probabilities || !(uniform >= 0.0f && uniform < 1.0f)) {
        if (thread_x() == 0) {
            tokens[n] = has_probabilities ? -2 : -1;
            log_probabilities[n] = bits_to_float(0x7FC00000u);
        }

        return;
    }

    int blocks = (vocabulary + log_sum_exp_block - 1) / log_sum_exp_block;
    for (int b = (int)warp_of_block(); b < blocks; b += (int)(threads_x() / 32)) {
        LogSumExp block = block_of_logits(logits + b * log_sum_exp_block, vocabulary - b * log_sum_exp_block);
        if (lane_of_warp() == 0) shared->blocks[b] = block;
    }

    unsigned int largest_key = key_of(row.largest);
    int token = greedy ? find(row, {largest_key, largest_key, vocabulary}, false, 0, shared) : draw(row, uniform, top_k, top_p, shared);
    if (thread_x() != 0) return;

    LogSumExp sum = empty_log_sum_exp();
    for (int b = 0; b < blocks; b++) join(sum, shared->blocks[b]);
    tokens[n] = token;
    log_probabilities[n] = log_probability(sum, logits[token]);
}
