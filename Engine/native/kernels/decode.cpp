// Products of sparse rows (starts, indices, values) with a matrix of feature rows [features, width], and their gradients.
//
// Nested prefixes: group g ends at feature ends[g]; the prediction of prefix g uses the features below ends[g]. Entries are in ascending order of
// the feature where there is more than one group, so prefixes grow along a row; the last group ends at the number of features. What an entry of group g feels is the sum of the gradients of the predictions g and beyond.

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <vector>

#include "lanes.h"
#include "parallel.h"
#include "platform.h"

namespace {

using namespace prisma;

constexpr int64_t kRowsPerPiece = 16;

void start_row(float* y, const float* bias, int64_t width) {
    if (bias) std::memcpy(y, bias, width * sizeof(float));
    else std::fill(y, y + width, 0.0f);
}

bool in_range(const int64_t* starts, const int64_t* indices, int64_t rows, int64_t features) {
    for (int64_t e = 0; e < starts[rows]; ++e)
        if (indices[e] < 0 || indices[e] >= features) return false;
    return true;
}

// The first entry of [from, to) that lies beyond the prefix.
int64_t end_of_group(const int64_t* indices, int64_t from, int64_t to, int64_t end) {
    return std::lower_bound(indices + from, indices + to, end) - indices;
}

}  // namespace

// out[r] = bias + Σ values · matrix[index]. The bias may be null.
PRISMA_EXPORT int prisma_sparse_decode(const int64_t* starts, const int64_t* indices, const float* values, int64_t rows, const float* matrix,
                                       int64_t features, int64_t width, const float* bias, float* out, int threads) {
    if (starts == nullptr || matrix == nullptr || out == nullptr || rows < 0 || width < 1 || threads < 1 ||
        !in_range(starts, indices, rows, features))
        return kBadArgument;
    return guarded([&] {
        parallel(rows, kRowsPerPiece, threads, [&](int64_t begin, int64_t end) {
            for (int64_t r = begin; r < end; ++r) {
                start_row(out + r * width, bias, width);
                add_rows(out + r * width, matrix, indices + starts[r], values + starts[r], starts[r + 1] - starts[r], width);
            }
        });
        return static_cast<int>(kDone);
    });
}

// out[e] = gradients[group of e][row of e] · matrix[index of e]; gradients [groups, rows, width], summed from each prefix to the last.
PRISMA_EXPORT int prisma_sparse_dots(const int64_t* starts, const int64_t* indices, int64_t rows, const float* gradients, int64_t groups,
                                     const int64_t* ends, const float* matrix, int64_t width, float* out, int threads) {
    if (starts == nullptr || gradients == nullptr || ends == nullptr || matrix == nullptr || rows < 0 || groups < 1 || width < 1 ||
        threads < 1 || !in_range(starts, indices, rows, ends[groups - 1]))
        return kBadArgument;
    return guarded([&] {
        parallel(rows, kRowsPerPiece, threads, [&](int64_t begin, int64_t end) {
            for (int64_t r = begin; r < end; ++r) {
                int64_t e = starts[r];
                for (int64_t g = 0; g < groups; ++g) {
                    const int64_t stop = end_of_group(indices, e, starts[r + 1], ends[g]);
                    dot_rows(gradients + (g * rows + r) * width, matrix, indices + e, stop - e, width, out + e);
                    e = stop;
                }
            }
        });
        return static_cast<int>(kDone);
    });
}

// Predictions of every prefix, their errors and the gradients of Σ_g factors[g]/2 · Σ_r weight_r · ‖prediction_g − target‖², all while a row is
// in the cache: squares[g] = Σ_r weight_r·‖…‖², gradients [groups, rows, width] summed from each prefix to the last, code_gradients per entry.
PRISMA_EXPORT int prisma_sparse_error(const int64_t* starts, const int64_t* indices, const float* values, int64_t rows, const float* matrix,
                                      int64_t width, const float* bias, const float* target, const float* row_weights, int64_t groups,
                                      const int64_t* ends, const double* factors, double* squares, float* gradients, float* code_gradients,
                                      int threads) {
    if (starts == nullptr || matrix == nullptr || target == nullptr || ends == nullptr || factors == nullptr || squares == nullptr ||
        gradients == nullptr || rows < 0 || width < 1 || groups < 1 || threads < 1 || !in_range(starts, indices, rows, ends[groups - 1]))
        return kBadArgument;
    return guarded([&] {
        std::vector<double> per_row(rows * groups);
        parallel(rows, kRowsPerPiece, threads, [&](int64_t begin, int64_t end) {
            std::vector<float> y(width);
            std::vector<int64_t> cut(groups + 1);
            for (int64_t r = begin; r < end; ++r) {
                const float weight = row_weights ? row_weights[r] : 1.0f;
                start_row(y.data(), bias, width);
                cut[0] = starts[r];
                for (int64_t g = 0; g < groups; ++g) {
                    cut[g + 1] = end_of_group(indices, cut[g], starts[r + 1], ends[g]);
                    add_rows(y.data(), matrix, indices + cut[g], values + cut[g], cut[g + 1] - cut[g], width);
                    const float factor = static_cast<float>(factors[g] * weight);
                    per_row[r * groups + g] =
                        weight * error_row(y.data(), target + r * width, factor, gradients + (g * rows + r) * width, width);
                }
                for (int64_t g = groups - 1; g >= 0; --g) {
                    float* own = gradients + (g * rows + r) * width;
                    if (g + 1 < groups) add_scaled(own, 1.0f, gradients + ((g + 1) * rows + r) * width, width);
                    dot_rows(own, matrix, indices + cut[g], cut[g + 1] - cut[g], width, code_gradients + cut[g]);
                }
            }
        });
        std::fill(squares, squares + groups, 0.0);
        for (int64_t r = 0; r < rows; ++r)
            for (int64_t g = 0; g < groups; ++g) squares[g] += per_row[r * groups + g];
        return static_cast<int>(kDone);
    });
}
