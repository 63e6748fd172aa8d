// The inner loops of the sparse kernels, over contiguous float rows of any width. Compiled for several vector widths.
#pragma once

#include <cstdint>

namespace prisma {

constexpr int kLanes = 64;  // Columns that a scan for large entries takes side by side.

// y += Σ coefs[j] · base[index[j]], rows of the base `width` apart.
void add_rows(float* y, const float* base, const int64_t* index, const float* coefs, int64_t count, int64_t width);

// out[j] = x · base[index[j]].
void dot_rows(const float* x, const float* base, const int64_t* index, int64_t count, int64_t width, float* out);

float dot(const float* x, const float* y, int64_t width);

// y += a·x.
void add_scaled(float* y, float a, const float* x, int64_t width);

// y ·= a.
void scale(float* y, float a, int64_t width);

// gradient = factor·(value − target); gives Σ (value − target)².
double error_row(const float* value, const float* target, float factor, float* gradient, int64_t width);

// An order-preserving integer of x + bias: zeros are equal, NaN is the largest of all, as torch ranks it. The bias may be null.
int32_t rank_of(const float* x, const float* bias, int64_t column);

// Largest rank of `height` columns that lie kLanes apart: kLanes maxima for columns [0, kLanes·height).
void block_maxima(const float* x, const float* bias, int height, int32_t* maxima);

// An order-preserving integer of a number, as rank_of gives it.
int32_t rank_of_value(float z);

// Bounds of a row's entries: z = x + bias lies within ±(length·deltas + delta·lengths + rounding). Adds to `lower` and `upper` the largest rank of
// the lower and upper ends of `height` columns that lie kLanes apart.
struct RowBounds {
    float length, delta;
    const float* deltas;
    const float* lengths;
};
void block_bounds(const float* x, const float* bias, const RowBounds& bounds, int64_t column, int height, int32_t* lower, int32_t* upper);

// The upper end of one entry.
float upper_end(const float* x, const float* bias, const RowBounds& bounds, int64_t column);

// Whether x + bias > limit (or is NaN) in any of `count` columns; with bounds, whether the upper end is.
bool any_above(const float* x, const float* bias, const float* limit, int64_t count);
bool any_end_above(const float* x, const float* bias, const RowBounds& bounds, int64_t column, const float* limit, int64_t count);

// How one row of parameters follows its gradient, in the numbers that the loops use; each is rounded to float once.
struct Update {
    float beta1, rest1;    // β1 and 1 − β1
    float beta2, rest2;    // β2 and 1 − β2
    float step, root, epsilon;  // rate / (1 − β1ᵗ), 1 / √(1 − β2ᵗ), ε
    float join, keep;      // decay that joins the gradient; what decoupled decay leaves of a parameter
};

// Adam as torch computes it: m, v, then w −= step · m / (√v · root + ε).
void adam_row(float* w, float* m, float* v, const float* gradient, int64_t width, const Update& update);

// w −= step · sign(m) after m = β1·m + (1 − β1)·g.
void signum_row(float* w, float* m, const float* gradient, int64_t width, const Update& update);

}  // namespace prisma
