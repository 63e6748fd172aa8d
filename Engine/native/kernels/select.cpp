// Choosing entries of a matrix of pre-activations [rows, features], z = x + bias, as sparse rows: starts [rows + 1], indices and values, in
// ascending order of the index. Exact and independent of the number of threads: of equal entries the one with the lower index comes first.
//
// The k largest of a row are found in one pass over it: maxima of blocks of columns give a lower bound, the k-th largest maximum, that at least
// k entries reach; only blocks whose maximum reaches it are looked at again.

#include <algorithm>
#include <climits>
#include <cstdint>
#include <functional>
#include <vector>

#include "lanes.h"
#include "parallel.h"
#include "platform.h"
#include "screen.h"

namespace {

using namespace prisma;

constexpr int64_t kRowsPerPiece = 16;
constexpr int kMaxHeight = 32;
constexpr int kBuckets = 1 << 16;  // of positive ranks, which have 31 bits

struct Matrix {
    const float* x;
    int64_t rows, features;
    const float* bias;
    const prisma_screen* screen;

    const float* row(int64_t r) const { return x + r * features; }
    RowBounds bounds(int64_t r) const { return {screen->row_lengths[r], screen->row_deltas[r], screen->deltas, screen->lengths}; }

    // Exact values of some columns of a row.
    void values(int64_t r, const std::vector<int64_t>& columns, std::vector<float>& out) const {
        const auto count = static_cast<int64_t>(columns.size());
        out.resize(columns.size());
        if (screen) {
            if (add_shared(screen->examined, count) > screen->most) throw kTooOpen;
            dot_rows(screen->x + r * screen->width, screen->w, columns.data(), count, screen->width, out.data());
        }
        for (size_t j = 0; j < columns.size(); ++j) {
            const float product = screen ? out[j] : row(r)[columns[j]];
            out[j] = bias ? product + bias[columns[j]] : product;
        }
    }
};

// How columns are cut into blocks of `height` entries; without blocks every entry is looked at.
struct Blocks {
    int height = 0;
    int64_t chunks = 0;

    // Four times as many blocks as wanted entries, or the bound is too low to help.
    Blocks(int64_t features, int64_t wanted) {
        for (int h = kMaxHeight; h >= 2; h /= 2) {
            const int64_t c = features / (int64_t{kLanes} * h);
            if (c * kLanes < 4 * wanted) continue;
            height = h;
            chunks = c;
            return;
        }
    }

