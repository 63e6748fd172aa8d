using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Sae;

/// <summary>How a tensor of activations becomes rows for a coder, and a prediction becomes a tensor of the same shape.</summary>
internal readonly record struct CoderRows(long[] Leading, long[] Tail, ScalarType Type)
{
    // [..., d_in] as it is; [..., heads, d_head] flattened where the coder reads heads and the product is d_in; [..., sites, d] where it reads
    // several places together.
    internal static CoderRows Of(CoderCard card, Tensor x)
    {
        var shape = x.shape;
        if (card.Sites > 1 && shape.Length >= 2 && shape[^2] == card.Sites && shape[^1] * card.Sites == card.Inputs)
            return new CoderRows(shape[..^2], [card.Sites, card.Outputs / card.Sites], x.dtype);
        if (card.Sites == 1 && shape.Length >= 1 && shape[^1] == card.Inputs) return new CoderRows(shape[..^1], [card.Outputs], x.dtype);
        if (card.FlattensHeads && shape.Length >= 2 && shape[^1] * shape[^2] == card.Inputs)
            return new CoderRows(shape[..^2], card.Outputs == card.Inputs ? shape[^2..] : [card.Outputs], x.dtype);
        if (card.Sites > 1)
            throw new ShapeException(
                $"{card.Name} reads {card.Sites} places of {card.Inputs / card.Sites} together: [..., {card.Sites}, {card.Inputs / card.Sites}]; the activations are [{string.Join(", ", shape)}].");
        throw new ShapeException(
            $"{card.Name} reads vectors of {card.Inputs} (d_in); the activations are [{string.Join(", ", shape)}]. Check the model and the place.");
    }

    internal long Rows => Leading.Aggregate(1L, (product, size) => product * size);

    internal Tensor Flatten(Tensor x) => x.reshape(Rows, x.numel() / Math.Max(1, Rows)).to(ScalarType.Float32);

    internal Tensor Restore(Tensor rows) => rows.reshape([.. Leading, .. Tail]).to(Type);
}
