// Attention of one new token over the keys and values in memory: what a language model does in every block for each token that it makes. One call in
// place of twenty small operators, each of which costs more than its arithmetic. Sums are taken in single precision; every head is one thread's work
// in one order, so results do not depend on the number of threads.

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <limits>
#include <type_traits>
#include <vector>

#include "elementary.h"
#include "half.h"
#include "platform.h"
#include "team.h"
#include "token.h"

namespace {

using namespace prisma;

// What all heads of a call share.
struct Form {
    int64_t width, first, count;  // d_head; the first key that is seen; how many are
    float scale, cap;             // cap 0: none
};

constexpr int64_t kAtOnce = 4;         // rows: a query is read once for them, and what is mixed is read and written once
constexpr int64_t kBytesAhead = 8192;  // of rows that are asked for before their turn: memory answers in the time in which some kilobytes are read

// Rows of one head, [count, width], and those that will be read behind them.
template <class Number>
struct Rows {
    const Number* at;
    int64_t count, width;
    const Number* next;

    PRISMA_INLINE void ask(int64_t row) const {
#if defined(__GNUC__)
        const int64_t later = row + kBytesAhead / (width * static_cast<int64_t>(sizeof(Number)));
        const Number* from = later < count ? at + later * width : next + (later - count) * width;
        for (int64_t i = 0; i < kAtOnce * width; i += 64 / static_cast<int64_t>(sizeof(Number))) __builtin_prefetch(from + i);
#endif
    }
};

template <class Number>
PRISMA_INLINE void score(const float* query, const Rows<Number>& keys, float* scores) {
    const int64_t width = keys.width;
    int64_t t = 0;
    for (; t + kAtOnce <= keys.count; t += kAtOnce) {
        keys.ask(t);
        const Number* key = keys.at + t * width;
        float s0 = 0, s1 = 0, s2 = 0, s3 = 0;
#pragma omp simd reduction(+ : s0, s1, s2, s3)
        for (int64_t i = 0; i < width; ++i) {
            const float q = query[i];
            s0 += q * value_of(key[i]);
            s1 += q * value_of(key[i + width]);
            s2 += q * value_of(key[i + 2 * width]);
            s3 += q * value_of(key[i + 3 * width]);
        }
        scores[t] = s0, scores[t + 1] = s1, scores[t + 2] = s2, scores[t + 3] = s3;
    }
    for (; t < keys.count; ++t) {
        float sum = 0;
#pragma omp simd reduction(+ : sum)
        for (int64_t i = 0; i < width; ++i) sum += query[i] * value_of(keys.at[t * width + i]);
        scores[t] = sum;
    }
}

// mixed += Σ shares · rows.
template <class Number>
PRISMA_INLINE void mix(const float* shares, const Rows<Number>& values, float* mixed) {
    const int64_t width = values.width;
    int64_t t = 0;
    for (; t + kAtOnce <= values.count; t += kAtOnce) {
        values.ask(t);
        const Number* value = values.at + t * width;
        const float* share = shares + t;
#pragma omp simd
        for (int64_t i = 0; i < width; ++i)
            mixed[i] += (share[0] * value_of(value[i]) + share[1] * value_of(value[i + width])) +
                        (share[2] * value_of(value[i + 2 * width]) + share[3] * value_of(value[i + 3 * width]));
    }
    for (; t < values.count; ++t)
#pragma omp simd
        for (int64_t i = 0; i < width; ++i) mixed[i] += shares[t] * value_of(values.at[t * width + i]);
}

// The keys, the values and the keys of the head after this one: [room, width] each. scores: room for `count` numbers; query and mixed: `width`
// numbers in single precision.
template <class Number>
PRISMA_INLINE void attend(const float* query, const Number* keys, const Number* values, const Number* next, const Form& form, float* scores, float* mixed) {
    const int64_t width = form.width, count = form.count, first = form.first * width;
    score(query, Rows<Number>{keys + first, count, width, values + first}, scores);
    if (form.cap > 0)
#pragma omp simd
        for (int64_t t = 0; t < count; ++t) scores[t] = hyperbolic_tangent(scores[t] / form.cap) * form.cap;
    float most = -std::numeric_limits<float>::infinity();
#pragma omp simd reduction(max : most)
    for (int64_t t = 0; t < count; ++t) most = scores[t] > most ? scores[t] : most;
    float sum = 0;
#pragma omp simd reduction(+ : sum)
    for (int64_t t = 0; t < count; ++t) sum += scores[t] = exponential(scores[t] - most);
    for (int64_t t = 0; t < count; ++t) scores[t] /= sum;
    for (int64_t i = 0; i < width; ++i) mixed[i] = 0;
    mix(scores, Rows<Number>{values + first, count, width, next + first}, mixed);
}

PRISMA_WIDE_FUSED void attend_head(const float* query, const float* keys, const float* values, const float* next, const Form& form, float* scores, float* mixed) {
    attend(query, keys, values, next, form, scores, mixed);
}

PRISMA_WIDE_FUSED void attend_half(const float* query, const uint16_t* keys, const uint16_t* values, const uint16_t* next, const Form& form, float* scores, float* mixed) {
    attend(query, keys, values, next, form, scores, mixed);
}

inline void head(const float* query, const float* keys, const float* values, const float* next, const Form& form, float* scores, float* mixed) {
    attend_head(query, keys, values, next, form, scores, mixed);
}
inline void head(const float* query, const uint16_t* keys, const uint16_t* values, const uint16_t* next, const Form& form, float* scores, float* mixed) {
    attend_half(query, keys, values, next, form, scores, mixed);
}

template <class Number>
int attend_all(const Number* q, const Number* k, const Number* v, Number* keys, Number* values, int64_t batch, int64_t heads, int64_t key_heads, int64_t before, int64_t room,
               const Form& form, Number* z, int threads) {
    const int64_t width = form.width, group = heads / key_heads;
    for (int64_t h = 0; h < batch * key_heads; ++h) {
        std::memcpy(keys + (h * room + before) * width, k + h * width, width * sizeof(Number));
        std::memcpy(values + (h * room + before) * width, v + h * width, width * sizeof(Number));
    }
    std::vector<float> scratch(static_cast<size_t>(batch * heads * (form.count + 2 * width)));
    Team::shared().run(batch * heads, 1, threads, [&](int64_t begin, int64_t end) {
        for (int64_t h = begin; h < end; ++h) {
            float* query = scratch.data() + h * (form.count + 2 * width);
            float *mixed = query + width, *scores = mixed + width;
            for (int64_t i = 0; i < width; ++i) query[i] = value_of(q[h * width + i]) * form.scale;
            const int64_t at = h / group * room * width, next = std::min(h + 1, end - 1) / group * room * width;
            head(query, keys + at, values + at, keys + next, form, scores, mixed);
            for (int64_t i = 0; i < width; ++i) put(z + h * width + i, mixed[i]);
        }
    });
    return kDone;
}

}  // namespace

