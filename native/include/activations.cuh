// The functions between the halves of a feed-forward layer, in their own kernels and at the end of a product.
#pragma once
#include "numbers.cuh"

// max(x, 0); NaN stays NaN.
struct Relu {
    template <typename T> DEVICE float of(float x, T) { return x <= 0.0f ? 0.0f : x; }
};

// x * P(x) with the normal distribution P.
struct Gelu {
    template <typename T> DEVICE float of(float x, T type) {
        float density;
        return x * normal_distribution(x, density, type);
    }
};
