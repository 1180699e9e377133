#include "codes.cuh"

const int nf4_block = 64;
const int scale_block = 256;

// The 16 values of NF4 (Nf4Codes.cs).
__device__ constexpr float nf4_values[16] = {
    -1.0f, -0.6961928009986877f, -0.5250730514526367f, -0.39491748809814453f, -0.28444138169288635f, -0.18477343022823334f,
    -0.09105003625154495f, 0.0f, 0.07958029955625534f, 0.16093020141124725f, 0.24611230194568634f, 0.33791524171829224f,
    0.44070982933044434f, 0.5626170039176941f, 0.7229568362236023f, 1.0f};
const unsigned int zero_code = 7;

// y = value of its code * absmax of its block. Threads as in pieces.cuh; the values wait in shared memory, each in a bank of its own. 64 bytes.
//   y (elements)   codes ((elements + 1) / 2)   absmax (elements / 64 rounded up)
template <typename T> DEVICE void nf4_dequantize(T* y, const unsigned char* codes, const float* absmax, long long elements) {
    const int count = Piece<T>::count;
    SHARED_MEMORY(memory);
    float* values = (float*)memory;
    if (thread_x() < 16) values[thread_x()] = nf4_values[thread_x()];
    block_barrier();
    long long start = flat_start(count);
    if (is_full(start, count, elements) && is_aligned_16(y, codes)) {
        unsigned int raw[flat_pieces];
        float scales[flat_pieces];
        #pragma unroll
        for (int k = 0; k < flat_pieces; k++) {
            long long first = start + (k * flat_threads + (int)thread_x()) * count;
            raw[k] = count == 8 ? *(const unsigned int*)(codes + first / 2) : *(const unsigned short*)(codes + first / 2);
            scales[k] = absmax[first / nf4_block];
        }

        #pragma unroll
        for (int k = 0; k < flat_pieces; k++) {
            float v[count];
            #pragma unroll
            for (int i = 0; i < count; i++) v[i] = values[raw[k] >> 4 * (i ^ 1) & 15] * scales[k];      // the first is the byte's upper half
            store_flat(y + start, k, v);
        }

        return;
    }

    for (long long i = start + thread_x(); i < flat_end(start, count, elements); i += flat_threads) {
        unsigned int pair = codes[i / 2];
        store(&y[i], values[i % 2 == 0 ? pair >> 4 : pair & 15] * absmax[i / nf4_block]);
    }
}

// The number of middles between two values that lie below v.
DEVICE unsigned int nearest_nf4(float v) {
    unsigned int code = 0;
    #pragma unroll
    for (int i = 0; i < 15; i++) code += v > (nf4_values[i] + nf4_values[i + 1]) / 2.0f;
    return code;
}

// codes and absmax from x. Eight neighbouring threads share a block of 64 elements; blockDim.x = 256, gridDim.x = elements / 2048 rounded up.
template <typename T> DEVICE void nf4_quantize(unsigned char* codes, float* absmax, const T* x, long long elements) {
    const int count = Piece<T>::count;
    long long first = ((long long)block_x() * flat_threads + thread_x()) * 8;
    int left = elements - first < 8 ? (int)(elements - first) : 8;
    bool is_whole = left == 8 && is_aligned_16(x);
    float v[8];
    float largest = 0.0f;
    #pragma unroll
    for (int j = 0; j < 8; j += count) {
        float piece[count];
        widen_piece(piece, load_piece_or_part(x + first + j, left - j, is_whole), T());
        #pragma unroll
        for (int i = 0; i < count; i++) {
            v[j + i] = piece[i];
            largest = maximum_or_nan(largest, absolute(piece[i]));
        }
    }

    for (unsigned int mask = 4; mask > 0; mask /= 2) largest = maximum_or_nan(largest, shuffle_xor(largest, mask));
    if (left <= 0) return;

    if (first % nf4_block == 0) absmax[first / nf4_block] = largest;
    float inverse = 1.0f / largest;
    #pragma unroll
    for (int i = 0; i < 8; i += 2) {
        unsigned int high = largest == 0.0f ? zero_code : nearest_nf4(v[i] * inverse);
        unsigned int low = largest == 0.0f || i + 1 >= left ? zero_code : nearest_nf4(v[i + 1] * inverse);
        if (i < left) codes[(first + i) / 2] = (unsigned char)(high << 4 | low);
    }
}

