// The boundary of prisma_cv: every function returns 0, or 1 with the error kept for this thread. No exception crosses.
#pragma once

#include <cstdint>
#include <opencv2/core.hpp>

#if defined(_WIN32)
#define PRISMA_CV extern "C" __declspec(dllexport)
#else
#define PRISMA_CV extern "C" __attribute__((visibility("default")))
#endif

namespace prisma {

void remember(int code, const char* what, const char* function, const char* file, int line) noexcept;

template <class Body>
int guarded(Body body) noexcept {
    try {
        body();
        return 0;
    } catch (const cv::Exception& e) {
        remember(e.code, e.err.c_str(), e.func.c_str(), e.file.c_str(), e.line);
    } catch (const std::bad_alloc&) {
        remember(cv::Error::StsNoMem, "out of memory", "", "", 0);
    } catch (const std::exception& e) {
        remember(cv::Error::StsInternal, e.what(), "", "", 0);
    } catch (...) {
        remember(cv::Error::StsInternal, "unknown native error", "", "", 0);
    }
    return 1;
}

inline cv::Scalar scalar(const double* v) { return {v[0], v[1], v[2], v[3]}; }

}  // namespace prisma
