// A flat tensor in blocks of 256 threads. A block takes 512 pieces of `count` elements; thread t has pieces t and t + 256, whose loads are
// all under way together. The last block, and every block where an address is not a multiple of 16, takes its elements one by one; a kernel
// computes both by one function, so bits do not depend on it.
#pragma once
#include "device.cuh"

const int flat_threads = 256;
const int flat_pieces = 2;

// The block's first element, whether all of its elements exist, and their end.
DEVICE long long flat_start(int count) { return (long long)block_x() * (flat_pieces * flat_threads) * count; }
DEVICE bool is_full(long long start, int count, long long elements) { return start + flat_pieces * flat_threads * count <= elements; }
DEVICE long long flat_end(long long start, int count, long long elements) {
    return is_full(start, count, elements) ? start + flat_pieces * flat_threads * count : elements;
}

// `count` elements as loaded: 16 bytes, or 8 where a 16-bit tensor keeps step with one of singles.
template <typename T, int count> struct Raw { Words4 words; };
template <> struct Raw<bf16, 4> { Words2 words; };
template <> struct Raw<f16, 4> { Words2 words; };

DEVICE void load_words(Words4& w, const void* p) { w = load_16(p); }
DEVICE void load_words(Words2& w, const void* p) { w = load_8(p); }
DEVICE void store_words(void* p, Words4 w) { store_16(p, w); }
DEVICE void store_words(void* p, Words2 w) { store_8(p, w); }

template <typename T, int count> DEVICE void widen_raw(float (&v)[count], Raw<T, count> raw) { widen_piece(v, raw.words, T()); }
DEVICE void widen_raw(float (&v)[4], Raw<bf16, 4> raw) { widen_pair(v[0], v[1], raw.words.x, bf16()); widen_pair(v[2], v[3], raw.words.y, bf16()); }
DEVICE void widen_raw(float (&v)[4], Raw<f16, 4> raw) { widen_pair(v[0], v[1], raw.words.x, f16()); widen_pair(v[2], v[3], raw.words.y, f16()); }
template <typename T, int count> DEVICE void pack_raw(Raw<T, count>& raw, const float (&v)[count]) { raw.words = pack_piece(v, T()); }
DEVICE void pack_raw(Raw<bf16, 4>& raw, const float (&v)[4]) { raw.words = {pack_bf16(v[0], v[1]), pack_bf16(v[2], v[3])}; }
DEVICE void pack_raw(Raw<f16, 4>& raw, const float (&v)[4]) { raw.words = {pack_f16(v[0], v[1]), pack_f16(v[2], v[3])}; }

// `block` is the first element of the block.
template <typename T, int count> DEVICE void load_flat(Raw<T, count> (&raw)[flat_pieces], const T* block) {
    #pragma unroll
    for (int k = 0; k < flat_pieces; k++) load_words(raw[k].words, block + (k * flat_threads + (int)thread_x()) * count);
}
template <typename T, int count> DEVICE void store_flat(T* block, int k, const float (&v)[count]) {
    Raw<T, count> raw;
    pack_raw(raw, v);
    store_words(block + (k * flat_threads + (int)thread_x()) * count, raw.words);
}

// y[i] = F::of(x[i]), and y[i] = F::of(a[i], b[i]), each with an element of T as last argument. y may be an input.
template <typename F, typename T> DEVICE void map_flat(T* y, const T* x, long long elements) {
    const int count = Piece<T>::count;
    long long start = flat_start(count);
    if (is_full(start, count, elements) && is_aligned_16(y, x)) {
        Raw<T, count> raw[flat_pieces];
        load_flat(raw, x + start);
        #pragma unroll
        for (int k = 0; k < flat_pieces; k++) {
            float v[count];
            widen_raw(v, raw[k]);
            #pragma unroll
            for (int i = 0; i < count; i++) v[i] = F::of(v[i], T());
            store_flat(y + start, k, v);
        }

        return;
    }

    for (long long i = start + thread_x(); i < flat_end(start, count, elements); i += flat_threads) store(&y[i], F::of(widen(x[i]), T()));
}
template <typename F, typename T> DEVICE void map_flat(T* y, const T* a, const T* b, long long elements) {
    const int count = Piece<T>::count;
    long long start = flat_start(count);
    if (is_full(start, count, elements) && is_aligned_16(y, a, b)) {
        Raw<T, count> raw_a[flat_pieces], raw_b[flat_pieces];
        load_flat(raw_a, a + start);
        load_flat(raw_b, b + start);
        #pragma unroll
        for (int k = 0; k < flat_pieces; k++) {
            float v[count], w[count];
            widen_raw(v, raw_a[k]);
            widen_raw(w, raw_b[k]);
            #pragma unroll
            for (int i = 0; i < count; i++) v[i] = F::of(v[i], w[i], T());
            store_flat(y + start, k, v);
        }

        return;
    }

    for (long long i = start + thread_x(); i < flat_end(start, count, elements); i += flat_threads) {
        store(&y[i], F::of(widen(a[i]), widen(b[i]), T()));
    }
}
