// Resampling of 8-bit pictures, bit for bit as Pillow computes it (Image.resize without a box and without reducing_gap).
//
// Two passes, columns first, each output pixel a weighted sum of input pixels: weights in double precision, divided by their sum,
// rounded to 22 fractional bits; sums in 32-bit integers that start at one half; the result shifted, clipped and stored as 8 bits
// before the second pass. A pass whose size does not change is left out. Nearest picks a pixel along an accumulated double.
// Interleaved uint8, 1..4 channels. Nothing here throws across the boundary; statuses: 0 done, 1 bad argument, 2 out of memory.

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <new>
#include <vector>

#include "platform.h"

namespace {

constexpr int kBits = 32 - 8 - 2;
constexpr int kHalf = 1 << (kBits - 1);
constexpr int kLanes = 16;  // rows that the column pass takes at once
constexpr double kPi = 3.14159265358979323846;

// Numbered as Pillow numbers them: these are the codes in preprocessor_config.json.
enum Filter { kNearest = 0, kLanczos = 1, kBilinear = 2, kBicubic = 3, kBox = 4, kHamming = 5 };

double sinc(double x) {
    if (x == 0.0) return 1.0;
    x *= kPi;
    return std::sin(x) / x;
}

double weight(int filter, double x) {
    switch (filter) {
        case kBox:
            return x > -0.5 && x <= 0.5 ? 1.0 : 0.0;
        case kBilinear:
            x = std::fabs(x);
            return x < 1.0 ? 1.0 - x : 0.0;
        case kHamming:
            x = std::fabs(x);
            if (x == 0.0) return 1.0;
            if (x >= 1.0) return 0.0;
            x *= kPi;
            return std::sin(x) / x * (0.54f + 0.46f * std::cos(x));
        case kBicubic: {
            constexpr double a = -0.5;
            x = std::fabs(x);
            if (x < 1.0) return ((a + 2.0) * x - (a + 3.0)) * x * x + 1;
            if (x < 2.0) return (((x - 5) * x + 8) * x - 4) * a;
            return 0.0;
        }
        case kLanczos:
            return x >= -3.0 && x < 3.0 ? sinc(x) * sinc(x / 3) : 0.0;
        default:
            return 0.0;
    }
}

double support_of(int filter) {
    switch (filter) {
        case kBox: return 0.5;
        case kBicubic: return 2.0;
        case kLanczos: return 3.0;
        default: return 1.0;
    }
}

// For each output position: the first input position, how many, and as many fixed-point weights (rows of `taps`).
struct Weights {
    int taps = 0;
    std::vector<int> first, count, value;
};

Weights weights_of(int filter, int in, int out) {
    const double scale = static_cast<double>(in) / out;
    const double filter_scale = scale < 1.0 ? 1.0 : scale;
    const double support = support_of(filter) * filter_scale;
    const double inverse = 1.0 / filter_scale;
    Weights w;
    w.taps = static_cast<int>(std::ceil(support)) * 2 + 1;
    w.first.resize(out);
    w.count.resize(out);
    w.value.assign(static_cast<size_t>(out) * w.taps, 0);
    std::vector<double> raw(w.taps);
    for (int o = 0; o < out; ++o) {
        const double centre = (o + 0.5) * scale;
        const int lo = std::max(static_cast<int>(centre - support + 0.5), 0);
        const int hi = std::min(static_cast<int>(centre + support + 0.5), in);
        const int n = hi - lo;
        double sum = 0.0;
        for (int i = 0; i < n; ++i) {
            raw[i] = weight(filter, (i + lo - centre + 0.5) * inverse);
            sum += raw[i];
        }
        int* fixed = &w.value[static_cast<size_t>(o) * w.taps];
        for (int i = 0; i < n; ++i) {
            const double share = sum != 0.0 ? raw[i] / sum : raw[i];
            fixed[i] = static_cast<int>((share < 0 ? -0.5 : 0.5) + share * (1 << kBits));
        }
        w.first[o] = lo;
        w.count[o] = n;
    }
    return w;
}

inline uint8_t clip(int sum) {
    const int v = sum >> kBits;
    return static_cast<uint8_t>(v < 0 ? 0 : v > 255 ? 255 : v);
}

// One output column of sixteen rows at once: `lanes` holds the strip as [column][channel][row].
PRISMA_WIDE void columns(const uint8_t* lanes, uint8_t* out, int channels, int out_width, const int* first, const int* count,
                         const int* value, int taps) {
    for (int o = 0; o < out_width; ++o) {
        const int* k = value + static_cast<size_t>(o) * taps;
        const int n = count[o];
        for (int c = 0; c < channels; ++c) {
            const uint8_t* in = lanes + (static_cast<size_t>(first[o]) * channels + c) * kLanes;
            int sum[kLanes];
            for (int l = 0; l < kLanes; ++l) sum[l] = kHalf;
            for (int i = 0; i < n; ++i) {
                const int ki = k[i];
                const uint8_t* p = in + static_cast<size_t>(i) * channels * kLanes;
                for (int l = 0; l < kLanes; ++l) sum[l] += p[l] * ki;
            }
            uint8_t* q = out + (static_cast<size_t>(o) * channels + c) * kLanes;
            for (int l = 0; l < kLanes; ++l) q[l] = clip(sum[l]);
        }
    }
}

// One output row; `sums` is a row of integers. The order of the additions does not matter: integers are exact.
PRISMA_WIDE void row(const uint8_t* in, size_t stride, uint8_t* out, int* sums, int bytes, const int* k, int n) {
    for (int x = 0; x < bytes; ++x) sums[x] = kHalf;
    for (int i = 0; i < n; ++i) {
        const uint8_t* p = in + i * stride;
        const int ki = k[i];
        for (int x = 0; x < bytes; ++x) sums[x] += p[x] * ki;
    }
    for (int x = 0; x < bytes; ++x) out[x] = clip(sums[x]);
}

void resample_columns(const uint8_t* in, int width, int rows, int channels, uint8_t* out, int out_width, const Weights& w) {
    const size_t in_row = static_cast<size_t>(width) * channels, out_row = static_cast<size_t>(out_width) * channels;
    std::vector<uint8_t> lanes(in_row * kLanes), result(out_row * kLanes);
    for (int y = 0; y < rows; y += kLanes) {
        const int n = std::min(kLanes, rows - y);
        for (int l = 0; l < kLanes; ++l) {
            const uint8_t* p = in + (y + std::min(l, n - 1)) * in_row;
            for (size_t x = 0; x < in_row; ++x) lanes[x * kLanes + l] = p[x];
        }
        columns(lanes.data(), result.data(), channels, out_width, w.first.data(), w.count.data(), w.value.data(), w.taps);
        for (int l = 0; l < n; ++l) {
            uint8_t* q = out + (y + l) * out_row;
            for (size_t x = 0; x < out_row; ++x) q[x] = result[x * kLanes + l];
        }
    }
}

void resample_rows(const uint8_t* in, int width, int channels, uint8_t* out, int out_height, const Weights& w) {
    const int bytes = width * channels;
    std::vector<int> sums(bytes);
    for (int o = 0; o < out_height; ++o) {
        row(in + static_cast<size_t>(w.first[o]) * bytes, bytes, out + static_cast<size_t>(o) * bytes, sums.data(), bytes,
            &w.value[static_cast<size_t>(o) * w.taps], w.count[o]);
    }
}

void nearest(const uint8_t* in, int width, int height, int channels, uint8_t* out, int out_width, int out_height) {
    const double step_x = static_cast<double>(width) / out_width, step_y = static_cast<double>(height) / out_height;
    std::vector<int> from(out_width);
    double at = step_x * 0.5;
    for (int x = 0; x < out_width; ++x, at += step_x) from[x] = std::min(static_cast<int>(at), width - 1);
    at = step_y * 0.5;
    for (int y = 0; y < out_height; ++y, at += step_y) {
        const uint8_t* p = in + static_cast<size_t>(std::min(static_cast<int>(at), height - 1)) * width * channels;
        uint8_t* q = out + static_cast<size_t>(y) * out_width * channels;
        for (int x = 0; x < out_width; ++x)
            for (int c = 0; c < channels; ++c) q[x * channels + c] = p[from[x] * channels + c];
    }
}

}  // namespace

