using System.Collections;
using static TorchSharp.torch;

namespace TorchSharp.Utils;

/// <summary>Reads and writes the elements of a CPU tensor of the matching type, in row-major order of its shape.</summary>
public sealed class TensorAccessor<T> : IDisposable, IEnumerable<T> where T : unmanaged
{
    private readonly Tensor _tensor;

    internal TensorAccessor(Tensor tensor)
    {
        if (tensor.device_type != DeviceType.CPU)
            throw new InvalidOperationException("Reading data from non-CPU memory is not supported. Move or copy the tensor to the cpu before reading.");
        _tensor = tensor;
    }

    public long Count => _tensor.numel();

    public T[] ToArray()
    {
        var result = new T[Count];
        CopyTo(result);
        return result;
    }

    public void CopyTo(Span<T> array, int arrayIndex = 0, long tensorIndex = 0)
    {
        using var dense = Dense();
        var source = dense.Elements<T>()[(int)tensorIndex..];
        source[..Math.Min(source.Length, array.Length - arrayIndex)].CopyTo(array[arrayIndex..]);
    }

    public void CopyTo(T[] array, int arrayIndex = 0, long tensorIndex = 0) => CopyTo(array.AsSpan(), arrayIndex, tensorIndex);

    public void CopyFrom(ReadOnlySpan<T> array, int arrayIndex = 0, long tensorIndex = 0)
    {
        if (!_tensor.is_contiguous()) throw new NotSupportedException("CopyFrom needs a contiguous tensor; use copy_ for views.");
        array[arrayIndex..].CopyTo(_tensor.Elements<T>()[(int)tensorIndex..]);
    }

    public void CopyFrom(T[] array, int arrayIndex = 0, long tensorIndex = 0) => CopyFrom(array.AsSpan(), arrayIndex, tensorIndex);

    public T this[params long[] indices]
    {
        get => _tensor.Elements<T>(1, Offset(indices))[0];
        set => _tensor.Elements<T>(1, Offset(indices))[0] = value;
    }

    public IEnumerator<T> GetEnumerator() => ((IEnumerable<T>)ToArray()).GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    public void Dispose() { }

    private Tensor Dense()
    {
        using var plain = _tensor.detach();
        return plain.contiguous().DetachFromDisposeScope();
    }

    private long Offset(long[] indices)
    {
        var shape = _tensor.shape;
        var strides = _tensor.stride();
        if (indices.Length != shape.Length) throw new ArgumentException($"{indices.Length} indices for a tensor of rank {shape.Length}.");
        long offset = 0;
        for (var k = 0; k < indices.Length; k++)
        {
            if (indices[k] < 0 || indices[k] >= shape[k]) throw new ArgumentOutOfRangeException(nameof(indices));
            offset += indices[k] * strides[k];
        }
        return offset;
    }
}
