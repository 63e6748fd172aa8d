// Gradients of a matrix of feature rows [features, width] that are never stored as a matrix, and the optimiser's step along them.
//
// A gradient is a sum of parts. A sparse part gives feature f the sum over its entries of coef · source[row]; entries are ordered by feature
// (counting sort, so that sums have one order). A dense part gives it source[f]. One pass makes each row's gradient in the cache, takes out what
// points along the parameter's row if asked, and moves the row and its memory; the total length for clipping needs a pass of its own before.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "lanes.h"
#include "parallel.h"
#include "platform.h"

// One part. Sparse: starts [features + 1], then per entry in order of features `order` (its place in coefs) and `rows` (its row of the source);
// where sources are given per group [groups, stride], the group of a feature is the first whose end lies beyond it. Dense: starts null.
struct prisma_row_part {
    const int64_t* starts;
    const int64_t* order;
    const int64_t* rows;
    const float* coefs;
    const float* source;
    const int64_t* ends;
    int64_t groups;
    int64_t stride;
};

// kind: 0 Adam, 1 AdamW, 2 sign of the momentum. project, unit: the number added to ‖w‖, negative for leaving it out.
struct prisma_row_update {
    int64_t kind;
    double rate, beta1, beta2, epsilon, decay, correction1, correction2, clip, project, unit;
};

namespace {

using namespace prisma;

constexpr int64_t kFeaturesPerPiece = 16;

struct Gradient {
    const prisma_row_part* parts;
    int64_t count, width;

    // Makes the gradient of feature f; scratch holds the coefficients.
    void make(int64_t f, float* g, std::vector<float>& scratch) const {
        std::fill(g, g + width, 0.0f);
        for (int64_t p = 0; p < count; ++p) {
            const auto& part = parts[p];
            if (part.starts == nullptr) {
                add_scaled(g, 1.0f, part.source + f * width, width);
                continue;
            }
            const int64_t begin = part.starts[f], size = part.starts[f + 1] - begin;
            if (size == 0) continue;
            scratch.resize(std::max<size_t>(scratch.size(), size));
            for (int64_t j = 0; j < size; ++j) scratch[j] = part.coefs[part.order[begin + j]];
            const int64_t group = part.groups > 1 ? std::upper_bound(part.ends, part.ends + part.groups, f) - part.ends : 0;
            add_rows(g, part.source + group * part.stride, part.rows + begin, scratch.data(), size, width);
        }
    }
};

// g −= (g·ŵ)ŵ with ŵ = w / (‖w‖ + number).
void project(float* g, const float* w, double number, int64_t width) {
    const double length = std::sqrt(static_cast<double>(dot(w, w, width))) + number;
    if (length > 0) add_scaled(g, static_cast<float>(-dot(g, w, width) / (length * length)), w, width);
}

// A sign step has no corrections, and only AdamW's decay is decoupled.
Update rounded(const prisma_row_update& rule) {
    const bool sign = rule.kind == 2, decoupled = rule.kind == 1;
    const double numbers[] = {rule.beta1, 1 - rule.beta1, rule.beta2, 1 - rule.beta2, sign ? rule.rate : rule.rate / rule.correction1,
                              1 / std::sqrt(rule.correction2), rule.epsilon, decoupled ? 0 : rule.decay,
                              decoupled ? 1 - rule.rate * rule.decay : 1};
    Update u{};
    float* const fields[] = {&u.beta1, &u.rest1, &u.beta2, &u.rest2, &u.step, &u.root, &u.epsilon, &u.join, &u.keep};
    for (int k = 0; k < 9; ++k) *fields[k] = static_cast<float>(numbers[k]);
    return u;
}

bool is_bad(const prisma_row_part* parts, int64_t count, int64_t features, int64_t width, int threads) {
    return parts == nullptr || count < 1 || features < 0 || width < 1 || threads < 1;
}

}  // namespace

