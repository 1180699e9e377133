// Numbers in 8 bits: blocks of 2048 elements share a scale, their largest magnitude, and each is the nearest of 256 values times the scale
// (BlockCodes.cs). A block of 256 threads takes one such block: thread t has the elements from 4 * t and from 1024 + 4 * t on.
#pragma once
#include "pieces.cuh"

const int code_block = 2048;
const int code_threads = 256;

// The values of DynamicCodes.cs, ascending: 0, 1, and for each of seven decades below 1 the middles of equal parts, half as many in each decade as
// in the one above.
struct CodeTable { float values[256]; };

constexpr CodeTable code_table(bool is_signed) {
    constexpr double decades[] = {1, 0.1, 0.01, 0.001, 0.0001, 0.00001, 0.000001};
    CodeTable table = {};
    int zero = is_signed ? 127 : 0;
    int above = zero + 1;
    for (int decade = 6; decade >= 0; decade--) {
        int parts = (is_signed ? 64 : 128) >> decade;
        for (int part = 0; part < parts; part++, above++) {
            table.values[above] = (float)((0.1 + 0.9 * (part + 0.5) / parts) * decades[decade]);
            if (is_signed) table.values[2 * zero - above] = -table.values[above];
        }
    }

    table.values[255] = 1.0f;
    return table;
}

__device__ constexpr CodeTable signed_codes = code_table(true);
__device__ constexpr CodeTable unsigned_codes = code_table(false);

// In shared memory, 2 KB: the values, and beside each the middle between it and the next, which what is nearer to the next exceeds. Without sign
// everything above zero is nearer to the next than zero is. Thread t fills place t; a block barrier makes it known.
struct Codes { float values[256], middles[256]; };

DEVICE void fill_codes(Codes& codes, bool is_signed) {
    const float* values = is_signed ? signed_codes.values : unsigned_codes.values;
    int t = (int)thread_x();
    codes.values[t] = values[t];
    codes.middles[t] = t == 255 || (t == 0 && !is_signed) ? 0.0f : (values[t] + values[t + 1]) / 2.0f;
}

// The number of middles below the value.
DEVICE unsigned int nearest_code(const Codes& codes, float value) {
    unsigned int code = 0;
    #pragma unroll
    for (unsigned int step = 128; step > 0; step /= 2) {
        if (value > codes.middles[code + step - 1]) code += step;
    }

    return code;
}

// A thread's elements of a block: its two pieces of 4. `left` counts the block's elements from a piece on, at most 0 where there are none; is_whole
// where all of the block's exist and lie at multiples of 16 bytes.
struct BlockPart { float v[2][4]; };

DEVICE int code_piece(int k) { return k * (code_block / 2) + (int)thread_x() * 4; }

DEVICE void load_part(BlockPart& part, const float* block, int elements, bool is_whole) {
    Words4 words[2];
    #pragma unroll
    for (int k = 0; k < 2; k++) words[k] = load_piece_or_part(block + code_piece(k), elements - code_piece(k), is_whole);
    #pragma unroll
    for (int k = 0; k < 2; k++) widen_piece(part.v[k], words[k], 0.0f);
}
template <typename T> DEVICE void store_part(T* block, const BlockPart& part, int elements, bool is_whole) {
    #pragma unroll
    for (int k = 0; k < 2; k++) {
        if (is_whole) {
            Raw<T, 4> raw;
            pack_raw(raw, part.v[k]);
            store_words(block + code_piece(k), raw.words);
        } else {
            #pragma unroll
            for (int i = 0; i < 4; i++) {
                if (code_piece(k) + i < elements) store(&block[code_piece(k) + i], part.v[k][i]);
            }
        }
    }
}

DEVICE void decode_part(BlockPart& part, const unsigned char* block, float scale, const Codes& codes, int elements, bool is_whole) {
    #pragma unroll
    for (int k = 0; k < 2; k++) {
        unsigned int four = 0;
        if (is_whole) {
            four = *(const unsigned int*)(block + code_piece(k));
        } else {
            for (int i = 0; i < 4; i++) {
                if (code_piece(k) + i < elements) four |= (unsigned int)block[code_piece(k) + i] << 8 * i;
            }
        }

        #pragma unroll
        for (int i = 0; i < 4; i++) part.v[k][i] = codes.values[four >> 8 * i & 255] * scale;
    }
}

// Writes the codes and, by one thread, the scale. Elements that do not exist are 0. `places` has room for 8 singles that no other thread uses between
// the last block barrier and the one here.
DEVICE void encode_part(
    unsigned char* block, float* scale, const BlockPart& part, const Codes& codes, float* places, int elements, bool is_whole) {
    float largest = 0.0f;
    #pragma unroll
    for (int k = 0; k < 2; k++) {
        #pragma unroll
        for (int i = 0; i < 4; i++) largest = maximum_or_nan(largest, absolute(part.v[k][i]));
    }

    for (unsigned int mask = 16; mask > 0; mask /= 2) largest = maximum_or_nan(largest, shuffle_xor(largest, mask));
    if (lane_of_warp() == 0) places[warp_of_block()] = largest;
    block_barrier();
    for (int warp = 0; warp < code_threads / 32; warp++) largest = maximum_or_nan(largest, places[warp]);
    if (thread_x() == 0) *scale = largest;
    #pragma unroll
    for (int k = 0; k < 2; k++) {
        unsigned int four = 0;
        #pragma unroll
        for (int i = 0; i < 4; i++) four |= nearest_code(codes, largest == 0.0f ? 0.0f : part.v[k][i] / largest) << 8 * i;
        if (is_whole) {
            *(unsigned int*)(block + code_piece(k)) = four;
        } else {
            for (int i = 0; i < 4; i++, four >>= 8) {
                if (code_piece(k) + i < elements) block[code_piece(k) + i] = (unsigned char)four;
            }
        }
    }
}

// Where the block of this launch's block starts, how many elements it has, and whether it is full.
struct CodeBlock { long long start; int elements; bool is_full; };

DEVICE CodeBlock this_code_block(long long elements) {
    long long start = (long long)block_x() * code_block;
    long long left = elements - start;
    return {start, left < code_block ? (int)left : code_block, left >= code_block};
}
