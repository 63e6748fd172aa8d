using System.Runtime.InteropServices;

namespace Prisma.Engine;

/// <summary>One boxed argument or result, laid out like the shim's <c>Value</c>.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct NativeValue
{
    public long Tag;
    public long Length;
    public long Bits;
}

[StructLayout(LayoutKind.Sequential)]
internal struct NativeTensorInfo
{
    public long Rank, Numel, Dtype, Device, ElementSize, RequiresGrad, IsLeaf, IsContiguous, Version;
}

internal enum ValueTag : long
{
    Default, None, Tensor, Int, Double, Bool, IntList, DoubleList, TensorList, OptionalTensorList, String, Device, Generator,
}

/// <summary>The shim's C surface (native/torch). Functions that can fail return 0 or -1; <see cref="Check"/> turns -1 into an exception.</summary>
internal static unsafe partial class NativeTorch
{
    private const string Library = "prisma_torch";

    [LibraryImport(Library)] private static partial nint prisma_torch_error();
    [LibraryImport(Library)] internal static partial long prisma_live_tensors();
    [LibraryImport(Library)] internal static partial void prisma_tensor_free(nint tensor);
    [LibraryImport(Library)] internal static partial int prisma_tensor_share(nint tensor, out nint result);
    [LibraryImport(Library)]
    internal static partial int prisma_tensor_from_blob(void* data, long* sizes, int rank, int dtype,
        delegate* unmanaged<nint, void> release, nint context, out nint result);
    [LibraryImport(Library)] internal static partial int prisma_tensor_info(nint tensor, out NativeTensorInfo info);
    [LibraryImport(Library)] internal static partial int prisma_tensor_shape(nint tensor, long* sizes, long* strides);
    [LibraryImport(Library)] internal static partial int prisma_tensor_data(nint tensor, out nint data);
    [LibraryImport(Library)] internal static partial int prisma_tensor_set_requires_grad(nint tensor, int on);
    [LibraryImport(Library)] internal static partial int prisma_tensor_grad(nint tensor, out nint grad);
    [LibraryImport(Library)] internal static partial int prisma_tensor_set_grad(nint tensor, nint grad);
    [LibraryImport(Library)] internal static partial int prisma_backward(nint tensor, nint gradient, int retainGraph, int createGraph);
    [LibraryImport(Library)]
    internal static partial int prisma_autograd_grad(nint* outputs, int outputCount, nint* inputs, int inputCount, nint* grads, int gradCount,
        int retainGraph, int createGraph, int allowUnused, nint* results);
    [LibraryImport(Library)] internal static partial int prisma_grad_enabled();
    [LibraryImport(Library)] internal static partial void prisma_set_grad_enabled(int on);
    [LibraryImport(Library)] internal static partial int prisma_manual_seed(long seed);
    [LibraryImport(Library)] internal static partial int prisma_generator_new(long device, long seed, out nint result);
    [LibraryImport(Library)] internal static partial int prisma_generator_default(out nint result);
    [LibraryImport(Library)] internal static partial void prisma_generator_free(nint generator);
    [LibraryImport(Library)] internal static partial int prisma_generator_set_seed(nint generator, long seed);
    [LibraryImport(Library)] internal static partial int prisma_generator_seed(nint generator, out long seed);
    [LibraryImport(Library)] internal static partial int prisma_generator_get_state(nint generator, out nint state);
    [LibraryImport(Library)] internal static partial int prisma_generator_set_state(nint generator, nint state);
    [LibraryImport(Library)] internal static partial int prisma_get_num_threads();
    [LibraryImport(Library)] internal static partial int prisma_set_num_threads(int count);
    [LibraryImport(Library)] internal static partial int prisma_get_num_interop_threads();
    [LibraryImport(Library)] internal static partial int prisma_set_num_interop_threads(int count);
    [LibraryImport(Library)] internal static partial int prisma_cuda_is_available();
    [LibraryImport(Library)] internal static partial int prisma_cuda_device_count();
    [LibraryImport(Library)] internal static partial int prisma_cuda_synchronize(long index);
    [LibraryImport(Library)] internal static partial nint prisma_torch_version();
    [LibraryImport(Library)] internal static partial int prisma_show_config(byte* buffer, long capacity);
    [LibraryImport(Library, StringMarshalling = StringMarshalling.Utf8)]
    internal static partial int prisma_op_find(string name, string overload, out nint op);
    [LibraryImport(Library)]
    internal static partial int prisma_op_call(nint op, NativeValue* args, int count, NativeValue* results, int capacity);
    [LibraryImport(Library)] internal static partial void prisma_list_free(nint* items);

    /// <summary>Throws libtorch's message as TorchSharp does, with what was being done in front of it.</summary>
    internal static void Check(int status, string doing)
    {
        if (status != 0)
            throw new ExternalException($"{doing}: {Marshal.PtrToStringUTF8(prisma_torch_error())}");
    }
}
