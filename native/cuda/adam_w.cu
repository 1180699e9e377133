#include "codes.cuh"
#include "numbers.cuh"
#include "pieces.cuh"

struct AdamWConstants { float scale, beta1, rest1, beta2, rest2, keep, rate, root, epsilon; };

// One weight: its master and both moments in place. In PyTorch's order of operations; a product is fused into a sum where the CPU does it.
DEVICE void adam_w(float& master, float& first_moment, float& second_moment, float gradient, AdamWConstants a) {
    float g = gradient * a.scale;
    float m = fused(g, a.rest1, first_moment * a.beta1);
    float decayed = second_moment * a.beta2;
    float square = g * a.rest2 * g;
    float v = decayed + square;
    float kept = master * a.keep;
    master = kept - m * a.rate / (square_root(v) / a.root + a.epsilon);
    first_moment = m;
    second_moment = v;
}

// What the second moment is before it is stored: as it is, or, where bf16 would never move, rounded at random.
struct AsItIs { DEVICE float of(float v, unsigned int, unsigned int) { return v; } };
struct AtRandom { DEVICE float of(float v, unsigned int seed, unsigned int i) { return rounded_at_random(v, seed, i); } };

// Threads as in pieces.cuh, with pieces of 4 elements. Writes the rounded master to weight and zeroes the gradient.
//   weight, master, first_moment, second_moment, gradient (elements); weight may be master
template <typename Rounding, typename T, typename M>
DEVICE void adam_w_update(
    T* weight, float* master, M* first_moment, M* second_moment, float* gradient, long long elements, unsigned int seed, AdamWConstants a) {
    const int count = 4;
    long long start = flat_start(count);
    if (is_full(start, count, elements) && is_aligned_16(weight, master, first_moment) && is_aligned_16(second_moment, gradient)) {
        Raw<float, count> raw_w[flat_pieces], raw_g[flat_pieces];
        Raw<M, count> raw_m[flat_pieces], raw_v[flat_pieces];
        load_flat(raw_g, gradient + start);
        load_flat(raw_m, first_moment + start);
        load_flat(raw_v, second_moment + start);
        load_flat(raw_w, master + start);
        #pragma unroll
        for (int k = 0; k < flat_pieces; k++) {
            float w[count], m[count], v[count], g[count];
            widen_raw(w, raw_w[k]);
            widen_raw(m, raw_m[k]);
            widen_raw(v, raw_v[k]);
            widen_raw(g, raw_g[k]);
            unsigned int first = (unsigned int)start + (k * flat_threads + thread_x()) * count;
            #pragma unroll
            for (int i = 0; i < count; i++) {
                adam_w(w[i], m[i], v[i], g[i], a);
                v[i] = Rounding::of(v[i], seed, first + i);
                g[i] = 0.0f;
            }

            store_flat(first_moment + start, k, m);
            store_flat(second_moment + start, k, v);
            store_flat(master + start, k, w);
            if ((void*)weight != (void*)master) store_flat(weight + start, k, w);
            store_flat(gradient + start, k, g);
        }

        return;
    }

    for (long long i = start + thread_x(); i < flat_end(start, count, elements); i += flat_threads) {
        float w = master[i], m = widen(first_moment[i]), v = widen(second_moment[i]);
        adam_w(w, m, v, gradient[i], a);
        store(&first_moment[i], m);
        store(&second_moment[i], Rounding::of(v, seed, (unsigned int)i));
        master[i] = w;
        store(&weight[i], w);
        gradient[i] = 0.0f;
    }
}

struct Shared { Codes first, second; float first_places[32], second_places[32]; };

// The same with moments in codes, the second without sign. Blocks and threads as in codes.cuh, 4352 bytes of shared memory.
//   first_codes, second_codes (elements)   first_scales, second_scales (blocks)
template <typename T>
DEVICE void adam_w_update_codes(
    T* weight, float* master, unsigned char* first_codes, unsigned char* second_codes, float* first_scales, float* second_scales, float* gradient,
    long long elements, AdamWConstants a) {
    SHARED_MEMORY(memory);
    Shared& shared = *(Shared*)memory;
    CodeBlock block = this_code_block(elements);
    bool is_whole = block.is_full && is_aligned_16(weight, master, gradient) && is_aligned_16(first_codes, second_codes);
    unsigned char* first_block = first_codes + block.start;
    unsigned char* second_block = second_codes + block.start;
    BlockPart w, m, v, g;
    load_part(w, master + block.start, block.elements, is_whole);
    load_part(g, gradient + block.start, block.elements, is_whole);
    fill_codes(shared.first, true);
    fill_codes(shared.second, false);
    block_barrier();
    decode_part(m, first_block, first_scales[block_x()], shared.first, block.elements, is_whole);
    decode_part(v, second_block, second_scales[block_x()], shared.second, block.elements, is_whole);
    #pragma unroll
    for (int k = 0; k < 2; k++) {
        #pragma unroll
        for (int i = 0; i < 4; i++) {
            adam_w(w.v[k][i], m.v[k][i], v.v[k][i], g.v[k][i], a);
            if (code_piece(k) + i >= block.elements) m.v[k][i] = v.v[k][i] = 0.0f;
            g.v[k][i] = 0.0f;
        }
    }

    store_part(master + block.start, w, block.elements, is_whole);
    if ((void*)weight != (void*)master) store_part(weight + block.start, w, block.elements, is_whole);
    store_part(gradient + block.start, g, block.elements, is_whole);
    encode_part(first_block, first_scales + block_x(), m, shared.first, shared.first_places, block.elements, is_whole);
    encode_part(second_block, second_scales + block_x(), v, shared.second, shared.second_places, block.elements, is_whole);
}

