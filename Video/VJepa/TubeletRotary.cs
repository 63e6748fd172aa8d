using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Video;

/// <summary>
/// V-JEPA's rotation of queries and keys: three equal parts of each head turn by the time step, the row and the column of the token, what
/// is left of the head does not turn. A token's number tells its place on the grid that the model was configured for. As in the reference,
/// neighbouring axes form pairs while the angles are tiled as halves.
/// </summary>
internal sealed class TubeletRotary : Rotary
{
    private const float Base = 10000;

    private readonly long _side;
    private readonly float[] _omega;

    /// <param name="headWidth">k.</param>
    /// <param name="side">Patches along a side of a frame, as configured.</param>
    internal TubeletRotary(long headWidth, long side)
    {
        _side = side;
        var half = headWidth / 3 / 2;
        _omega = [.. Enumerable.Range(0, (int)half).Select(j => 1 / MathF.Pow(Base, (float)j / half))];
    }

    /// <inheritdoc/>
    public override Tensor Rotate(Tensor x, AttentionContext context)
    {
        ArgumentNullException.ThrowIfNull(x);
        ArgumentNullException.ThrowIfNull(context);
        if (_omega.Length == 0) return x.alias();
        using var scope = NewDisposeScope();
        // Token numbers are exact in single precision, and so are their quotients' whole parts.
        var ids = (context.Positions ?? arange(context.First, context.First + x.shape[1], ScalarType.Int64, x.device)).to(ScalarType.Float32);
        var steps = (ids / (_side * _side)).floor();
        var within = ids - steps * (_side * _side);
        var rows = (within / _side).floor();
        var columns = within - rows * _side;
        var omega = tensor(_omega, device: x.device).to(x.dtype);
        var angles = cat([.. new[] { steps, rows, columns }.SelectMany(place => Tiled(place.to(x.dtype).unsqueeze(-1) * omega))], -1);
        return Turn(x, angles.cos(), angles.sin(), RotaryPairs.Neighbours).MoveToOuterDisposeScope();
    }

    private static Tensor[] Tiled(Tensor angles) => [angles, angles];
}
