#include "lanes.h"

#include <climits>
#include <cmath>
#include <cstring>

#include "platform.h"

namespace prisma {

namespace {

inline int32_t ranked(float z) {
    z += 0.0f;  // −0 becomes +0
    int32_t bits;
    std::memcpy(&bits, &z, sizeof bits);
    const int32_t ordered = bits ^ ((bits >> 31) & INT_MAX);
    return (bits & INT_MAX) > 0x7f800000 ? INT_MAX : ordered;
}

// Rounding of the sum with the bias, here and in the exact value, is 2⁻²⁴ of it each, and of the bound's ends as much again; sums that pair products take as
// zero are lost.
inline float half_width(float z, const RowBounds& bounds, int64_t column) {
    return bounds.length * bounds.deltas[column] + bounds.delta * bounds.lengths[column] + std::fabs(z) * 5e-7f + 1e-30f;
}

}  // namespace

int32_t rank_of_value(float z) { return ranked(z); }

int32_t rank_of(const float* x, const float* bias, int64_t column) { return ranked(bias ? x[column] + bias[column] : x[column]); }

// Four rows at a time, so that y is read and written once for four.
PRISMA_WIDE_FUSED void add_rows(float* y, const float* base, const int64_t* index, const float* coefs, int64_t count, int64_t width) {
    int64_t j = 0;
    for (; j + 4 <= count; j += 4) {
        const float *p = base + index[j] * width, *q = base + index[j + 1] * width, *r = base + index[j + 2] * width,
                    *s = base + index[j + 3] * width;
        const float a = coefs[j], b = coefs[j + 1], c = coefs[j + 2], e = coefs[j + 3];
#pragma omp simd
        for (int64_t i = 0; i < width; ++i) y[i] += (a * p[i] + b * q[i]) + (c * r[i] + e * s[i]);
    }
    for (; j < count; ++j) {
        const float* p = base + index[j] * width;
        const float a = coefs[j];
#pragma omp simd
        for (int64_t i = 0; i < width; ++i) y[i] += a * p[i];
    }
}

// Rows that are left over at the end go through the same loop beside copies of themselves: a sum has the same bits wherever its row stands in the
// list, so that equal rows tie.
PRISMA_WIDE_FUSED void dot_rows(const float* x, const float* base, const int64_t* index, int64_t count, int64_t width, float* out) {
    for (int64_t j = 0; j < count; j += 4) {
        const int64_t last = count - 1 - j;
        const float* const rows[] = {base + index[j] * width, base + index[j + (last < 1 ? last : 1)] * width,
                                     base + index[j + (last < 2 ? last : 2)] * width, base + index[j + (last < 3 ? last : 3)] * width};
        const float *p = rows[0], *q = rows[1], *r = rows[2], *s = rows[3];
        float a = 0, b = 0, c = 0, e = 0;
#pragma omp simd reduction(+ : a, b, c, e)
        for (int64_t i = 0; i < width; ++i) {
            a += x[i] * p[i];
            b += x[i] * q[i];
            c += x[i] * r[i];
            e += x[i] * s[i];
        }
        const float sums[] = {a, b, c, e};
        for (int64_t k = 0; k <= last && k < 4; ++k) out[j + k] = sums[k];
    }
}

PRISMA_WIDE_FUSED float dot(const float* x, const float* y, int64_t width) {
    float sum = 0;
#pragma omp simd reduction(+ : sum)
    for (int64_t i = 0; i < width; ++i) sum += x[i] * y[i];
    return sum;
}

PRISMA_WIDE_FUSED void add_scaled(float* y, float a, const float* x, int64_t width) {
#pragma omp simd
    for (int64_t i = 0; i < width; ++i) y[i] += a * x[i];
}

PRISMA_WIDE_FUSED void scale(float* y, float a, int64_t width) {
#pragma omp simd
    for (int64_t i = 0; i < width; ++i) y[i] *= a;
}

PRISMA_WIDE_FUSED double error_row(const float* value, const float* target, float factor, float* gradient, int64_t width) {
    float sum = 0;
#pragma omp simd reduction(+ : sum)
    for (int64_t i = 0; i < width; ++i) {
        const float e = value[i] - target[i];
        sum += e * e;
        gradient[i] = factor * e;
    }
    return sum;
}

PRISMA_WIDE_FUSED void block_maxima(const float* x, const float* bias, int height, int32_t* maxima) {
    int32_t best[kLanes];
    for (int l = 0; l < kLanes; ++l) best[l] = INT_MIN;
    for (int t = 0; t < height; ++t, x += kLanes) {
        if (bias) {
            for (int l = 0; l < kLanes; ++l) {
                const int32_t rank = ranked(x[l] + bias[l]);
                best[l] = rank > best[l] ? rank : best[l];
            }
            bias += kLanes;
        } else {
            for (int l = 0; l < kLanes; ++l) {
                const int32_t rank = ranked(x[l]);
                best[l] = rank > best[l] ? rank : best[l];
            }
        }
    }
    std::memcpy(maxima, best, sizeof best);
}

float upper_end(const float* x, const float* bias, const RowBounds& bounds, int64_t column) {
    const float z = bias ? x[column] + bias[column] : x[column];
    return z + half_width(z, bounds, column);
}

PRISMA_WIDE_FUSED void block_bounds(const float* x, const float* bias, const RowBounds& bounds, int64_t column, int height, int32_t* lower,
                                    int32_t* upper) {
    int32_t low[kLanes], high[kLanes];
    const RowBounds b = bounds;
    for (int l = 0; l < kLanes; ++l) low[l] = high[l] = INT_MIN;
    for (int t = 0; t < height; ++t, column += kLanes) {
        for (int l = 0; l < kLanes; ++l) {
            const float z = bias ? x[column + l] + bias[column + l] : x[column + l];
            const float half = half_width(z, b, column + l);
            const int32_t from = ranked(z - half), to = ranked(z + half);
            low[l] = from > low[l] ? from : low[l];
            high[l] = to > high[l] ? to : high[l];
        }
    }
    std::memcpy(lower, low, sizeof low);
    std::memcpy(upper, high, sizeof high);
}

PRISMA_WIDE_FUSED bool any_end_above(const float* x, const float* bias, const RowBounds& bounds, int64_t column, const float* limit,
                                     int64_t count) {
    int any = 0;
    const RowBounds b = bounds;
#pragma omp simd reduction(| : any)
    for (int64_t i = 0; i < count; ++i) {
        const float z = bias ? x[column + i] + bias[column + i] : x[column + i];
        any |= z + half_width(z, b, column + i) <= limit[column + i] ? 0 : 1;
    }
    return any != 0;
}

PRISMA_WIDE_FUSED bool any_above(const float* x, const float* bias, const float* limit, int64_t count) {
    int any = 0;
    if (bias) {
#pragma omp simd reduction(| : any)
        for (int64_t i = 0; i < count; ++i) any |= x[i] + bias[i] <= limit[i] ? 0 : 1;
    } else {
#pragma omp simd reduction(| : any)
        for (int64_t i = 0; i < count; ++i) any |= x[i] <= limit[i] ? 0 : 1;
    }
    return any != 0;
}

PRISMA_WIDE_FUSED void adam_row(float* w, float* m, float* v, const float* gradient, int64_t width, const Update& update) {
    const Update u = update;
#pragma omp simd
    for (int64_t i = 0; i < width; ++i) {
        const float g = gradient[i] + u.join * w[i];
        const float mean = u.beta1 * m[i] + u.rest1 * g;
        const float square = u.beta2 * v[i] + u.rest2 * (g * g);
        m[i] = mean;
        v[i] = square;
        w[i] = u.keep * w[i] - u.step * mean / (std::sqrt(square) * u.root + u.epsilon);
    }
}

PRISMA_WIDE_FUSED void signum_row(float* w, float* m, const float* gradient, int64_t width, const Update& update) {
    const Update u = update;
#pragma omp simd
    for (int64_t i = 0; i < width; ++i) {
        const float mean = u.beta1 * m[i] + u.rest1 * (gradient[i] + u.join * w[i]);
        m[i] = mean;
        w[i] -= mean > 0 ? u.step : mean < 0 ? -u.step : 0;
    }
}

}  // namespace prisma
