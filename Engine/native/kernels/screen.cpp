// Approximate products of rows x [rows, width] with feature rows w [features, width] in bfloat16, with proven bounds of their error: on processors
// with fast AVX-512 BF16 nearly twice as fast as single precision. Selections compute the few entries again that the bounds leave open.
//
// With x̂, ŵ the rounded rows: |x·w − x̂·ŵ| = |x·(w − ŵ) + (x − x̂)·ŵ| ≤ ‖x‖·‖w − ŵ‖ + ‖x − x̂‖·‖ŵ‖ (Cauchy-Schwarz). The differences are exact in
// single precision, so their lengths are known per row and some times smaller than the worst case of the type. Summing width products in single
// precision in any order adds at most γ·‖x‖·‖w‖, γ = width·2⁻²⁴ / (1 − width·2⁻²⁴), once for the exact product and once here, of x̂ and ŵ, which are
// at most 1 + 2⁻⁸ times as long. Pair products take numbers below 2⁻¹²⁶ as zero: counted with what rounding took; sums below it too: less than 10⁻³⁰ in
// all, which selections add. Lengths are summed in double precision, where squares neither vanish nor overflow; rows longer than 10¹⁸ are refused,
// so that no sum overflows.

#include "screen.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstring>
#include <vector>

#include "lanes.h"
#include "parallel.h"
#include "platform.h"

#if defined(__GNUC__) && defined(__x86_64__) && defined(__linux__)
#define PRISMA_PAIRS 1
#include <immintrin.h>
#else
#define PRISMA_PAIRS 0
#endif

