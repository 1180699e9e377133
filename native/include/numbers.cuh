// Exponentials, logarithms and the normal distribution. Where the last argument is a type, float asks for a unit in the last place and the
// 16-bit types for far less than their own rounding, from the machine's approximations.
#pragma once
#include "device.cuh"

DEVICE float power_of_two(int n) { return bits_to_float((unsigned int)(n + 127) << 23); }

// exp(x) within one unit in the last place, the operations of CpuMath.Exp: 2^n * exp(r), n = round(x / ln 2), |r| <= ln 2 / 2, and
// exp(r) = 1 + r + r^2 * q(r) with q of least relative error (3.1e-9). exp(0) = 1, exp(-inf) = 0, NaN stays NaN.
DEVICE float exponential(float x) {
    const float to_integer = 12582912.0f;   // 1.5 * 2^23: its sum with a small number has the nearest integer in the low bits
    x = minimum_or_nan(89.0f, maximum_or_nan(-104.0f, x));
    float shifted = fused(x, 1.4426950216293335f, to_integer);
    float n = shifted - to_integer;
    float r = fused(n, 1.9046542121259336e-09f, fused(n, -0.6931471824645996f, x));
    float q = fused(0.0013814599951729178f, r, 0.008368716575205326f);
    q = fused(q, r, 0.04166838899254799f);
    q = fused(q, r, 0.1666652113199234f);
    q = fused(q, r, 0.4999999403953552f);
    float e = fused(r * r, q, r) + 1.0f;

    // 2^n in two factors: n may be outside the exponents of normal numbers. Only the last product rounds.
    int exponent = (int)(float_to_bits(shifted) - float_to_bits(to_integer));
    int half = exponent >> 1;
    return e * power_of_two(half) * power_of_two(exponent - half);
}

// The natural logarithm of a positive normal number within one unit in the last place: e * ln 2 + log(1 + f), 1 + f in [1/sqrt(2), sqrt(2)),
// and log(1 + f) = f - f^2 / 2 + f^3 * q(f) with q of least relative error (5.9e-9), found by exchange.
DEVICE float logarithm(float x) {
    unsigned int bits = float_to_bits(x);
    int exponent = (int)(bits - 0x3F3504F3u) >> 23;
    float e = (float)exponent;
    float f = bits_to_float(bits - ((unsigned int)exponent << 23)) - 1.0f;
    float q = fused(-0.07634486258029938f, f, 0.12761564552783966f);
    q = fused(q, f, -0.13160181045532227f);
    q = fused(q, f, 0.14201760292053223f);
    q = fused(q, f, -0.1662335842847824f);
    q = fused(q, f, 0.20001226663589478f);
    q = fused(q, f, -0.2500081956386566f);
    q = fused(q, f, 0.3333333134651184f);
    float square = f * f;
    float rest = fused(e, -1.9046542121259336e-09f, fused(-0.5f, square, square * f * q));
    return fused(e, 0.6931471824645996f, f + rest);
}

DEVICE float exponential(float x, float) { return exponential(x); }
template <typename T> DEVICE float exponential(float x, T) { return fast_exp2(x * 1.4426950216293335f); }

DEVICE float reciprocal(float x, float) { return 1.0f / x; }
template <typename T> DEVICE float reciprocal(float x, T) { return fast_reciprocal(x); }

// sigmoid(x) and opposite = sigmoid(-x), through exp(-|x|), which cannot overflow.
template <typename T> DEVICE float sigmoid(float x, float& opposite, T type) {
    float e = exponential(-absolute(x), type);
    float large = reciprocal(1.0f + e, type);
    float small = e * large;
    opposite = x < 0.0f ? large : small;
    return x < 0.0f ? small : large;
}

// The normal distribution P(x) = (1 + erf(x / sqrt(2))) / 2 and its density, to about two units in the last place in the lower tail too:
// the operations of NormalDistribution in C#. The tail beyond t >= 0 is exp(-t^2 / 2) * u * g(u), u = 1 / (1 + 0.3 t); g is nearly
// constant, a polynomial of degree 9 with the least relative error for t <= 14.5 (3.5e-9). From there on exp(-t^2 / 2) is 0.
DEVICE float normal_distribution(float x, float& density, float) {
    float t = minimum_or_nan(20.0f, absolute(x));
    float square = t * t;
    float rest = fused(t, t, -square);
    float e = exponential(-0.5f * square);
    e = fused(e, -0.5f * rest, e);
    density = e * 0.3989422804014327f;

    float u = 1.0f / fused(0.3f, t, 1.0f);
    float g = fused(-0.020623482763767242f, u, 0.11243566870689392f);
    g = fused(g, u, -0.22821368277072906f);
    g = fused(g, u, 0.19178460538387299f);
    g = fused(g, u, -0.07942354679107666f);
    g = fused(g, u, 0.09615685045719147f);
    g = fused(g, u, 0.07838964462280273f);
    g = fused(g, u, 0.11023543030023575f);
    g = fused(g, u, 0.11957181990146637f);
    g = fused(g, u, 0.11968669295310974f);
    float tail = e * (u * g);
    return x < 0.0f ? tail : 1.0f - tail;
}

// The same with g of degree 5 (8.9e-6), exp2 and the reciprocal from the machine: 16-bit types round at 4.9e-4.
template <typename T> DEVICE float normal_distribution(float x, float& density, T type) {
    float t = minimum_or_nan(20.0f, absolute(x));
    float e = exponential(-0.5f * (t * t), type);
    density = e * 0.3989422804014327f;

    float u = fast_reciprocal(fused(0.3f, t, 1.0f));
    float g = fused(-0.07670053839683533f, u, 0.2148488312959671f);
    g = fused(g, u, -0.015597410500049591f);
    g = fused(g, u, 0.1434732973575592f);
    g = fused(g, u, 0.1139228418469429f);
    g = fused(g, u, 0.12005741894245148f);
    float tail = e * (u * g);
    return x < 0.0f ? tail : 1.0f - tail;
}

// Austin Appleby's finalizer of 32 bits (MurmurHash3).
DEVICE unsigned int mixed_bits(unsigned int bits) {
    bits = (bits ^ bits >> 16) * 0x85EBCA6Bu;
    bits = (bits ^ bits >> 13) * 0xC2B2AE35u;
    return bits ^ bits >> 16;
}

// A finite single to the bf16 below or above, away from zero with the share that keeps the mean: a random number below one step is added, and what is
// below a step cut off. The bits are a function of seed and element.
DEVICE float rounded_at_random(float v, unsigned int seed, unsigned int element) {
    return bits_to_float((float_to_bits(v) + (mixed_bits(seed + element * 0x9E3779B9u) & 0xFFFFu)) & 0xFFFF0000u);
}
