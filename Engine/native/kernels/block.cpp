// One token through a whole block of a language model: the products and the attention are those of matvec.cpp and attend.cpp; what stands between
// them is done here. As tensor operators it would be a dozen steps of microseconds, most of them spent waiting for code and tables that the weights
// have pushed out of the processor's caches. In bfloat16 every result is rounded where a tensor would hold it.

#include <cmath>
#include <cstdint>
#include <deque>
#include <vector>

#include "elementary.h"
#include "half.h"
#include "platform.h"
#include "token.h"

namespace {

using namespace prisma;

// What a block is; vectors and matrices are of the block's type of number. Laid out as the caller has it.
struct Norm {
    const void *gain, *bias;  // the bias may be null
    int64_t kind;             // 0 none, 1 layer norm, 2 root mean square
    double eps;
};

struct Map {
    const void *matrix, *bias;  // [rows, width]; the bias may be null
    int64_t rows, width;
};

struct Block {
    int64_t width, heads, key_heads, head_width, half;
    Norm before_attention, of_queries, of_keys, after_attention, before_mlp, after_mlp;
    Map qkv, out, in, down;
    double scale, cap;  // of scores; cap 0: none
    int64_t window;     // 0: none
    int64_t activation, gated, parallel;
};

// What a step has beside: the stream before and after, the memory, the turns of its position [turned] (none where null).
struct Step {
    const void* x;
    void *y, *keys, *values;
    int64_t before, room;
    const void *cos, *sin;
    int64_t turned, neighbours, threads;
};

enum Activation { kGelu = 0, kTanhGelu = 1, kQuickGelu = 2, kRelu = 3, kSilu = 4, kTanh = 5 };

PRISMA_WIDE_FUSED void normalise(const float* x, const float* gain, const float* bias, float eps, bool centres, int64_t width, float* y) {
    float mean = 0, squares = 0;
    if (centres) {
#pragma omp simd reduction(+ : mean)
        for (int64_t i = 0; i < width; ++i) mean += x[i];
        mean /= static_cast<float>(width);
    }
#pragma omp simd reduction(+ : squares)
    for (int64_t i = 0; i < width; ++i) squares += (x[i] - mean) * (x[i] - mean);
    const float factor = 1.0f / std::sqrt(squares / static_cast<float>(width) + eps);
#pragma omp simd
    for (int64_t i = 0; i < width; ++i) y[i] = (x[i] - mean) * factor * gain[i];
    if (bias)
#pragma omp simd
        for (int64_t i = 0; i < width; ++i) y[i] += bias[i];
}

template <class Function>
PRISMA_INLINE void each(float* x, int64_t count, Function function) {
#pragma omp simd
    for (int64_t i = 0; i < count; ++i) x[i] = function(x[i]);
}

PRISMA_WIDE_FUSED void activate(float* x, int64_t count, int64_t kind) {
    switch (kind) {
        case kGelu: return each(x, count, [](float v) { return 0.5f * v * (1.0f + error_function(v * 0.70710678f)); });
        case kTanhGelu: return each(x, count, [](float v) { return 0.5f * v * (1.0f + hyperbolic_tangent(0.79788456f * (v + 0.044715f * v * v * v))); });
        case kQuickGelu: return each(x, count, [](float v) { return v * sigmoid(1.702f * v); });
        case kRelu: return each(x, count, [](float v) { return v < 0 ? 0.0f : v; });
        case kSilu: return each(x, count, [](float v) { return v * sigmoid(v); });
        case kTanh: return each(x, count, [](float v) { return hyperbolic_tangent(v); });
        default: throw kBadArgument;
    }
}

PRISMA_WIDE_FUSED void add(float* x, const float* y, int64_t count) {
#pragma omp simd
    for (int64_t i = 0; i < count; ++i) x[i] += y[i];
}

PRISMA_WIDE_FUSED void multiply(float* x, const float* y, int64_t count) {
#pragma omp simd
    for (int64_t i = 0; i < count; ++i) x[i] *= y[i];
}

// Pairs of axes of each head by the angle of their position; axes beyond `turned` stay.
void turn(float* heads, int64_t count, int64_t width, const float* cos, const float* sin, int64_t turned, bool neighbours) {
    const int64_t step = neighbours ? 2 : 1, apart = neighbours ? 1 : turned / 2;
    for (int64_t h = 0; h < count; ++h, heads += width)
        for (int64_t p = 0; p < turned / 2; ++p) {
            const int64_t i = p * step, j = i + apart;
            const float a = heads[i], b = heads[j];
            heads[i] = a * cos[i] - b * sin[i];
            heads[j] = b * cos[j] + a * sin[j];
        }
}

// Numbers between the products, in single precision. Room is kept from call to call.
class Scratch {
  public:
    float* take(int64_t count) {
        if (next_ == rooms_.size()) rooms_.emplace_back();
        auto& room = rooms_[next_++];
        if (static_cast<int64_t>(room.size()) < count) room.resize(count);
        return room.data();
    }

    void start() { next_ = 0; }  // what was taken may be taken again

  private:
    std::deque<std::vector<float>> rooms_;
    size_t next_ = 0;
};

template <class Number>
class OneToken {
  public:
    OneToken(const Block& block, const Step& step, Scratch& scratch) : block_(block), step_(step), scratch_(scratch) {}

