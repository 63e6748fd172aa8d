// What is no operator: life, memory and metadata of tensors, autograd, generators, threads, devices.
#include "boundary.h"
#include <ATen/CPUGeneratorImpl.h>
#include <ATen/Parallel.h>
#include <ATen/Version.h>
#include <ATen/core/grad_mode.h>
#include <torch/csrc/autograd/autograd.h>
#include <torch/csrc/autograd/variable.h>
#include <torch/version.h>
#include <atomic>
#include <dlfcn.h>
#include <mutex>

namespace prisma {

thread_local std::string last_error;
static std::atomic<int64_t> live_tensors{0};

TensorPtr hand_out(at::Tensor t) {
    if (!t.defined()) return nullptr;
    live_tensors.fetch_add(1, std::memory_order_relaxed);
    return new at::Tensor(std::move(t));
}

static std::vector<at::Tensor> gather(TensorPtr* items, int32_t count) {
    std::vector<at::Tensor> list;
    list.reserve(count);
    for (int32_t k = 0; k < count; k++) list.push_back(items[k] ? tensor(items[k]) : at::Tensor());
    return list;
}

static at::Generator& generator(GeneratorPtr p) { return *static_cast<at::Generator*>(p); }

static c10::Device device_of(int64_t packed) {
    return c10::Device(static_cast<c10::DeviceType>(packed & 0xff), static_cast<c10::DeviceIndex>(packed >> 8));
}

}  // namespace prisma

using prisma::guarded;
using prisma::tensor;

PRISMA_API const char* prisma_torch_error() { return prisma::last_error.c_str(); }
PRISMA_API int64_t prisma_live_tensors() { return prisma::live_tensors.load(std::memory_order_relaxed); }

PRISMA_API void prisma_tensor_free(TensorPtr t) {
    prisma::live_tensors.fetch_sub(1, std::memory_order_relaxed);
    delete static_cast<at::Tensor*>(t);
}

// Another handle to the same tensor.
PRISMA_API int prisma_tensor_share(TensorPtr t, TensorPtr* out) {
    return guarded([&] { *out = prisma::hand_out(tensor(t)); });
}

// A tensor over foreign memory; `release(context)` is called when the last view of it is gone.
PRISMA_API int prisma_tensor_from_blob(void* data, const int64_t* sizes, int32_t rank, int32_t dtype, void (*release)(void*), void* context,
                                       TensorPtr* out) {
    return guarded([&] {
        auto options = at::TensorOptions().dtype(static_cast<at::ScalarType>(dtype));
        auto deleter = [release, context](void*) {
            if (release) release(context);
        };
        *out = prisma::hand_out(at::from_blob(data, at::IntArrayRef(sizes, rank), deleter, options));
    });
}

struct TensorInfo {
    int64_t rank, numel, dtype, device, element_size, requires_grad, is_leaf, is_contiguous, version;
};

PRISMA_API int prisma_tensor_info(TensorPtr p, TensorInfo* out) {
    return guarded([&] {
        const auto& t = tensor(p);
        out->rank = t.dim();
        out->numel = t.numel();
        out->dtype = static_cast<int64_t>(t.scalar_type());
        out->device = static_cast<int64_t>(t.device().type()) | (static_cast<int64_t>(t.device().index()) << 8);
        out->element_size = static_cast<int64_t>(t.element_size());
        out->requires_grad = t.requires_grad();
        out->is_leaf = t.is_leaf();
        out->is_contiguous = t.is_contiguous();
        out->version = static_cast<int64_t>(t._version());
    });
}

PRISMA_API int prisma_tensor_shape(TensorPtr p, int64_t* sizes, int64_t* strides) {
    return guarded([&] {
        const auto& t = tensor(p);
        for (int64_t k = 0; k < t.dim(); k++) {
            if (sizes) sizes[k] = t.size(k);
            if (strides) strides[k] = t.stride(k);
        }
    });
}

PRISMA_API int prisma_tensor_data(TensorPtr p, void** out) {
    return guarded([&] { *out = tensor(p).data_ptr(); });
}

PRISMA_API int prisma_tensor_set_requires_grad(TensorPtr p, int32_t on) {
    return guarded([&] { tensor(p).set_requires_grad(on != 0); });
}

PRISMA_API int prisma_tensor_grad(TensorPtr p, TensorPtr* out) {
    return guarded([&] { *out = prisma::hand_out(tensor(p).grad()); });
}

PRISMA_API int prisma_tensor_set_grad(TensorPtr p, TensorPtr grad) {
    return guarded([&] { tensor(p).mutable_grad() = grad ? tensor(grad) : at::Tensor(); });
}

PRISMA_API int prisma_backward(TensorPtr p, TensorPtr gradient, int32_t retain_graph, int32_t create_graph) {
    return guarded([&] {
        std::vector<at::Tensor> grads;
        if (gradient) grads.push_back(tensor(gradient));
        torch::autograd::backward({tensor(p)}, grads, retain_graph != 0, create_graph != 0);
    });
}