    int64_t count() const { return chunks * kLanes; }
    int64_t columns() const { return count() * height; }
};

// An entry with its rank: larger ranks first, then lower places.
struct Ranked {
    int32_t rank;
    float value;
    int64_t place;
    bool before(const Ranked& other) const { return rank != other.rank ? rank > other.rank : place < other.place; }
};

struct Before {
    bool operator()(const Ranked& a, const Ranked& b) const { return a.before(b); }
};

struct ByPlace {
    bool operator()(const Ranked& a, const Ranked& b) const { return a.place < b.place; }
};

// Maxima of a row's blocks: `lower` to take a bound from, `upper` to compare with it; the same where products are exact.
void maxima_of_row(const Matrix& matrix, int64_t r, const Blocks& blocks, int32_t* lower, int32_t* upper) {
    const int64_t chunk = int64_t{kLanes} * blocks.height;
    for (int64_t c = 0; c < blocks.chunks; ++c) {
        if (matrix.screen) {
            block_bounds(matrix.row(r), matrix.bias, matrix.bounds(r), c * chunk, blocks.height, lower + c * kLanes, upper + c * kLanes);
            continue;
        }
        block_maxima(matrix.row(r) + c * chunk, matrix.bias ? matrix.bias + c * chunk : nullptr, blocks.height, lower + c * kLanes);
        if (upper != lower) std::copy(lower + c * kLanes, lower + (c + 1) * kLanes, upper + c * kLanes);
    }
}

// Room that is used again from row to row.
struct Scratch {
    std::vector<int64_t> columns;
    std::vector<float> values;
};

// Entries of a row whose rank reaches the floor, in no particular order; places count from `origin`.
void candidates_of_row(const Matrix& matrix, int64_t r, const Blocks& blocks, const int32_t* upper, int32_t floor, int64_t origin,
                       Scratch& scratch, std::vector<Ranked>& found) {
    const float* x = matrix.row(r);
    scratch.columns.clear();
    const auto look = [&](int64_t column) {
        const int32_t rank = matrix.screen ? rank_of_value(upper_end(x, matrix.bias, matrix.bounds(r), column)) : rank_of(x, matrix.bias, column);
        if (rank >= floor) scratch.columns.push_back(column);
    };
    const int64_t chunk = int64_t{kLanes} * blocks.height;
    for (int64_t b = 0; b < blocks.count(); ++b) {
        if (upper[b] < floor) continue;
        int64_t column = b / kLanes * chunk + b % kLanes;
        for (int t = 0; t < blocks.height; ++t, column += kLanes) look(column);
    }
    for (int64_t column = blocks.columns(); column < matrix.features; ++column) look(column);
    matrix.values(r, scratch.columns, scratch.values);
    for (size_t j = 0; j < scratch.columns.size(); ++j) {
        const int32_t rank = rank_of_value(scratch.values[j]);
        if (rank >= floor) found.push_back({rank, scratch.values[j], origin + scratch.columns[j]});
    }
}

bool is_bad(const float* x, int64_t rows, int64_t features, const int64_t* starts, int threads) {
    return x == nullptr || starts == nullptr || rows < 0 || features < 1 || threads < 1;
}

// Moves entries that were written at fixed places together.
void close_gaps(const std::vector<int64_t>& counts, int64_t stride, int64_t* starts, int64_t* indices, float* values) {
    starts[0] = 0;
    for (size_t r = 0; r < counts.size(); ++r) {
        const int64_t from = static_cast<int64_t>(r) * stride, to = starts[r];
        if (from != to) {
            std::copy(indices + from, indices + from + counts[r], indices + to);
            std::copy(values + from, values + from + counts[r], values + to);
        }
        starts[r + 1] = to + counts[r];
    }
}

// Entries that pieces of rows found, in order, put together.
struct Piece {
    std::vector<int64_t> counts, indices;
    std::vector<float> values;
};

int put_together(const std::vector<Piece>& pieces, int64_t capacity, int64_t* starts, int64_t* indices, float* values) {
    int64_t total = 0, r = 0;
    starts[0] = 0;
    for (const auto& piece : pieces)
        for (const int64_t count : piece.counts) starts[++r] = total += count;
    if (total > capacity) return kTooSmall;
    for (const auto& piece : pieces) {
        indices = std::copy(piece.indices.begin(), piece.indices.end(), indices);
        values = std::copy(piece.values.begin(), piece.values.end(), values);
    }
    return kDone;
}

// A rank that at least `wanted` of the maxima reach, and not many more; 1, the least positive rank, where so many are not positive.
int32_t common_floor(const std::vector<int32_t>& maxima, int64_t wanted) {
    std::vector<int64_t> counts(kBuckets);
    for (const int32_t rank : maxima)
        if (rank > 0) ++counts[rank >> 15];
    int64_t above = 0;
    for (int bucket = kBuckets - 1; bucket >= 0; --bucket)
        if ((above += counts[bucket]) >= wanted) return std::max(bucket << 15, 1);
    return 1;
}

// The last entry to keep; the lowest possible where there are fewer than wanted.
Ranked last_kept(const std::vector<std::vector<Ranked>>& found, int64_t wanted) {
    size_t size = 0;
    for (const auto& piece : found) size += piece.size();
    if (static_cast<int64_t>(size) <= wanted) return {INT_MIN, 0, INT64_MAX};
    std::vector<Ranked> all;
    all.reserve(size);
    for (const auto& piece : found) all.insert(all.end(), piece.begin(), piece.end());
    std::nth_element(all.begin(), all.begin() + (wanted - 1), all.end(), Before());
    return all[wanted - 1];
}

}  // namespace

// The k largest entries of each row; only positive ones if asked. Room for rows·k entries.
PRISMA_EXPORT int prisma_sparse_topk(const float* x, int64_t rows, int64_t features, const float* bias, int64_t k, int positive_only,
                                     const prisma_screen* screen, int64_t* starts, int64_t* indices, float* values, int threads) {
    if (is_bad(x, rows, features, starts, threads) || indices == nullptr || values == nullptr || k < 1 || k > features) return kBadArgument;
    return guarded([&] {
        const Matrix matrix{x, rows, features, bias, screen};
        const Blocks blocks(features, k);
        std::vector<int64_t> counts(rows);
        parallel(rows, kRowsPerPiece, threads, [&](int64_t begin, int64_t end) {
            std::vector<int32_t> lower(blocks.count()), upper(blocks.count());
            std::vector<Ranked> found;
            Scratch scratch;
            for (int64_t r = begin; r < end; ++r) {
                int32_t floor = positive_only ? 1 : INT_MIN;
                if (blocks.height > 0) {
                    maxima_of_row(matrix, r, blocks, lower.data(), upper.data());
                    std::nth_element(lower.begin(), lower.begin() + (k - 1), lower.end(), std::greater<int32_t>());
                    floor = std::max(floor, lower[k - 1]);
                }
                found.clear();
                candidates_of_row(matrix, r, blocks, upper.data(), floor, 0, scratch, found);
                if (static_cast<int64_t>(found.size()) > k) {
                    std::nth_element(found.begin(), found.begin() + (k - 1), found.end(), Before());
                    found.resize(k);
                }
                std::sort(found.begin(), found.end(), ByPlace());
                counts[r] = static_cast<int64_t>(found.size());
                for (size_t j = 0; j < found.size(); ++j) {
                    indices[r * k + j] = found[j].place;
                    values[r * k + j] = found[j].value;
                }
            }
        });
        close_gaps(counts, k, starts, indices, values);
        return static_cast<int>(kDone);
    });
}