// Orders entries by feature: starts [features + 1], and per entry its place in the rows' order and its row.
PRISMA_EXPORT int prisma_sparse_by_feature(const int64_t* row_starts, const int64_t* indices, int64_t rows, int64_t features, int64_t* starts,
                                           int64_t* order, int64_t* row_of_entry) {
    if (row_starts == nullptr || starts == nullptr || rows < 0 || features < 1) return kBadArgument;
    return guarded([&] {
        const int64_t entries = row_starts[rows];
        std::fill(starts, starts + features + 1, 0);
        for (int64_t e = 0; e < entries; ++e) {
            if (indices[e] < 0 || indices[e] >= features) return static_cast<int>(kBadArgument);
            ++starts[indices[e] + 1];
        }
        for (int64_t f = 0; f < features; ++f) starts[f + 1] += starts[f];
        std::vector<int64_t> next(starts, starts + features);
        for (int64_t r = 0; r < rows; ++r)
            for (int64_t e = row_starts[r]; e < row_starts[r + 1]; ++e) {
                const int64_t place = next[indices[e]]++;
                order[place] = e;
                row_of_entry[place] = r;
            }
        return static_cast<int>(kDone);
    });
}

// sums[f] = Σ of the feature's coefficients.
PRISMA_EXPORT int prisma_sparse_sums(const int64_t* starts, const int64_t* order, const float* coefs, int64_t features, float* sums) {
    if (starts == nullptr || sums == nullptr || features < 0) return kBadArgument;
    for (int64_t f = 0; f < features; ++f) {
        double sum = 0;
        for (int64_t j = starts[f]; j < starts[f + 1]; ++j) sum += coefs[order[j]];
        sums[f] = static_cast<float>(sum);
    }
    return kDone;
}

// The gradient as a matrix.
PRISMA_EXPORT int prisma_rows_dense(const prisma_row_part* parts, int64_t count, int64_t features, int64_t width, float* out, int threads) {
    if (is_bad(parts, count, features, width, threads) || out == nullptr) return kBadArgument;
    return guarded([&] {
        const Gradient gradient{parts, count, width};
        parallel(features, kFeaturesPerPiece, threads, [&](int64_t begin, int64_t end) {
            std::vector<float> scratch;
            for (int64_t f = begin; f < end; ++f) gradient.make(f, out + f * width, scratch);
        });
        return static_cast<int>(kDone);
    });
}

// Σ g² over all rows, after the projection where project is not negative.
PRISMA_EXPORT int prisma_rows_squares(const prisma_row_part* parts, int64_t count, int64_t features, int64_t width, const float* weights,
                                      double projects, double* sum, int threads) {
    if (is_bad(parts, count, features, width, threads) || sum == nullptr || (projects >= 0 && weights == nullptr)) return kBadArgument;
    return guarded([&] {
        const Gradient gradient{parts, count, width};
        std::vector<double> squares(features);
        parallel(features, kFeaturesPerPiece, threads, [&](int64_t begin, int64_t end) {
            std::vector<float> g(width), scratch;
            for (int64_t f = begin; f < end; ++f) {
                gradient.make(f, g.data(), scratch);
                if (projects >= 0) project(g.data(), weights + f * width, projects, width);
                squares[f] = dot(g.data(), g.data(), width);
            }
        });
        *sum = 0;
        for (const double square : squares) *sum += square;
        return static_cast<int>(kDone);
    });
}

// One step of every row, with or without entries: projection, clipping, the optimiser's rule, unit length. `square` is null for kind 2.
PRISMA_EXPORT int prisma_rows_update(const prisma_row_part* parts, int64_t count, int64_t features, int64_t width, float* weights, float* mean,
                                     float* square, const prisma_row_update* rule, int threads) {
    if (is_bad(parts, count, features, width, threads) || weights == nullptr || mean == nullptr || rule == nullptr || rule->kind < 0 ||
        rule->kind > 2 || (rule->kind != 2 && square == nullptr))
        return kBadArgument;
    return guarded([&] {
        const Gradient gradient{parts, count, width};
        const Update update = rounded(*rule);
        parallel(features, kFeaturesPerPiece, threads, [&](int64_t begin, int64_t end) {
            std::vector<float> g(width), scratch;
            for (int64_t f = begin; f < end; ++f) {
                float* w = weights + f * width;
                gradient.make(f, g.data(), scratch);
                if (rule->project >= 0) project(g.data(), w, rule->project, width);
                if (rule->clip != 1) scale(g.data(), static_cast<float>(rule->clip), width);
                if (rule->kind == 2) signum_row(w, mean + f * width, g.data(), width, update);
                else adam_row(w, mean + f * width, square + f * width, g.data(), width, update);
                if (rule->unit >= 0) scale(w, static_cast<float>(1 / (std::sqrt(static_cast<double>(dot(w, w, width))) + rule->unit)), width);
            }
        });
        return static_cast<int>(kDone);
    });
}