KERNEL BOUNDS(256, 4) nf4_dequantize_f32(float* y, const unsigned char* codes, const float* absmax, long long elements) {
    nf4_dequantize(y, codes, absmax, elements);
}
KERNEL BOUNDS(256, 4) nf4_dequantize_bf16(bf16* y, const unsigned char* codes, const float* absmax, long long elements) {
    nf4_dequantize(y, codes, absmax, elements);
}
KERNEL BOUNDS(256, 4) nf4_dequantize_f16(f16* y, const unsigned char* codes, const float* absmax, long long elements) {
    nf4_dequantize(y, codes, absmax, elements);
}

KERNEL BOUNDS(256, 4) nf4_quantize_f32(unsigned char* codes, float* absmax, const float* x, long long elements) {
    nf4_quantize(codes, absmax, x, elements);
}
KERNEL BOUNDS(256, 4) nf4_quantize_bf16(unsigned char* codes, float* absmax, const bf16* x, long long elements) {
    nf4_quantize(codes, absmax, x, elements);
}
KERNEL BOUNDS(256, 4) nf4_quantize_f16(unsigned char* codes, float* absmax, const f16* x, long long elements) {
    nf4_quantize(codes, absmax, x, elements);
}

// absmax = value of its scale * that of its block of 256 + their mean.
// blockDim.x = 256, gridDim.x = blocks / 256 rounded up.
//   absmax, scales (blocks)   nested_scales (blocks / 256 rounded up)   offset (1)
KERNEL BOUNDS(256, 4) nf4_dequantize_scales_f32(
    float* absmax, const unsigned char* scales, const float* nested_scales, const float* offset, int blocks) {
    int b = (int)(block_x() * scale_block + thread_x());
    if (b >= blocks) return;

    float scaled = signed_codes.values[scales[b]] * nested_scales[block_x()];
    absmax[b] = scaled + *offset;
}

// The sum of each 256 of absmax in their order, one thread a sum: blockDim.x = 256, gridDim.x = sums / 256 rounded up.
//   sums (blocks / 256 rounded up)   absmax (blocks)
KERNEL BOUNDS(256, 4) nf4_sum_scales_f32(double* sums, const float* absmax, int blocks, int count) {
    int nested = (int)(block_x() * flat_threads + thread_x());
    if (nested >= count) return;

    double sum = 0.0;
    for (int b = nested * scale_block; b < blocks && b < (nested + 1) * scale_block; b++) sum += (double)absmax[b];
    sums[nested] = sum;
}

// offset = the mean of absmax, and what is left of each in units of its block's largest. A block of 256 threads takes 256 of absmax; every thread adds
// the sums in their order. 2176 bytes of shared memory.
//   scales (blocks)   nested_scales (count)   offset (1)   absmax (blocks)   sums (count)
KERNEL BOUNDS(256, 4) nf4_quantize_scales_f32(
    unsigned char* scales, float* nested_scales, float* offset, const float* absmax, const double* sums, int blocks, int count) {
    struct Shared { Codes codes; float places[32]; };
    SHARED_MEMORY(memory);
    Shared& shared = *(Shared*)memory;
    fill_codes(shared.codes, true);
    double sum = 0.0;
    for (int nested = 0; nested < count; nested++) sum += sums[nested];
    float mean = (float)(sum / (double)blocks);
    if (block_x() == 0 && thread_x() == 0) *offset = mean;

    int b = (int)(block_x() * scale_block + thread_x());
    float rest = b < blocks ? absmax[b] - mean : 0.0f;
    float largest = absolute(rest);
    for (unsigned int mask = 16; mask > 0; mask /= 2) largest = maximum_or_nan(largest, shuffle_xor(largest, mask));
    if (lane_of_warp() == 0) shared.places[warp_of_block()] = largest;
    block_barrier();
    for (int warp = 0; warp < scale_block / 32; warp++) largest = maximum_or_nan(largest, shared.places[warp]);
    if (thread_x() == 0) nested_scales[block_x()] = largest;
    if (b < blocks) scales[b] = (unsigned char)nearest_code(shared.codes, largest == 0.0f ? 0.0f : rest / largest);
}
