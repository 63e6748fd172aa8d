// Elementary functions without branches and calls, so that a loop over them is done in vectors.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>

#include "platform.h"

namespace prisma {

// eˣ for x ≤ 0 within 2 ulp: 2ⁿ·eʳ with |r| ≤ ln 2 / 2. Far below zero it is 0, as a masked score's is.
PRISMA_INLINE float exponential(float x) {
    constexpr float round = 12582912.0f;  // 1.5·2²³: adding it leaves the nearest whole number in the low bits
    const float n = (x * 1.44269504f + round) - round;
    const float r = (x - n * 0.693359375f) + n * 2.12194440e-4f;
    float p = 1.9875691500e-4f;
    p = p * r + 1.3981999507e-3f;
    p = p * r + 8.3334519073e-3f;
    p = p * r + 4.1665795894e-2f;
    p = p * r + 1.6666665459e-1f;
    p = p * r + 5.0000001201e-1f;
    p = p * r * r + r + 1.0f;
    const int32_t power = (static_cast<int32_t>(n) + 127) << 23;
    float scale;
    std::memcpy(&scale, &power, sizeof scale);
    return x < -87.0f ? 0.0f : p * scale;
}

// The others within some 2e-7.
PRISMA_INLINE float sigmoid(float x) {
    const float e = exponential(-std::fabs(x));
    return (x < 0 ? e : 1.0f) / (1.0f + e);
}

PRISMA_INLINE float hyperbolic_tangent(float x) {
    const float e = exponential(-2.0f * std::fabs(x));
    return std::copysign((1.0f - e) / (1.0f + e), x);
}

// Abramowitz and Stegun 7.1.26.
PRISMA_INLINE float error_function(float x) {
    const float size = std::fabs(x), t = 1.0f / (1.0f + 0.3275911f * size);
    const float p = t * (0.254829592f + t * (-0.284496736f + t * (1.421413741f + t * (-1.453152027f + t * 1.061405429f))));
    return std::copysign(1.0f - p * exponential(-size * size), x);
}

}  // namespace prisma