PRISMA_EXPORT int prisma_resize_u8(const uint8_t* in, int width, int height, int channels, uint8_t* out, int out_width, int out_height,
                                   int filter) {
    if (in == nullptr || out == nullptr || width < 1 || height < 1 || out_width < 1 || out_height < 1 || channels < 1 || channels > 4 ||
        filter < kNearest || filter > kHamming)
        return 1;
    try {
        const bool across = width != out_width, down = height != out_height;
        if (!across && !down) {
            std::memcpy(out, in, static_cast<size_t>(width) * height * channels);
        } else if (filter == kNearest) {
            nearest(in, width, height, channels, out, out_width, out_height);
        } else if (!down) {
            resample_columns(in, width, height, channels, out, out_width, weights_of(filter, width, out_width));
        } else {
            const Weights rows = weights_of(filter, height, out_height);
            if (!across) {
                resample_rows(in, width, channels, out, out_height, rows);
            } else {
                std::vector<uint8_t> between(static_cast<size_t>(out_width) * height * channels);
                resample_columns(in, width, height, channels, between.data(), out_width, weights_of(filter, width, out_width));
                resample_rows(between.data(), out_width, channels, out, out_height, rows);
            }
        }
        return 0;
    } catch (const std::bad_alloc&) {
        return 2;
    } catch (...) {
        return 3;
    }
}
