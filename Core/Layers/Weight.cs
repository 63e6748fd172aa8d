using static TorchSharp.torch;

namespace Prisma.Core;

/// <summary>One named weight of a module: a shape at first, a tensor once loaded or initialised. Owns the tensor.</summary>
public sealed class Weight : IDisposable
{
    private Tensor? _value;

    internal Weight(string name, long[] shape) => (Name, Shape) = (name, shape);

    /// <summary>The name within its module.</summary>
    public string Name { get; }

    /// <summary>The declared shape.</summary>
    public IReadOnlyList<long> Shape { get; }

    /// <summary>The number of values.</summary>
    public long Count => Shape.Aggregate(1L, (product, size) => product * size);

    /// <summary>Whether a value was set.</summary>
    public bool IsSet => _value is not null;

    /// <summary>The tensor. Borrowed.</summary>
    /// <exception cref="PrismaException">It was never loaded.</exception>
    public Tensor Value => _value ?? throw new PrismaException($"The weight '{Name}' [{string.Join(", ", Shape)}] was never loaded.");

    /// <summary>Takes over a tensor of the declared shape; the one before it is disposed.</summary>
    /// <exception cref="ShapeException">The shape differs.</exception>
    public void Set(Tensor value)
    {
        if (!value.shape.AsSpan().SequenceEqual(Shape.ToArray()))
            throw new ShapeException($"The weight '{Name}' is [{string.Join(", ", Shape)}]; a tensor of [{string.Join(", ", value.shape)}] was given.");
        var before = _value;
        _value = value.DetachFromDisposeScope();
        if (!ReferenceEquals(before, value)) before?.Dispose();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _value?.Dispose();
        _value = null;
    }
}
