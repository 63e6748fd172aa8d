// Attention of one new token over the keys and values in memory: what a language model does in every block for each token that it makes. One call in
// place of twenty small operators, each of which costs more than its arithmetic. Sums are taken in single precision; every head is one thread's work
// in one order, so results do not depend on the number of threads.

#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <vector>

#include "half.h"
#include "platform.h"
#include "team.h"

namespace {

using namespace prisma;

#if defined(__GNUC__)
#define PRISMA_INLINE inline __attribute__((always_inline))
#else
#define PRISMA_INLINE inline
#endif

// What all heads of a call share.
struct Form {
    int64_t width, first, count;  // d_head; the first key that is seen; how many are
    float scale, cap;             // cap 0: none
};

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

// scores: room for `count` numbers; query and mixed: `width` numbers in single precision.
template <class Number>
PRISMA_INLINE void attend(const float* query, const Number* keys, const Number* values, const Form& form, float* scores, float* mixed) {
    const int64_t width = form.width, count = form.count;
    keys += form.first * width;
    values += form.first * width;
    for (int64_t t = 0; t < count; ++t) {
        const Number* key = keys + t * width;
        float sum = 0;
#pragma omp simd reduction(+ : sum)
        for (int64_t i = 0; i < width; ++i) sum += query[i] * value_of(key[i]);
        scores[t] = sum;
    }
    if (form.cap > 0)
        for (int64_t t = 0; t < count; ++t) scores[t] = std::tanh(scores[t] / form.cap) * form.cap;
    float most = -std::numeric_limits<float>::infinity();
#pragma omp simd reduction(max : most)
    for (int64_t t = 0; t < count; ++t) most = scores[t] > most ? scores[t] : most;
    float sum = 0;
#pragma omp simd reduction(+ : sum)
    for (int64_t t = 0; t < count; ++t) sum += scores[t] = exponential(scores[t] - most);
    for (int64_t i = 0; i < width; ++i) mixed[i] = 0;
    for (int64_t t = 0; t < count; ++t) {
        const Number* value = values + t * width;
        const float share = scores[t] / sum;
#pragma omp simd
        for (int64_t i = 0; i < width; ++i) mixed[i] += share * value_of(value[i]);
    }
}

PRISMA_WIDE_FUSED void attend_head(const float* query, const float* keys, const float* values, const Form& form, float* scores, float* mixed) {
    attend(query, keys, values, form, scores, mixed);
}

PRISMA_WIDE_FUSED void attend_half(const float* query, const uint16_t* keys, const uint16_t* values, const Form& form, float* scores, float* mixed) {
    attend(query, keys, values, form, scores, mixed);
}

inline void head(const float* query, const float* keys, const float* values, const Form& form, float* scores, float* mixed) {
    attend_head(query, keys, values, form, scores, mixed);
}
inline void head(const float* query, const uint16_t* keys, const uint16_t* values, const Form& form, float* scores, float* mixed) {
    attend_half(query, keys, values, form, scores, mixed);
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
            const int64_t at = h / group * room * width;
            head(query, keys + at, values + at, form, scores, mixed);
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
