// Threads that stay between calls, for work of microseconds that is called again and again. Every piece writes only its own results, which must not
// depend on how the range is cut. One call at a time has the team: a second, from another thread meanwhile, does its work alone.
#pragma once

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <system_error>
#include <thread>

#if defined(__x86_64__) || defined(_M_X64)
#include <immintrin.h>
#endif

namespace prisma {

class Team {
  public:
    // Never destroyed: its threads sleep until the process ends.
    static Team& shared() {
        static auto* team = new Team;
        return *team;
    }

    // body(begin, end) for pieces of [0, count), each of `least` or more but for the last; it must not throw.
    template <class Body>
    void run(int64_t count, int64_t least, int threads, const Body& body) {
        const auto call = [](const void* what, int64_t begin, int64_t end) { (*static_cast<const Body*>(what))(begin, end); };
        std::unique_lock<std::mutex> mine(entry_, std::defer_lock);
        if (threads < 2 || count <= least || !mine.try_lock() || alone_ > 0) {
            if (mine.owns_lock()) --alone_;
            body(0, count);
            return;
        }
        hire(threads - 1);
        call_ = call, what_ = &body, count_ = count, least_ = least, seats_ = threads - 1;
        next_.store(0);
        open_.store(true);
        if (asleep_.load() > 0) {
            { std::lock_guard<std::mutex> door(bed_); }
            wake_.notify_all();
        }
        work();
        open_.store(false);
        // On a busy machine a helper may have lost its processor in the middle of a piece: it gets this one. Waiting costs more than helpers bring
        // where memory decides, so the next calls do without them; how many, doubles as long as it goes on.
        int waited = 0;
        for (; inside_.load() != 0; ++waited)
            if (waited < kPatience) pause();
            else std::this_thread::yield();
        rest_ = waited < kPatience ? rest_ / 2 : std::min(std::max(2 * rest_, kShortRest), kLongRest);
        alone_ = waited < kPatience ? 0 : rest_;
    }

  private:
    static constexpr int kPatience = 10000;  // looks at the door before sleep: a quarter of a millisecond, what lies between two tokens of a model

    static constexpr int kShortRest = 64, kLongRest = 4096;  // calls: about one token of a model, and some eighty

    static void pause() {
#if defined(__x86_64__) || defined(_M_X64)
        _mm_pause();
#endif
    }

    void hire(int wanted) {
        try {
            for (; hired_ < wanted; ++hired_) std::thread([this] { live(); }).detach();
        } catch (const std::system_error&) {
            // No further thread to be had: those there are do all the work.
        }
    }

    void live() {
        for (int waited = 0;;) {
            if (open_.load()) {
                // Whoever is counted inside before the door closes is waited for; whoever comes later finds it closed.
                const int seat = inside_.fetch_add(1);
                if (open_.load() && seat < seats_) work();
                inside_.fetch_sub(1);
                waited = 0;
            }
            pause();
            if (++waited < kPatience) continue;
            std::unique_lock<std::mutex> door(bed_);
            asleep_.fetch_add(1);
            wake_.wait(door, [this] { return open_.load(); });
            asleep_.fetch_sub(1);
            waited = 0;
        }
    }

    // Large pieces first, because each begins with waiting for memory; smaller ones towards the end, so that all end together.
    void work() {
        for (int64_t begin = next_.load(); begin < count_;) {
            const int64_t end = std::min(count_, begin + std::max(least_, (count_ - begin) / (seats_ + 1)));
            if (!next_.compare_exchange_weak(begin, end)) continue;
            call_(what_, begin, end);
            begin = next_.load();
        }
    }

    std::mutex entry_, bed_;
    std::condition_variable wake_;
    std::atomic<int64_t> next_{0};
    std::atomic<bool> open_{false};
    std::atomic<int> inside_{0}, asleep_{0};
    int hired_ = 0, seats_ = 0;
    int rest_ = 0, alone_ = 0;  // calls without helpers after the last wait; how many of them are left
    int64_t count_ = 0, least_ = 1;
    void (*call_)(const void*, int64_t, int64_t) = nullptr;
    const void* what_ = nullptr;
};

}  // namespace prisma