// The `wanted` largest positive entries of the whole matrix, or all where there are fewer. Room for `wanted` entries.
PRISMA_EXPORT int prisma_sparse_batch_topk(const float* x, int64_t rows, int64_t features, const float* bias, int64_t wanted,
                                           const prisma_screen* screen, int64_t* starts, int64_t* indices, float* values, int threads) {
    if (is_bad(x, rows, features, starts, threads) || wanted < 0 || (wanted > 0 && (indices == nullptr || values == nullptr)))
        return kBadArgument;
    return guarded([&] {
        std::fill(starts, starts + rows + 1, 0);
        if (wanted == 0 || rows == 0) return static_cast<int>(kDone);
        const Matrix matrix{x, rows, features, bias, screen};
        const Blocks blocks(features, (wanted + rows - 1) / rows);
        std::vector<int32_t> lower(rows * blocks.count()), apart(screen ? lower.size() : 0);
        int32_t* upper = screen ? apart.data() : lower.data();
        parallel(rows, kRowsPerPiece, threads, [&](int64_t begin, int64_t end) {
            for (int64_t r = begin; r < end; ++r)
                maxima_of_row(matrix, r, blocks, lower.data() + r * blocks.count(), upper + r * blocks.count());
        });
        const int32_t floor = common_floor(lower, wanted);
        const int64_t count = (rows + kRowsPerPiece - 1) / kRowsPerPiece;
        std::vector<std::vector<Ranked>> found(count);
        parallel(rows, kRowsPerPiece, threads, [&](int64_t begin, int64_t end) {
            Scratch scratch;
            for (int64_t r = begin; r < end; ++r)
                candidates_of_row(
                    matrix, r, blocks, upper + r * blocks.count(), floor, r * features, scratch, found[begin / kRowsPerPiece]);
        });
        const Ranked last = last_kept(found, wanted);
        std::vector<Piece> pieces(count);
        parallel(count, 1, threads, [&](int64_t p, int64_t) {
            auto& own = found[p];
            auto& piece = pieces[p];
            own.erase(std::remove_if(own.begin(), own.end(), [&](const Ranked& each) { return last.before(each); }), own.end());
            std::sort(own.begin(), own.end(), ByPlace());
            const int64_t first = p * kRowsPerPiece;
            piece.counts.assign(std::min(kRowsPerPiece, rows - first), 0);
            for (const auto& each : own) {
                const int64_t r = each.place / features, column = each.place % features;
                ++piece.counts[r - first];
                piece.indices.push_back(column);
                piece.values.push_back(each.value);
            }
        });
        return put_together(pieces, wanted, starts, indices, values);
    });
}

// Every entry above its feature's limit [features]. Starts are complete even where the room is too small: starts[rows] says how much is needed.
PRISMA_EXPORT int prisma_sparse_above(const float* x, int64_t rows, int64_t features, const float* bias, const float* limit,
                                      const prisma_screen* screen, int64_t capacity, int64_t* starts, int64_t* indices, float* values,
                                      int threads) {
    if (is_bad(x, rows, features, starts, threads) || limit == nullptr || capacity < 0 ||
        (capacity > 0 && (indices == nullptr || values == nullptr)))
        return kBadArgument;
    return guarded([&] {
        const Matrix matrix{x, rows, features, bias, screen};
        std::vector<Piece> pieces((rows + kRowsPerPiece - 1) / kRowsPerPiece);
        parallel(rows, kRowsPerPiece, threads, [&](int64_t begin, int64_t end) {
            auto& piece = pieces[begin / kRowsPerPiece];
            Scratch scratch;
            for (int64_t r = begin; r < end; ++r) {
                const float* row = matrix.row(r);
                scratch.columns.clear();
                for (int64_t c = 0; c < features; c += kLanes) {
                    const int64_t stop = std::min<int64_t>(c + kLanes, features);
                    const bool any = screen ? any_end_above(row, bias, matrix.bounds(r), c, limit, stop - c)
                                            : any_above(row + c, bias ? bias + c : nullptr, limit + c, stop - c);
                    for (int64_t column = any ? c : stop; column < stop; ++column) {
                        const float z = screen ? upper_end(row, bias, matrix.bounds(r), column) : bias ? row[column] + bias[column] : row[column];
                        if (!(z <= limit[column])) scratch.columns.push_back(column);
                    }
                }
                matrix.values(r, scratch.columns, scratch.values);
                const size_t before = piece.indices.size();
                for (size_t j = 0; j < scratch.columns.size(); ++j) {
                    if (scratch.values[j] <= limit[scratch.columns[j]]) continue;
                    piece.indices.push_back(scratch.columns[j]);
                    piece.values.push_back(scratch.values[j]);
                }
                piece.counts.push_back(static_cast<int64_t>(piece.indices.size() - before));
            }
        });
        return put_together(pieces, capacity, starts, indices, values);
    });
}
