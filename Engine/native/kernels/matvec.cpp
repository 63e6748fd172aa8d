// y = W x + b for one vector x, W [rows, width] in single precision or bfloat16: what a language model does for each token that it makes. The time
// is that of reading W once; threads stay between calls, which take microseconds. Sums are taken in single precision: products of bfloat16 are exact
// in it (the processor's pair products round differently and are no faster where memory decides). Every y is one thread's sum in one order, so
// results do not depend on the number of threads.

#include <cstdint>

#include "half.h"
#include "platform.h"
#include "team.h"
#include "token.h"

#if defined(__GNUC__) && defined(__x86_64__) && defined(__linux__)
#define PRISMA_VECTORS 1
#include <immintrin.h>
#else
#define PRISMA_VECTORS 0
#endif

namespace {

using namespace prisma;

constexpr int64_t kLeastBytes = 1 << 18;  // of W, that a thread takes at a time
constexpr int kStreams = 4;               // rows that are read side by side, far apart: memory gives several streams faster than one
constexpr int kSums = 2;                  // per row: that the next does not wait for the last

// The products of x with `Rows` rows that lie `apart` numbers from each other.
template <class Weight, int Rows>
void products_plain(const Weight* row, int64_t apart, const float* x, int64_t width, float* y) {
    for (int r = 0; r < Rows; ++r) {
        float sum = 0;
        for (int64_t i = 0; i < width; ++i) sum += value_of(row[r * apart + i]) * x[i];
        y[r] = sum;
    }
}

#if PRISMA_VECTORS

#define PRISMA_512 __attribute__((target("avx512f")))
#define PRISMA_256 __attribute__((target("avx2,fma")))

PRISMA_512 inline __m512 load512(const float* row) { return _mm512_loadu_ps(row); }
PRISMA_512 inline __m512 load512(const uint16_t* row) {
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(row))), 16));
}
PRISMA_256 inline __m256 load256(const float* row) { return _mm256_loadu_ps(row); }
PRISMA_256 inline __m256 load256(const uint16_t* row) {
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(row))), 16));
}

PRISMA_256 inline float total(__m256 sums) {
    __m128 four = _mm_add_ps(_mm256_castps256_ps128(sums), _mm256_extractf128_ps(sums, 1));
    four = _mm_add_ps(four, _mm_movehl_ps(four, four));
    return _mm_cvtss_f32(_mm_add_ss(four, _mm_movehdup_ps(four)));
}

template <class Weight, int Rows>
PRISMA_512 void products512(const Weight* row, int64_t apart, const float* x, int64_t width, float* y) {
    constexpr int64_t step = 16;
    __m512 sums[Rows][kSums];
    for (int r = 0; r < Rows; ++r)
        for (int s = 0; s < kSums; ++s) sums[r][s] = _mm512_setzero_ps();
    int64_t i = 0;
    for (; i + kSums * step <= width; i += kSums * step)
#pragma GCC unroll 2
        for (int s = 0; s < kSums; ++s) {
            const __m512 shared = _mm512_loadu_ps(x + i + s * step);
#pragma GCC unroll 4
            for (int r = 0; r < Rows; ++r) sums[r][s] = _mm512_fmadd_ps(load512(row + r * apart + i + s * step), shared, sums[r][s]);
        }
    products_plain<Weight, Rows>(row + i, apart, x + i, width - i, y);
    for (int r = 0; r < Rows; ++r) y[r] += _mm512_reduce_add_ps(_mm512_add_ps(sums[r][0], sums[r][1]));
}

template <class Weight, int Rows>
PRISMA_256 void products256(const Weight* row, int64_t apart, const float* x, int64_t width, float* y) {
    constexpr int64_t step = 8;
    __m256 sums[Rows][kSums];
    for (int r = 0; r < Rows; ++r)
        for (int s = 0; s < kSums; ++s) sums[r][s] = _mm256_setzero_ps();
    int64_t i = 0;
    for (; i + kSums * step <= width; i += kSums * step)
#pragma GCC unroll 2
        for (int s = 0; s < kSums; ++s) {
            const __m256 shared = _mm256_loadu_ps(x + i + s * step);
#pragma GCC unroll 4
            for (int r = 0; r < Rows; ++r) sums[r][s] = _mm256_fmadd_ps(load256(row + r * apart + i + s * step), shared, sums[r][s]);
        }
    products_plain<Weight, Rows>(row + i, apart, x + i, width - i, y);
    for (int r = 0; r < Rows; ++r) y[r] += total(_mm256_add_ps(sums[r][0], sums[r][1]));
}

#endif

enum Kind { kBest = 0, kPlain = 1, kNarrow = 2 };

template <class Weight>
struct Products {
    using Call = void (*)(const Weight* row, int64_t apart, const float* x, int64_t width, float* y);
    Call one, several;
};

// The widest that the processor has, or a narrower one that is asked for; none where it lacks what was asked for.
template <class Weight>
Products<Weight> products_of(int kind) {
#if PRISMA_VECTORS
    const bool narrow = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    if (kind == kBest && __builtin_cpu_supports("avx512f")) return {products512<Weight, 1>, products512<Weight, kStreams>};
    if (kind != kPlain && narrow) return {products256<Weight, 1>, products256<Weight, kStreams>};
#endif
    if (kind == kNarrow) return {nullptr, nullptr};
    return {products_plain<Weight, 1>, products_plain<Weight, kStreams>};
}

template <class Weight>
int multiply(const Weight* w, int64_t rows, int64_t width, const float* x, const float* bias, float* y, int kind, int threads) {
    if (rows < 0 || width < 0) return kBadArgument;
    const auto products = products_of<Weight>(kind);
    if (!products.one) return kUnsuited;
    const int64_t least = std::max<int64_t>(kStreams, kLeastBytes / std::max<int64_t>(width * static_cast<int64_t>(sizeof(Weight)), 1));
    Team::shared().run(rows, least, threads, [=](int64_t begin, int64_t end) {
        const int64_t apart = (end - begin) / kStreams;
        for (int64_t r = begin; r < begin + apart; ++r) {
            float found[kStreams];
            products.several(w + r * width, apart * width, x, width, found);
            for (int s = 0; s < kStreams; ++s) y[r + s * apart] = found[s];
        }
        for (int64_t r = begin + kStreams * apart; r < end; ++r) products.one(w + r * width, 0, x, width, y + r);
        if (bias)
            for (int64_t r = begin; r < end; ++r) y[r] += bias[r];
    });
    return kDone;
}

}  // namespace

// y [rows] = w [rows, width] · x [width] + bias [rows]; the bias may be null. kind: 0 the widest vectors there are, 1 none, 2 those of 256 bits.
PRISMA_EXPORT int prisma_matvec(const float* w, int64_t rows, int64_t width, const float* x, const float* bias, float* y, int kind, int threads) {
    return guarded([&] { return multiply(w, rows, width, x, bias, y, kind, threads); });
}

// The same with a matrix in bfloat16; vector, bias and result are in single precision.
PRISMA_EXPORT int prisma_matvec_bf16(const uint16_t* w, int64_t rows, int64_t width, const float* x, const float* bias, float* y, int kind, int threads) {
    return guarded([&] { return multiply(w, rows, width, x, bias, y, kind, threads); });
}
