using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Text;
using static TorchSharp.torch;

namespace Prisma.Engine;

/// <summary>
/// One ATen operator, found in the dispatcher once and called boxed. Arguments are add-ref'd for the duration of the call, so a
/// tensor disposed on another thread cannot vanish under it. Missing trailing arguments take the schema's defaults.
/// </summary>
internal sealed unsafe class Op(string name, string overload = "")
{
    private const int Scratch = 64;
    private nint _handle;

    private nint Handle
    {
        get
        {
            if (_handle == 0)
            {
                NativeTorch.Check(NativeTorch.prisma_op_find("aten::" + name, overload, out var found), name);
                _handle = found;
            }
            return _handle;
        }
    }

    internal Tensor Call(params ReadOnlySpan<Arg> args)
    {
        NativeValue result = default;
        Invoke(args, &result, 1);
        return Wrap(result);
    }

    internal (Tensor, Tensor) Call2(params ReadOnlySpan<Arg> args)
    {
        var results = stackalloc NativeValue[2];
        Invoke(args, results, 2);
        return (Wrap(results[0]), Wrap(results[1]));
    }

    internal (Tensor, Tensor, Tensor) Call3(params ReadOnlySpan<Arg> args)
    {
        var results = stackalloc NativeValue[3];
        Invoke(args, results, 3);
        return (Wrap(results[0]), Wrap(results[1]), Wrap(results[2]));
    }

    internal Tensor[] CallList(params ReadOnlySpan<Arg> args)
    {
        NativeValue result = default;
        Invoke(args, &result, 1);
        var items = (nint*)result.Bits;
        try
        {
            var tensors = new Tensor[result.Length];
            for (var k = 0; k < tensors.Length; k++) tensors[k] = new Tensor(items[k]);
            return tensors;
        }
        finally
        {
            NativeTorch.prisma_list_free(items);
        }
    }

    /// <summary>For operators that return a number: the raw tag and bits.</summary>
    internal NativeValue CallNumber(params ReadOnlySpan<Arg> args)
    {
        NativeValue result = default;
        Invoke(args, &result, 1);
        return result;
    }

    /// <summary>For in-place operators: the native result is the argument itself, so its second handle is dropped at once.</summary>
    internal Tensor CallInPlace(Tensor self, params ReadOnlySpan<Arg> rest)
    {
        Span<Arg> args = new Arg[rest.Length + 1];
        args[0] = self;
        rest.CopyTo(args[1..]);
        NativeValue result = default;
        Invoke(args, &result, 1);
        if (result.Tag == (long)ValueTag.Tensor) NativeTorch.prisma_tensor_free((nint)result.Bits);
        return self;
    }

    private static Tensor Wrap(NativeValue value) => new((nint)value.Bits);

    private void Invoke(ReadOnlySpan<Arg> args, NativeValue* results, int capacity)
    {
        var values = stackalloc NativeValue[args.Length];
        var words = ListWords(args);
        var heap = words > Scratch ? NativeMemory.Alloc((nuint)words, sizeof(long)) : null;
        var space = stackalloc long[heap is null ? words : 0];
        var next = heap is null ? space : (long*)heap;
        var held = 0;
        try
        {
            for (; held < args.Length; held++) Flatten(args[held], out values[held], ref next);
            if (NativeTorch.prisma_op_call(Handle, values, args.Length, results, capacity) != 0)
                NativeTorch.Check(-1, Describe(args));
        }
        finally
        {
            for (var k = 0; k < held; k++) Release(args[k]);
            if (heap is not null) NativeMemory.Free(heap);
        }
    }

    // Lists travel in one flat buffer of 8-byte words.
    private static int ListWords(ReadOnlySpan<Arg> args)
    {
        var words = 0;
        foreach (ref readonly var arg in args)
        {
            if (arg.Tag < ValueTag.IntList) continue;
            words += arg.Reference switch
            {
                long[] list => list.Length,
                double[] list => list.Length,
                IReadOnlyCollection<Tensor?> list => list.Count,
                string text => Encoding.UTF8.GetByteCount(text) / sizeof(long) + 1,
                _ => 0,
            };
        }
        return words;
    }

    private static void Flatten(in Arg arg, out NativeValue value, ref long* next)
    {
        value = new NativeValue { Tag = (long)arg.Tag, Bits = arg.Bits };
        if (arg.Reference is null) return;
        switch (arg.Tag)
        {
            case ValueTag.Tensor:
                value.Bits = Unsafe.As<Tensor>(arg.Reference).AddRef();
                return;
            case ValueTag.IntList:
                Unsafe.As<long[]>(arg.Reference).CopyTo(new Span<long>(next, (int)(value.Length = Unsafe.As<long[]>(arg.Reference).Length)));
                break;
            case ValueTag.DoubleList:
                Unsafe.As<double[]>(arg.Reference).CopyTo(new Span<double>(next, (int)(value.Length = Unsafe.As<double[]>(arg.Reference).Length)));
                break;
            case ValueTag.TensorList or ValueTag.OptionalTensorList:
                var tensors = (IReadOnlyList<Tensor?>)arg.Reference;
                value.Length = tensors.Count;
                for (var k = 0; k < tensors.Count; k++)
                {
                    try
                    {
                        next[k] = tensors[k]?.AddRef() ?? 0;
                    }
                    catch (ObjectDisposedException)
                    {
                        for (var done = 0; done < k; done++) tensors[done]?.ReleaseRef();
                        throw;
                    }
                }
                break;
            case ValueTag.String:
                value.Length = Encoding.UTF8.GetBytes((string)arg.Reference, new Span<byte>(next, Encoding.UTF8.GetByteCount((string)arg.Reference)));
                value.Bits = (nint)next;
                next += value.Length / sizeof(long) + 1;
                return;
        }
        value.Bits = (nint)next;
        next += value.Length;
    }

    private static void Release(in Arg arg)
    {
        switch (arg.Tag)
        {
            case ValueTag.Tensor:
                Unsafe.As<Tensor>(arg.Reference!).ReleaseRef();
                break;
            case ValueTag.TensorList or ValueTag.OptionalTensorList:
                foreach (var tensor in (IReadOnlyList<Tensor?>)arg.Reference!) tensor?.ReleaseRef();
                break;
        }
    }

    private string Describe(ReadOnlySpan<Arg> args)
    {
        var shapes = new List<string>();
        foreach (ref readonly var arg in args)
            if (arg.Reference is Tensor tensor) shapes.Add($"{tensor.dtype}[{string.Join(", ", tensor.shape)}]");
        return $"{name}({string.Join(", ", shapes)})";
    }
}
