using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Diffusion;

/// <summary>A row for each class that a U-net can be asked for.</summary>
internal sealed class ClassEmbedding : Module
{
    private readonly long _classes;
    private readonly Weight _rows;

    internal ClassEmbedding(int classes, int width)
    {
        _classes = classes;
        _rows = Declare("weight", classes, width);
    }

    /// <summary>Classes [B] to rows [B, width].</summary>
    internal Tensor Forward(Tensor classes, long batch)
    {
        if (classes.ndim != 1 || classes.shape[0] != batch || classes.is_floating_point())
            throw new ShapeException($"class_labels is {classes.dtype} [{string.Join(", ", classes.shape)}]; expected {batch} whole numbers, one for each sample.");
        using var scope = NewDisposeScope();
        var (least, most) = (classes.min().to(ScalarType.Int64).item<long>(), classes.max().to(ScalarType.Int64).item<long>());
        return least >= 0 && most < _classes
            ? _rows.Value.index_select(0, classes.to(ScalarType.Int64)).MoveToOuterDisposeScope()
            : throw new ShapeException($"class_labels names class {(least < 0 ? least : most)}; the model knows {_classes} (0 to {_classes - 1}).");
    }
}
