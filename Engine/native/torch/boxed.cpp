// Any ATen operator by name, through the dispatcher's boxed calling convention: autograd, CUDA and every libtorch from 1.13 on,
// without generated code.
#include "boundary.h"
#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/core/ivalue.h>
#include <torch/version.h>
#include <stdexcept>

using c10::IValue;

#if TORCH_VERSION_MAJOR > 2 || (TORCH_VERSION_MAJOR == 2 && TORCH_VERSION_MINOR >= 1)
template <typename T> using Optional = std::optional<T>;
#else
template <typename T> using Optional = c10::optional<T>;
#endif

namespace {

c10::Device device_of(int64_t packed) {
    auto type = static_cast<c10::DeviceType>(packed & 0xff);
    auto index = static_cast<c10::DeviceIndex>(packed >> 8);
    return c10::Device(type, index);
}

IValue to_ivalue(const Value& v) {
    switch (v.tag) {
        case tag::None: return IValue();
        case tag::Tensor: return IValue(prisma::tensor(v.p));
        case tag::Int: return IValue(v.i);
        case tag::Double: return IValue(v.d);
        case tag::Bool: return IValue(v.i != 0);
        case tag::IntList: {
            auto* p = static_cast<const int64_t*>(v.p);
            return IValue(std::vector<int64_t>(p, p + v.length));
        }
        case tag::DoubleList: {
            auto* p = static_cast<const double*>(v.p);
            return IValue(std::vector<double>(p, p + v.length));
        }
        case tag::TensorList: {
            auto* p = static_cast<TensorPtr*>(v.p);
            c10::List<at::Tensor> list;
            list.reserve(v.length);
            for (int64_t k = 0; k < v.length; k++) list.push_back(prisma::tensor(p[k]));
            return IValue(std::move(list));
        }
        case tag::OptTensorList: {
            auto* p = static_cast<TensorPtr*>(v.p);
            c10::List<Optional<at::Tensor>> list;
            list.reserve(v.length);
            for (int64_t k = 0; k < v.length; k++)
                list.push_back(p[k] ? Optional<at::Tensor>(prisma::tensor(p[k])) : Optional<at::Tensor>());
            return IValue(std::move(list));
        }
        case tag::String: return IValue(std::string(static_cast<const char*>(v.p), v.length));
        case tag::Device: return IValue(device_of(v.i));
        case tag::Generator: return IValue(*static_cast<at::Generator*>(v.p));
        default: throw std::invalid_argument("unknown argument tag " + std::to_string(v.tag));
    }
}

void from_ivalue(IValue&& value, Value& out) {
    out.length = 0;
    if (value.isTensor()) {
        out.tag = tag::Tensor;
        out.p = prisma::hand_out(std::move(value).toTensor());
    } else if (value.isTensorList()) {
        auto list = value.toTensorVector();
        auto* items = new TensorPtr[list.size()];
        for (size_t k = 0; k < list.size(); k++) items[k] = prisma::hand_out(std::move(list[k]));
        out.tag = tag::TensorList;
        out.length = static_cast<int64_t>(list.size());
        out.p = items;
    } else if (value.isInt()) {
        out.tag = tag::Int;
        out.i = value.toInt();
    } else if (value.isDouble()) {
        out.tag = tag::Double;
        out.d = value.toDouble();
    } else if (value.isBool()) {
        out.tag = tag::Bool;
        out.i = value.toBool();
    } else if (value.isNone()) {
        out.tag = tag::None;
    } else {
        throw std::invalid_argument("an operator returned a " + value.tagKind() + ", which this binding does not know");
    }
}

}  // namespace

PRISMA_API int prisma_op_find(const char* name, const char* overload, void** out) {
    return prisma::guarded([&] {
        auto handle = c10::Dispatcher::singleton().findSchema({name, overload});
        if (!handle.has_value())
            throw std::invalid_argument(std::string("this libtorch has no operator ") + name + (*overload ? "." : "") + overload);
        *out = new c10::OperatorHandle(*handle);  // lives as long as the process
    });
}

// Calls an operator. Missing trailing arguments and tag::Default take the schema's defaults. Writes at most `capacity` results.
PRISMA_API int prisma_op_call(void* op, const Value* args, int32_t count, Value* results, int32_t capacity) {
    return prisma::guarded([&] {
        auto& handle = *static_cast<c10::OperatorHandle*>(op);
        const auto& expected = handle.schema().arguments();
        if (static_cast<size_t>(count) > expected.size())
            throw std::invalid_argument(handle.schema().name() + " takes at most " + std::to_string(expected.size()) + " arguments");
        torch::jit::Stack stack;
        stack.reserve(expected.size());
        for (size_t k = 0; k < expected.size(); k++) {
            if (k < static_cast<size_t>(count) && args[k].tag != tag::Default) {
                stack.push_back(to_ivalue(args[k]));
                continue;
            }
            const auto& fallback = expected[k].default_value();
            if (!fallback.has_value())
                throw std::invalid_argument(handle.schema().name() + ": argument '" + expected[k].name() + "' is missing");
            stack.push_back(*fallback);
        }
        handle.callBoxed(&stack);
        for (int32_t k = 0; k < capacity; k++) {
            if (static_cast<size_t>(k) < stack.size())
                from_ivalue(std::move(stack[k]), results[k]);
            else
                results[k].tag = tag::None;
        }
    });
}

PRISMA_API void prisma_list_free(TensorPtr* items) { delete[] items; }
