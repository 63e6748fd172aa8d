// Work on a range, cut into pieces of equal size that threads take in turn. The cut depends on the range alone and every piece writes only its
// own results, so results do not depend on the number of threads. Threads live for one call: calls here take milliseconds.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <exception>
#include <system_error>
#include <thread>
#include <vector>

namespace prisma {

// A sum that several threads add to; its order does not matter for whole numbers. Gives the sum so far.
inline int64_t add_shared(int64_t* sum, int64_t count) {
    static std::atomic_flag busy = ATOMIC_FLAG_INIT;
    while (busy.test_and_set(std::memory_order_acquire)) std::this_thread::yield();
    const int64_t now = *sum += count;
    busy.clear(std::memory_order_release);
    return now;
}

// body(begin, end) for every piece of [0, count). The first exception of a piece is thrown again here, after all threads have ended.
template <class Body>
void parallel(int64_t count, int64_t piece, int threads, Body body) {
    std::atomic<int64_t> next{0};
    std::atomic<bool> failed{false};
    std::exception_ptr failure;
    const auto work = [&] {
        try {
            for (int64_t begin; !failed && (begin = next.fetch_add(piece)) < count;) body(begin, std::min(begin + piece, count));
        } catch (...) {
            if (!failed.exchange(true)) failure = std::current_exception();
        }
    };
    const int64_t pieces = (count + piece - 1) / piece;
    std::vector<std::thread> others;
    others.reserve(static_cast<size_t>(std::max(threads, 1)));
    try {
        for (int64_t t = 1; t < std::min<int64_t>(threads, pieces); ++t) others.emplace_back(work);
    } catch (const std::system_error&) {
        // No further thread to be had: those there are do all the work.
    }
    work();
    for (auto& other : others) other.join();
    if (failure) std::rethrow_exception(failure);
}

}  // namespace prisma