// Writes one gradient per input; null where the input is not used and `allow_unused` is set.
PRISMA_API int prisma_autograd_grad(TensorPtr* outputs, int32_t output_count, TensorPtr* inputs, int32_t input_count, TensorPtr* grads,
                                    int32_t grad_count, int32_t retain_graph, int32_t create_graph, int32_t allow_unused, TensorPtr* out) {
    return guarded([&] {
        auto result = torch::autograd::grad(prisma::gather(outputs, output_count), prisma::gather(inputs, input_count),
                                            prisma::gather(grads, grad_count), retain_graph != 0, create_graph != 0, allow_unused != 0);
        for (int32_t k = 0; k < input_count; k++) out[k] = prisma::hand_out(std::move(result[k]));
    });
}

PRISMA_API int32_t prisma_grad_enabled() { return at::GradMode::is_enabled(); }
PRISMA_API void prisma_set_grad_enabled(int32_t on) { at::GradMode::set_enabled(on != 0); }

PRISMA_API int prisma_manual_seed(int64_t seed) {
    return guarded([&] { at::manual_seed(static_cast<uint64_t>(seed)); });
}

PRISMA_API int prisma_generator_new(int64_t device, int64_t seed, GeneratorPtr* out) {
    return guarded([&] {
        auto where = prisma::device_of(device);
        at::Generator fresh = where.is_cpu() ? at::detail::createCPUGenerator(static_cast<uint64_t>(seed))
                                             : at::globalContext().defaultGenerator(where).clone();
        fresh.set_current_seed(static_cast<uint64_t>(seed));
        *out = new at::Generator(std::move(fresh));
    });
}

PRISMA_API int prisma_generator_default(GeneratorPtr* out) {
    return guarded([&] { *out = new at::Generator(at::detail::getDefaultCPUGenerator()); });
}

PRISMA_API void prisma_generator_free(GeneratorPtr g) { delete static_cast<at::Generator*>(g); }

PRISMA_API int prisma_generator_set_seed(GeneratorPtr g, int64_t seed) {
    return guarded([&] {
        auto& it = prisma::generator(g);
        std::lock_guard<std::mutex> lock(it.mutex());
        it.set_current_seed(static_cast<uint64_t>(seed));
    });
}

PRISMA_API int prisma_generator_seed(GeneratorPtr g, int64_t* out) {
    return guarded([&] { *out = static_cast<int64_t>(prisma::generator(g).current_seed()); });
}

PRISMA_API int prisma_generator_get_state(GeneratorPtr g, TensorPtr* out) {
    return guarded([&] {
        auto& it = prisma::generator(g);
        std::lock_guard<std::mutex> lock(it.mutex());
        *out = prisma::hand_out(it.get_state());
    });
}

PRISMA_API int prisma_generator_set_state(GeneratorPtr g, TensorPtr state) {
    return guarded([&] {
        auto& it = prisma::generator(g);
        std::lock_guard<std::mutex> lock(it.mutex());
        it.set_state(tensor(state));
    });
}

PRISMA_API int32_t prisma_get_num_threads() { return at::get_num_threads(); }

// libtorch's own pool and, because it calls BLAS from the caller's thread, OpenBLAS's as well where that is the BLAS in use.
PRISMA_API int prisma_set_num_threads(int32_t count) {
    return guarded([&] {
        at::set_num_threads(count);
        if (auto set = reinterpret_cast<void (*)(int)>(dlsym(RTLD_DEFAULT, "openblas_set_num_threads"))) set(count);
    });
}

PRISMA_API int32_t prisma_get_num_interop_threads() { return at::get_num_interop_threads(); }
PRISMA_API int prisma_set_num_interop_threads(int32_t count) {
    return guarded([&] { at::set_num_interop_threads(count); });
}

PRISMA_API int32_t prisma_cuda_is_available() {
    int32_t yes = 0;
    guarded([&] { yes = at::hasCUDA() && at::detail::getCUDAHooks().getNumGPUs() > 0; });
    return yes;
}

PRISMA_API int32_t prisma_cuda_device_count() {
    int32_t count = 0;
    guarded([&] { count = at::hasCUDA() ? static_cast<int32_t>(at::detail::getCUDAHooks().getNumGPUs()) : 0; });
    return count;
}

PRISMA_API int prisma_cuda_synchronize(int64_t index) {
    return guarded([&] { at::detail::getCUDAHooks().deviceSynchronize(static_cast<c10::DeviceIndex>(index)); });
}

PRISMA_API const char* prisma_torch_version() { return TORCH_VERSION; }

PRISMA_API int prisma_show_config(char* buffer, int64_t capacity) {
    return guarded([&] {
        auto text = at::show_config() + at::get_parallel_info();
        auto length = std::min<int64_t>(capacity - 1, static_cast<int64_t>(text.size()));
        text.copy(buffer, static_cast<size_t>(length));
        buffer[length] = 0;
    });
}