    void run() {
        const int64_t width = block_.width;
        float* stream = scratch_.take(width);
        const Number* x = static_cast<const Number*>(step_.x);
        for (int64_t i = 0; i < width; ++i) stream[i] = value_of(x[i]);
        float* attended = attention(normalised(block_.before_attention, stream, width));
        float* moved = nullptr;
        if (block_.parallel) moved = mlp(normalised(block_.before_mlp, stream, width));
        add_rounded(stream, attended);
        if (!moved) moved = mlp(normalised(block_.before_mlp, stream, width));
        add_rounded(stream, moved);
        for (int64_t i = 0; i < width; ++i) put(static_cast<Number*>(step_.y) + i, stream[i]);
    }

  private:
    float* attention(const float* x) {
        const int64_t width = block_.head_width, heads = block_.heads, key_heads = block_.key_heads;
        float* q = product(block_.qkv, x);
        float *k = q + heads * width, *v = k + key_heads * width;
        normalise_heads(block_.of_queries, q, heads);
        normalise_heads(block_.of_keys, k, key_heads);
        if (step_.cos) {
            const float *cos = wide(step_.cos, step_.turned), *sin = wide(step_.sin, step_.turned);
            turn(q, heads + key_heads, width, cos, sin, step_.turned, step_.neighbours != 0);
        }
        Number* read = narrow(q, (heads + 2 * key_heads) * width);
        Number* z = as_numbers(scratch_.take(heads * width));
        require(prisma_attend_one(read, read + heads * width, read + (heads + key_heads) * width, step_.keys, step_.values, 1, heads, key_heads, width, step_.before, step_.room,
                                  static_cast<float>(block_.scale), static_cast<float>(block_.cap), block_.window, block_.half != 0, z, threads()));
        return normalised(block_.after_attention, product(block_.out, wide(z, heads * width)), block_.width);
    }

    float* mlp(const float* x) {
        float* hidden = product(block_.in, x);
        const int64_t count = block_.down.width;
        activate(hidden, count, block_.activation);
        rounded(hidden, count);
        if (block_.gated) multiply(hidden, hidden + count, count), rounded(hidden, count);
        return normalised(block_.after_mlp, product(block_.down, hidden), block_.width);
    }

    float* normalised(const Norm& norm, float* x, int64_t width) {
        if (norm.kind == 0) return x;
        float* y = scratch_.take(width);
        normalise(x, wide(norm.gain, width), norm.bias ? wide(norm.bias, width) : nullptr, static_cast<float>(norm.eps), norm.kind == 1, width, y);
        return rounded(y, width);
    }

    void normalise_heads(const Norm& norm, float* x, int64_t heads) {
        if (norm.kind == 0) return;
        const int64_t width = block_.head_width;
        const float *gain = wide(norm.gain, width), *bias = norm.bias ? wide(norm.bias, width) : nullptr;
        for (int64_t h = 0; h < heads; ++h, x += width) normalise(x, gain, bias, static_cast<float>(norm.eps), norm.kind == 1, width, x);
        rounded(x - heads * width, heads * width);
    }

    float* product(const Map& map, const float* x) {
        float* y = scratch_.take(map.rows);
        const float* bias = map.bias ? wide(map.bias, map.rows) : nullptr;
        require(multiplied(static_cast<const Number*>(map.matrix), map, x, bias, y));
        return rounded(y, map.rows);
    }

    int multiplied(const float* matrix, const Map& map, const float* x, const float* bias, float* y) { return prisma_matvec(matrix, map.rows, map.width, x, bias, y, 0, threads()); }
    int multiplied(const uint16_t* matrix, const Map& map, const float* x, const float* bias, float* y) {
        return prisma_matvec_bf16(matrix, map.rows, map.width, x, bias, y, 0, threads());
    }

    void add_rounded(float* x, const float* y) {
        add(x, y, block_.width);
        rounded(x, block_.width);
    }

    static const float* wide_of(const float* x, int64_t, Scratch&) { return x; }
    static const float* wide_of(const uint16_t* x, int64_t count, Scratch& scratch) {
        float* y = scratch.take(count);
        for (int64_t i = 0; i < count; ++i) y[i] = value_of(x[i]);
        return y;
    }
    const float* wide(const void* x, int64_t count) { return wide_of(static_cast<const Number*>(x), count, scratch_); }

    // The room of a float holds a half.
    static Number* as_numbers(float* x) { return reinterpret_cast<Number*>(x); }
    Number* narrow(float* x, int64_t count) {
        if (sizeof(Number) == sizeof(float)) return as_numbers(x);
        Number* y = as_numbers(scratch_.take(count));
        for (int64_t i = 0; i < count; ++i) put(y + i, x[i]);
        return y;
    }

    static float* rounded(float* x, int64_t count) {
        if (sizeof(Number) != sizeof(float))
            for (int64_t i = 0; i < count; ++i) {
                Number half;
                put(&half, x[i]);
                x[i] = value_of(half);
            }
        return x;
    }

    static void require(int status) {
        if (status != kDone) throw static_cast<Status>(status);
    }

    int threads() const { return static_cast<int>(step_.threads); }

    const Block& block_;
    const Step& step_;
    Scratch& scratch_;
};

}  // namespace

// y = the block's stream after it, for the token whose stream before it is x [width]; its key and value go behind the `before` tokens of the memory.
PRISMA_EXPORT int prisma_block_token(const Block* block, const Step* step) {
    return guarded([&] {
        if (block->width < 1 || block->down.width * (block->gated ? 2 : 1) != block->in.rows || block->qkv.rows != (block->heads + 2 * block->key_heads) * block->head_width ||
            step->turned > block->head_width || step->turned % 2 != 0)
            return static_cast<int>(kBadArgument);
        thread_local Scratch scratch;
        scratch.start();
        if (block->half) OneToken<uint16_t>(*block, *step, scratch).run();
        else OneToken<float>(*block, *step, scratch).run();
        return static_cast<int>(kDone);
    });
}
