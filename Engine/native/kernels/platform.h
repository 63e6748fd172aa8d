// What every kernel shares at its border: exported names, clones for wider vectors, status codes.
#pragma once

#include <new>

#if defined(__GNUC__) && !defined(__clang__) && defined(__x86_64__) && defined(__linux__)
// Compiled several times; the loader takes the widest that the processor has.
#define PRISMA_WIDE __attribute__((target_clones("avx512f", "avx2", "default")))
// The same with fused multiply-add, for sums that need not be rounded as a reference rounds them. Plain avx512f, not a processor: tuning for
// some processors halves the vectors.
#define PRISMA_WIDE_FUSED __attribute__((target_clones("avx512f", "arch=haswell", "default")))
#else
#define PRISMA_WIDE
#define PRISMA_WIDE_FUSED
#endif

// For what has to become part of a function that is compiled for wider vectors.
#if defined(__GNUC__)
#define PRISMA_INLINE inline __attribute__((always_inline))
#else
#define PRISMA_INLINE inline
#endif

#if defined(_WIN32)
#define PRISMA_EXPORT extern "C" __declspec(dllexport)
#else
#define PRISMA_EXPORT extern "C" __attribute__((visibility("default")))
#endif

namespace prisma {

enum Status { kDone = 0, kBadArgument = 1, kOutOfMemory = 2, kFailed = 3, kTooSmall = 4, kUnsuited = 5, kTooOpen = 6 };

// Runs a body that returns a status or throws one; nothing is thrown across the border.
template <class Body>
int guarded(Body body) {
    try {
        return body();
    } catch (const Status status) {
        return status;
    } catch (const std::bad_alloc&) {
        return kOutOfMemory;
    } catch (...) {
        return kFailed;
    }
}

}  // namespace prisma
