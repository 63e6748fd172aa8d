using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Circuits;

/// <summary>
/// What the heads of a block write into the stream for what they read in a recorded run. Layer scale is a factor; a norm over all heads together has its scale held at
/// the run's: so the map is linear, and heads and the tokens that they read from can be told apart. Borrows the recording.
/// </summary>
internal sealed class HeadWriting
{
    private readonly Attention _attention;
    private readonly Tensor? _factor, _innerScale;

    /// <param name="model">The model.</param>
    /// <param name="attention">The block's attention.</param>
    /// <param name="cache">A run that kept <see cref="Kinds"/>, as far as the model has them.</param>
    /// <param name="layer">The block.</param>
    /// <param name="part">The part of the model.</param>
    /// <exception cref="NotApplicableException">The block normalises what its heads write.</exception>
    internal HeadWriting(HookedModel model, Attention attention, ActivationCache cache, int layer, string part)
    {
        _attention = attention;
        _factor = model.InBlocks<Block>(part, exact: true).FirstOrDefault(block => ReferenceEquals(block.Module?.Attention, attention)).Module?.AttentionScale?.Value;
        Tensor At(SiteKind kind) => cache[kind[layer].In(part)];
        if (attention.InnerNorm is not null) _innerScale = At(Site.AttnInnerScale);
        using var scope = NewDisposeScope();
        if (!(_factor is null ? At(Site.AttnModuleOut) : At(Site.AttnModuleOut) * _factor).Equals(At(Site.AttnOut)))
            throw new NotApplicableException($"Heads cannot be told apart: block {layer} of {model.Card.Name} normalises what they write.");
    }

    /// <summary>The kinds of place that a run must keep, where the model has them.</summary>
    internal static SiteKind[] Kinds => [Site.AttnInnerScale, Site.AttnOut, Site.AttnModuleOut];

    /// <summary>From parts of what each token's heads read in one example, [T, S, H·k], to what they add to the stream, [T, S, d].</summary>
    internal Tensor Written(Tensor read, int example)
    {
        using var scope = NewDisposeScope();
        if (_innerScale is not null) read = _attention.InnerNorm!.WithScale(read, _innerScale[example].detach().unsqueeze(1));
        var written = read.matmul(_attention.Out.Matrix.Value.t());
        return (_factor is null ? written : written * _factor).MoveToOuterDisposeScope();
    }

    /// <summary>The same turned round: from a direction of the stream to what the heads' values are read with there.</summary>
    /// <param name="direction">[B, d] at one token, or [B, P, d].</param>
    /// <param name="token">The token; null for all.</param>
    /// <returns>[B, H, k], or [B, P, H, k].</returns>
    internal Tensor Back(Tensor direction, int? token)
    {
        using var scope = NewDisposeScope();
        var read = (_factor is null ? direction : direction * _factor).matmul(_attention.Out.Matrix.Value);
        if (_innerScale is not null) read = Turned(_attention.InnerNorm!, read, token is { } one ? _innerScale.select(1, one) : _innerScale);
        return read.view([.. direction.shape[..^1], _attention.Heads, _attention.HeadWidth]).MoveToOuterDisposeScope();
    }

    private static Tensor Turned(Norm norm, Tensor direction, Tensor scale)
    {
        var scaled = direction * norm.Gain / scale;
        return norm.Centres ? scaled - scaled.mean([-1], keepdim: true) : scaled;
    }
}
