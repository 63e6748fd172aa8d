// The one place where C++ exceptions end.
#pragma once
#include "abi.h"
#include <ATen/ATen.h>
#include <string>

namespace prisma {

extern thread_local std::string last_error;

inline at::Tensor& tensor(TensorPtr p) { return *static_cast<at::Tensor*>(p); }

// Wraps a tensor for the other side and counts it; an undefined one becomes null.
TensorPtr hand_out(at::Tensor t);

template <typename Body>
int guarded(Body&& body) noexcept {
    try {
        body();
        return 0;
    } catch (const c10::Error& e) {
        last_error = e.what_without_backtrace();
    } catch (const std::exception& e) {
        last_error = e.what();
    } catch (...) {
        last_error = "an exception that is no std::exception";
    }
    return -1;
}

}  // namespace prisma
