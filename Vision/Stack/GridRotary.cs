using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Vision;

/// <summary>
/// Rotary positions on a picture's grid (EVA-02, Fang et al. 2023; DINOv3): half of a head's pairs turn with the row, half with the column.
/// Tokens before the patches are not turned.
/// </summary>
internal sealed class GridRotary(GridRotaryOptions options) : Rotary
{
    /// <inheritdoc/>
    public override Tensor Rotate(Tensor x, AttentionContext context)
    {
        var layout = context.Layout ?? throw new InvalidOperationException("Rotations on a grid need the tokens' layout.");
        using var scope = NewDisposeScope();
        var angles = Angles(layout, x.shape[^1]).to(x.device);
        angles = options.Pairs == RotaryPairs.Halves ? cat([angles, angles], -1) : stack([angles, angles], -1).view(angles.shape[0], -1);
        var patches = Turn(x.narrow(1, layout.Prefix, angles.shape[0]), angles.cos().to(x.dtype), angles.sin().to(x.dtype), options.Pairs);
        return (layout.Prefix == 0 ? patches : cat([x.narrow(1, 0, layout.Prefix), patches], 1)).MoveToOuterDisposeScope();
    }

    // [patches, k/2]: the angles of the first axis, then those of the second.
    private Tensor Angles(TokenLayout layout, long headWidth)
    {
        var count = (int)(headWidth / 4);
        var frequencies = tensor(Enumerable.Range(0, count).Select(j => (float)Math.Pow(options.Theta, -j / (double)count)).ToArray());
        var rows = Coordinates(layout.Rows, options.Reference?.Rows).unsqueeze(1).expand(layout.Rows, layout.Columns).reshape(-1, 1);
        var columns = Coordinates(layout.Columns, options.Reference?.Columns).unsqueeze(0).expand(layout.Rows, layout.Columns).reshape(-1, 1);
        var (first, second) = options.ColumnsFirst ? (columns, rows) : (rows, columns);
        return cat([first * frequencies, second * frequencies], -1);
    }

    private Tensor Coordinates(int size, int? reference)
    {
        var numbers = arange(size, dtype: ScalarType.Float32) + options.Offset;
        if (options.Centred) return ((numbers + 0.5) / size * 2 - 1) * (2 * Math.PI);
        return reference is { } trained ? numbers / size * trained : numbers;
    }
}
