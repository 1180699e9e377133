#include "pieces.cuh"

struct AdamWConstants { float scale, beta1, rest1, beta2, rest2, keep, rate, root, epsilon; };

// One weight: its master and both moments in place. In PyTorch's order of operations.
DEVICE void adam_w(float& master, float& first_moment, float& second_moment, float gradient, AdamWConstants a) {
    float g = gradient * a.scale;
    float m = fused(g, a.rest1, first_moment * a.beta1);
    float v = fused(g * a.rest2, g, second_moment * a.beta2);
    master = fused(master, a.keep, -(m * a.rate / (square_root(v) / a.root + a.epsilon)));
    first_moment = m;
    second_moment = v;
}

// Threads as in pieces.cuh, with pieces of 4 elements. Writes the rounded master to weight and zeroes the gradient.
//   weight, master, first_moment, second_moment, gradient (elements); weight may be master
template <typename T>
DEVICE void adam_w_update(
    T* weight, float* master, float* first_moment, float* second_moment, float* gradient, long long elements, AdamWConstants a) {
    const int count = 4;
    long long start = flat_start(count);
    if (is_full(start, count, elements) && is_aligned_16(weight, master, first_moment) && is_aligned_16(second_moment, gradient)) {
        Raw<float, count> raw_w[flat_pieces], raw_m[flat_pieces], raw_v[flat_pieces], raw_g[flat_pieces];
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
            #pragma unroll
            for (int i = 0; i < count; i++) {
                adam_w(w[i], m[i], v[i], g[i], a);
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
        float w = master[i];
        adam_w(w, first_moment[i], second_moment[i], gradient[i], a);
        master[i] = w;
        store(&weight[i], w);
        gradient[i] = 0.0f;
    }
}

KERNEL BOUNDS(256, 3) adam_w_update_f32(
    float* weight, float* master, float* first_moment, float* second_moment, float* gradient, long long elements,
    float scale, float beta1, float rest1, float beta2, float rest2, float keep, float rate, float root, float epsilon) {
    AdamWConstants a = {scale, beta1, rest1, beta2, rest2, keep, rate, root, epsilon};
    adam_w_update(weight, master, first_moment, second_moment, gradient, elements, a);
}
KERNEL BOUNDS(256, 3) adam_w_update_bf16(
    bf16* weight, float* master, float* first_moment, float* second_moment, float* gradient, long long elements,
    float scale, float beta1, float rest1, float beta2, float rest2, float keep, float rate, float root, float epsilon) {
    AdamWConstants a = {scale, beta1, rest1, beta2, rest2, keep, rate, root, epsilon};
    adam_w_update(weight, master, first_moment, second_moment, gradient, elements, a);
}
KERNEL BOUNDS(256, 3) adam_w_update_f16(
    f16* weight, float* master, float* first_moment, float* second_moment, float* gradient, long long elements,
    float scale, float beta1, float rest1, float beta2, float rest2, float keep, float rate, float root, float epsilon) {
    AdamWConstants a = {scale, beta1, rest1, beta2, rest2, keep, rate, root, epsilon};
    adam_w_update(weight, master, first_moment, second_moment, gradient, elements, a);
}
