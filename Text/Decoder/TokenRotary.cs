using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Text;

/// <summary>Rotary positions of language models: the first axes of each head are turned by position · frequency.</summary>
public sealed class TokenRotary : Rotary
{
    private readonly int _width;
    private readonly RotaryPairs _pairs;

    /// <summary>Declares the rotation.</summary>
    /// <param name="width">How many axes of each head are turned; even.</param>
    /// <param name="settings">The frequencies.</param>
    /// <param name="pairs">Which axes form a pair.</param>
    /// <exception cref="CheckpointException">The width is odd or zero.</exception>
    public TokenRotary(int width, RopeSettings settings, RotaryPairs pairs = RotaryPairs.Halves)
    {
        if (width <= 0 || width % 2 != 0) throw new CheckpointException($"Rotary positions turn pairs of axes; {width} axes are no pairs.");
        (_width, Settings, _pairs) = (width, settings, pairs);
    }

    /// <summary>The frequencies.</summary>
    public RopeSettings Settings { get; }

    /// <inheritdoc/>
    public override RotaryPairs? Pairs => _pairs;

    /// <inheritdoc/>
    public override Tensor Rotate(Tensor x, AttentionContext context)
    {
        using var scope = NewDisposeScope();
        if (context.Turns is null || !context.Turns.TryGetValue(this, out var turn)) turn = TurnsOf(context, x.shape[1], x);
        return Turn(x, turn.Cos, turn.Sin, _pairs).MoveToOuterDisposeScope();
    }

    /// <summary>Cosine and sine for every axis, [P, r] or [B, P, r]; the caller (or its scope) disposes them.</summary>
    /// <param name="context">Positions of the tokens.</param>
    /// <param name="tokens">P.</param>
    /// <param name="like">Whose device and type they have.</param>
    public (Tensor Cos, Tensor Sin) TurnsOf(AttentionContext context, long tokens, Tensor like)
    {
        using var scope = NewDisposeScope();
        var positions = context.Positions ?? arange(context.First, context.First + tokens, 1, ScalarType.Int64);
        var length = context.Positions is null ? context.First + tokens : positions.max().to(ScalarType.Int64).item<long>() + 1;
        var frequencies = Settings.Frequencies.Of(_width, Settings.Theta, length);
        var angles = positions.cpu().to(ScalarType.Float32).unsqueeze(-1) * frequencies;
        angles = _pairs == RotaryPairs.Halves ? cat([angles, angles], -1) : stack([angles, angles], -1).flatten(-2);
        var (cos, sin) = (angles.cos() * Settings.Frequencies.Magnitude, angles.sin() * Settings.Frequencies.Magnitude);
        return (cos.to(like.dtype, like.device).MoveToOuterDisposeScope(), sin.to(like.dtype, like.device).MoveToOuterDisposeScope());
    }
}
