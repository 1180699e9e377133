#include "pieces.cuh"

struct SgdConstants { float scale, limit, keep, rate; };

// One weight: its master in place. Products and differences are rounded one by one, as on the CPU.
DEVICE void sgd(float& master, float gradient, SgdConstants a) {
    float g = minimum_or_nan(maximum_or_nan(gradient * a.scale, -a.limit), a.limit);
    float kept = master * a.keep;
    float moved = g * a.rate;
    master = kept - moved;
}

// Threads as in pieces.cuh, with pieces of 4 elements. Writes the rounded master to weight and zeroes the gradient.
//   weight, master, gradient (elements); weight may be master
template <typename T> DEVICE void sgd_update(T* weight, float* master, float* gradient, long long elements, SgdConstants a) {
    const int count = 4;
    long long start = flat_start(count);
    if (is_full(start, count, elements) && is_aligned_16(weight, master, gradient)) {
        Raw<float, count> raw_w[flat_pieces], raw_g[flat_pieces];
        load_flat(raw_g, gradient + start);
        load_flat(raw_w, master + start);
        #pragma unroll
        for (int k = 0; k < flat_pieces; k++) {
            float w[count], g[count];
            widen_raw(w, raw_w[k]);
            widen_raw(g, raw_g[k]);
            #pragma unroll
            for (int i = 0; i < count; i++) {
                sgd(w[i], g[i], a);
                g[i] = 0.0f;
            }

            store_flat(master + start, k, w);
            if ((void*)weight != (void*)master) store_flat(weight + start, k, w);
            store_flat(gradient + start, k, g);
        }

        return;
    }

    for (long long i = start + thread_x(); i < flat_end(start, count, elements); i += flat_threads) {
        float w = master[i];
        sgd(w, gradient[i], a);
        master[i] = w;
        store(&weight[i], w);
        gradient[i] = 0.0f;
    }
}

KERNEL BOUNDS(256, 4) sgd_update_f32(
    float* weight, float* master, float* gradient, long long elements, float scale, float limit, float keep, float rate) {
    sgd_update(weight, master, gradient, elements, {scale, limit, keep, rate});
}
KERNEL BOUNDS(256, 4) sgd_update_bf16(
    bf16* weight, float* master, float* gradient, long long elements, float scale, float limit, float keep, float rate) {
    sgd_update(weight, master, gradient, elements, {scale, limit, keep, rate});
}
KERNEL BOUNDS(256, 4) sgd_update_f16(
    f16* weight, float* master, float* gradient, long long elements, float scale, float limit, float keep, float rate) {
    sgd_update(weight, master, gradient, elements, {scale, limit, keep, rate});
}