// Writes k and v [batch, key_heads, width] behind the `before` tokens of keys and values [batch, key_heads, room, width], then
// z [batch, heads, width] = softmax(scale · q · keysᵀ) · values over the last `window` tokens (0: all), scores bounded by cap · tanh(score / cap)
// where cap > 0. half: 0 single precision, 1 bfloat16, for all of them.
PRISMA_EXPORT int prisma_attend_one(const void* q, const void* k, const void* v, void* keys, void* values, int64_t batch, int64_t heads, int64_t key_heads, int64_t width,
                                    int64_t before, int64_t room, float scale, float cap, int64_t window, int half, void* z, int threads) {
    return guarded([&] {
        if (batch < 0 || heads < 1 || key_heads < 1 || heads % key_heads || width < 1 || before < 0 || before >= room) return static_cast<int>(kBadArgument);
        const int64_t all = before + 1, seen = window > 0 && window < all ? window : all;
        const Form form{width, all - seen, seen, scale, cap};
        const auto call = [&](auto* type) {
            using Number = std::remove_pointer_t<decltype(type)>;
            return attend_all(static_cast<const Number*>(q), static_cast<const Number*>(k), static_cast<const Number*>(v), static_cast<Number*>(keys), static_cast<Number*>(values), batch,
                              heads, key_heads, before, room, form, static_cast<Number*>(z), threads);
        };
        return half ? call(static_cast<uint16_t*>(nullptr)) : call(static_cast<float*>(nullptr));
    });
}
