using Prisma.Core;
using Prisma.Sae;
using static TorchSharp.torch;

namespace Prisma.Circuits;

/// <summary>Changes one feature of a sparse coder by given amounts; the coder's error and all other features stay as they are.</summary>
/// <param name="Site">The place that the coder writes.</param>
/// <param name="Coder">The coder. Borrowed.</param>
/// <param name="Placement">Where it belongs in the model.</param>
/// <param name="Feature">The feature's number.</param>
/// <param name="Change">What is added to the feature at each of the coder's tokens, [B, tokens]. Borrowed.</param>
public sealed record FeatureCell(HookSite Site, ISparseCoder Coder, CoderPlacement Placement, int Feature, Tensor Change) : PatchCell(Site)
{
    /// <summary>One of the coder's tokens; all where null.</summary>
    public int? Token { get; init; }

    /// <inheritdoc/>
    public override void Write(Tensor rows)
    {
        ArgumentNullException.ThrowIfNull(rows);
        var own = Placement.Own(rows);
        var amounts = Change;
        if (Token is { } token) (own, amounts) = (own.narrow(1, token, 1), amounts.narrow(1, token, 1));
        var flat = amounts.reshape(-1, 1);
        using var codes = SparseCodes.FromRows(flat, full(flat.shape, Feature, int64, flat.device), Coder.Card.Features);
        own.add_(Coder.DecodeChange(codes, own).reshape(own.shape));
    }
}