namespace {

using namespace prisma;

constexpr int64_t kColumns = 16;          // features whose pairs lie side by side
constexpr int64_t kBlock = 2 * kColumns;  // rows and features that are multiplied at once
constexpr int64_t kPanel = 256;           // rows that stay in the second-level cache while all features pass
constexpr float kSlack = 1.001f;          // for the rounding of lengths and bounds themselves
constexpr double kLeast = 1.2e-38;        // 2⁻¹²⁶, rounded up
constexpr double kLongest = 1e18;

int64_t padded(int64_t n) { return (n + kBlock - 1) / kBlock * kBlock; }

// Lengths of a row as it is and of what rounding took away.
struct Lengths {
    float whole, lost;
};

// Rounds a row to bfloat16 (to nearest, ties to even) in pairs; out has padded(width)/2 pairs.
Lengths round_row(const float* row, int64_t width, uint32_t* pairs) {
    double whole = 0, lost = 0;
    auto* out = reinterpret_cast<uint16_t*>(pairs);
    for (int64_t i = 0; i < width; ++i) {
        uint32_t bits;
        std::memcpy(&bits, row + i, sizeof bits);
        const uint32_t rounded = (bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16;
        out[i] = static_cast<uint16_t>(rounded);
        const uint32_t back = rounded << 16;
        float value;
        std::memcpy(&value, &back, sizeof value);
        const double number = row[i], rest = number - value;
        whole += number * number;
        lost += rest * rest;
    }
    std::fill(out + width, out + padded(width), uint16_t{0});
    const double tiny = static_cast<double>(width) * kLeast;
    return {static_cast<float>(std::sqrt(whole) + tiny) * kSlack, static_cast<float>(std::sqrt(lost) + tiny) * kSlack};
}

// Written so that NaN fails too.
bool is_suited(const Lengths& found) { return found.whole <= kLongest && found.lost <= kLongest; }

// Sums of one block of 32 rows (bfloat16, depth apart) and 32 features (pairs, per 16 features [depth / 2][16]).
using Multiply = void (*)(const uint16_t* rows, const uint32_t* features, int64_t depth, float* out, int64_t stride);

void multiply_plain(const uint16_t* rows, const uint32_t* features, int64_t depth, float* out, int64_t stride) {
    const auto value = [](uint32_t bits) {
        bits <<= 16;
        float v;
        std::memcpy(&v, &bits, sizeof v);
        return v;
    };
    for (int64_t r = 0; r < kBlock; ++r)
        for (int64_t c = 0; c < kBlock; ++c) {
            const uint32_t* column = features + c / kColumns * (depth / 2 * kColumns) + c % kColumns;
            float sum = 0;
            for (int64_t p = 0; p < depth / 2; ++p) {
                const uint32_t pair = column[p * kColumns];
                sum += value(rows[r * depth + 2 * p]) * value(pair & 0xffff) + value(rows[r * depth + 2 * p + 1]) * value(pair >> 16);
            }
            out[r * stride + c] = sum;
        }
}

#if PRISMA_PAIRS
#define PRISMA_BF16 __attribute__((target("avx512f,avx512bf16")))

constexpr int kStrip = 8;  // rows whose sums stay in registers together

PRISMA_BF16 void multiply_pairs(const uint16_t* rows, const uint32_t* features, int64_t depth, float* out, int64_t stride) {
    const int64_t pairs = depth / 2;
    const uint32_t* second = features + pairs * kColumns;
    for (int64_t top = 0; top < kBlock; top += kStrip) {
        const auto* strip = reinterpret_cast<const uint32_t*>(rows + top * depth);
        __m512 left[kStrip], right[kStrip];
        for (int r = 0; r < kStrip; ++r) left[r] = right[r] = _mm512_setzero_ps();
        for (int64_t p = 0; p < pairs; ++p) {
            const auto a = (__m512bh)_mm512_loadu_si512(features + p * kColumns), b = (__m512bh)_mm512_loadu_si512(second + p * kColumns);
#pragma GCC unroll 8
            for (int r = 0; r < kStrip; ++r) {
                const auto x = (__m512bh)_mm512_set1_epi32(static_cast<int>(strip[r * pairs + p]));
                left[r] = _mm512_dpbf16_ps(left[r], a, x);
                right[r] = _mm512_dpbf16_ps(right[r], b, x);
            }
        }
#pragma GCC unroll 8
        for (int r = 0; r < kStrip; ++r) {
            _mm512_storeu_ps(out + (top + r) * stride, left[r]);
            _mm512_storeu_ps(out + (top + r) * stride + kColumns, right[r]);
        }
    }
}

bool has_pairs() {
    __builtin_cpu_init();
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bf16");
}

// Intel's cores multiply pairs no faster than single precision; AMD's twice as fast.
bool is_fast() { return has_pairs() && __builtin_cpu_is("amd"); }
#else
bool has_pairs() { return false; }
bool is_fast() { return false; }
constexpr Multiply multiply_pairs = multiply_plain;
#endif

// A panel of rows with all features; edges go through a block of their own.
void multiply_panel(Multiply multiply, const uint16_t* rows, int64_t count, const uint32_t* packed, int64_t features, int64_t depth, float* out) {
    float edge[kBlock * kBlock];
    for (int64_t f = 0; f < features; f += kBlock)
        for (int64_t r = 0; r < count; r += kBlock) {
            const int64_t height = std::min(kBlock, count - r), width = std::min(kBlock, features - f);
            float* to = out + r * features + f;
            const bool whole = height == kBlock && width == kBlock;
            multiply(rows + r * depth, packed + f * (depth / 2), depth, whole ? to : edge, whole ? features : kBlock);
            if (whole) continue;
            for (int64_t i = 0; i < height; ++i) std::copy(edge + i * kBlock, edge + i * kBlock + width, to + i * features);
        }
}

}  // namespace

// 1 where approximate products are fast.
PRISMA_EXPORT int prisma_screen_is_fast() { return is_fast() ? 1 : 0; }

// 32-bit words that prisma_screen_pack writes.
PRISMA_EXPORT int64_t prisma_screen_words(int64_t features, int64_t width) { return padded(features) * padded(width) / 2; }

// Rounds the feature rows and puts them in the order of pair products. Gives their lengths and what a product loses through them, [features] each.
PRISMA_EXPORT int prisma_screen_pack(const float* w, int64_t features, int64_t width, uint32_t* packed, float* lengths, float* deltas,
                                     int threads) {
    if (w == nullptr || packed == nullptr || lengths == nullptr || deltas == nullptr || features < 1 || width < 1 || threads < 1)
        return kBadArgument;
    return guarded([&] {
        const int64_t pairs = padded(width) / 2;
        const double u = std::ldexp(static_cast<double>(width + 8), -24);
        const float sums = static_cast<float>(2.04 * u / (1 - u));
        std::atomic<bool> suited{u < 1e-3};  // beyond that, lengths are not sure to a thousandth
        parallel(padded(features), kColumns, threads, [&](int64_t begin, int64_t end) {
            std::vector<uint32_t> rows(kColumns * pairs);
            for (int64_t f = begin; f < std::min(end, features); ++f) {
                const Lengths found = round_row(w + f * width, width, rows.data() + (f - begin) * pairs);
                lengths[f] = (found.whole + found.lost) * kSlack;
                deltas[f] = (found.lost + sums * found.whole) * kSlack;
                if (!is_suited(found)) suited = false;
            }
            uint32_t* out = packed + begin * pairs;
            for (int64_t p = 0; p < pairs; ++p)
                for (int64_t j = 0; j < kColumns; ++j) *out++ = rows[j * pairs + p];
        });
        return suited ? static_cast<int>(kDone) : kUnsuited;
    });
}

// Approximate products out [rows, features], and the rows' lengths and what a product loses through them. `plain` avoids vector instructions.
PRISMA_EXPORT int prisma_screen_product(const float* x, int64_t rows, int64_t width, const uint32_t* packed, int64_t features, int plain,
                                        float* out, float* row_lengths, float* row_deltas, int threads) {
    if (x == nullptr || packed == nullptr || out == nullptr || row_lengths == nullptr || row_deltas == nullptr || rows < 0 || width < 1 ||
        features < 1 || threads < 1)
        return kBadArgument;
    return guarded([&] {
        const int64_t depth = padded(width);
        const bool pairs = !plain && has_pairs();
        std::atomic<bool> suited{true};
        parallel(rows, kPanel, threads, [&](int64_t begin, int64_t end) {
            std::vector<uint16_t> rounded(padded(end - begin) * depth);
            for (int64_t r = begin; r < end; ++r) {
                const Lengths found = round_row(x + r * width, width, reinterpret_cast<uint32_t*>(rounded.data() + (r - begin) * depth));
                row_lengths[r] = found.whole;
                row_deltas[r] = found.lost;
                if (!is_suited(found)) suited = false;
            }
            multiply_panel(pairs ? multiply_pairs : multiply_plain, rounded.data(), end - begin, packed, features, depth, out + begin * features);
        });
        return suited ? static_cast<int>(kDone) : kUnsuited;
    });
}