KERNEL BOUNDS(256, 3) adam_w_update_f32(
    float* weight, float* master, float* first_moment, float* second_moment, float* gradient, long long elements,
    float scale, float beta1, float rest1, float beta2, float rest2, float keep, float rate, float root, float epsilon) {
    AdamWConstants a = {scale, beta1, rest1, beta2, rest2, keep, rate, root, epsilon};
    adam_w_update<AsItIs>(weight, master, first_moment, second_moment, gradient, elements, 0, a);
}
KERNEL BOUNDS(256, 3) adam_w_update_bf16(
    bf16* weight, float* master, float* first_moment, float* second_moment, float* gradient, long long elements,
    float scale, float beta1, float rest1, float beta2, float rest2, float keep, float rate, float root, float epsilon) {
    AdamWConstants a = {scale, beta1, rest1, beta2, rest2, keep, rate, root, epsilon};
    adam_w_update<AsItIs>(weight, master, first_moment, second_moment, gradient, elements, 0, a);
}
KERNEL BOUNDS(256, 3) adam_w_update_f16(
    f16* weight, float* master, float* first_moment, float* second_moment, float* gradient, long long elements,
    float scale, float beta1, float rest1, float beta2, float rest2, float keep, float rate, float root, float epsilon) {
    AdamWConstants a = {scale, beta1, rest1, beta2, rest2, keep, rate, root, epsilon};
    adam_w_update<AsItIs>(weight, master, first_moment, second_moment, gradient, elements, 0, a);
}

KERNEL BOUNDS(256, 3) adam_w_update_rounded_f32(
    float* weight, float* master, bf16* first_moment, bf16* second_moment, float* gradient, long long elements, unsigned int seed,
    float scale, float beta1, float rest1, float beta2, float rest2, float keep, float rate, float root, float epsilon) {
    AdamWConstants a = {scale, beta1, rest1, beta2, rest2, keep, rate, root, epsilon};
    adam_w_update<AtRandom>(weight, master, first_moment, second_moment, gradient, elements, seed, a);
}
KERNEL BOUNDS(256, 3) adam_w_update_rounded_bf16(
    bf16* weight, float* master, bf16* first_moment, bf16* second_moment, float* gradient, long long elements, unsigned int seed,
    float scale, float beta1, float rest1, float beta2, float rest2, float keep, float rate, float root, float epsilon) {
    AdamWConstants a = {scale, beta1, rest1, beta2, rest2, keep, rate, root, epsilon};
    adam_w_update<AtRandom>(weight, master, first_moment, second_moment, gradient, elements, seed, a);
}
KERNEL BOUNDS(256, 3) adam_w_update_rounded_f16(
    f16* weight, float* master, bf16* first_moment, bf16* second_moment, float* gradient, long long elements, unsigned int seed,
    float scale, float beta1, float rest1, float beta2, float rest2, float keep, float rate, float root, float epsilon) {
    AdamWConstants a = {scale, beta1, rest1, beta2, rest2, keep, rate, root, epsilon};
    adam_w_update<AtRandom>(weight, master, first_moment, second_moment, gradient, elements, seed, a);
}

KERNEL BOUNDS(256, 2) adam_w_update_codes_f32(
    float* weight, float* master, unsigned char* first_codes, unsigned char* second_codes, float* first_scales, float* second_scales,
    float* gradient, long long elements,
    float scale, float beta1, float rest1, float beta2, float rest2, float keep, float rate, float root, float epsilon) {
    AdamWConstants a = {scale, beta1, rest1, beta2, rest2, keep, rate, root, epsilon};
    adam_w_update_codes(weight, master, first_codes, second_codes, first_scales, second_scales, gradient, elements, a);
}
KERNEL BOUNDS(256, 2) adam_w_update_codes_bf16(
    bf16* weight, float* master, unsigned char* first_codes, unsigned char* second_codes, float* first_scales, float* second_scales,
    float* gradient, long long elements,
    float scale, float beta1, float rest1, float beta2, float rest2, float keep, float rate, float root, float epsilon) {
    AdamWConstants a = {scale, beta1, rest1, beta2, rest2, keep, rate, root, epsilon};
    adam_w_update_codes(weight, master, first_codes, second_codes, first_scales, second_scales, gradient, elements, a);
}
KERNEL BOUNDS(256, 2) adam_w_update_codes_f16(
    f16* weight, float* master, unsigned char* first_codes, unsigned char* second_codes, float* first_scales, float* second_scales,
    float* gradient, long long elements,
    float scale, float beta1, float rest1, float beta2, float rest2, float keep, float rate, float root, float epsilon) {
    AdamWConstants a = {scale, beta1, rest1, beta2, rest2, keep, rate, root, epsilon};
    adam_w_update_codes(weight, master, first_codes, second_codes, first_scales, second_scales, gradient, elements, a);
}
