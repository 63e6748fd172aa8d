// The C surface of prisma_torch. Every function returns 0, or -1 with a message in prisma_torch_error(); results go to
// out parameters. Nothing throws across this boundary.
#pragma once
#include <cstdint>

#define PRISMA_API extern "C" __attribute__((visibility("default")))

using TensorPtr = void*;     // at::Tensor*, freed with prisma_tensor_free
using GeneratorPtr = void*;  // at::Generator*

namespace tag {
enum : int64_t {
    Default = 0,        // take the schema's default
    None = 1,
    Tensor = 2,
    Int = 3,
    Double = 4,
    Bool = 5,
    IntList = 6,        // payload: int64_t*, length
    DoubleList = 7,     // payload: double*, length
    TensorList = 8,     // payload: TensorPtr*, length
    OptTensorList = 9,  // the same, null pointers allowed (index operators)
    String = 10,        // payload: const char*, length
    Device = 11,        // payload: type | index << 8 (index -1: none)
    Generator = 12,
};
}  // namespace tag

struct Value {
    int64_t tag;
    int64_t length;
    union {
        int64_t i;
        double d;
        void* p;
    };
};
