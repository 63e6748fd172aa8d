using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Circuits;

/// <summary>
/// Class activation maps on tokens: sums of feature maps a [B, N, d], read after the first norm of a block (the last by default: past it,
/// the patches of a model that reads its class token no longer count). Tokens without a place are left out.
/// </summary>
public abstract class ActivationMap : AttributionMethod
{
    /// <inheritdoc/>
    public override bool Signed => false;

    /// <summary>Where the feature maps are read.</summary>
    /// <exception cref="NotApplicableException">The model has no such place.</exception>
    protected static HookSite Place(AttributionTask task)
    {
        ArgumentNullException.ThrowIfNull(task);
        return task.Place(Site.Ln1Normalized, task.Layer(-1));
    }

    /// <summary>The values at that place that belong to patches: [B, patches, d]. The caller's scope disposes them.</summary>
    /// <exception cref="NotApplicableException">The place has other tokens than the picture.</exception>
    protected static Tensor OnPatches(AttributionTask task, HookSite site, Tensor values)
    {
        ArgumentNullException.ThrowIfNull(task);
        var tokens = task.OnGrid(values);
        return tokens.shape[1] == task.Layout.Tokens
            ? tokens.narrow(1, task.Layout.Prefix, task.Layout.GridTokens)
            : throw task.NotApplicable($"{site} has {tokens.shape[1]} tokens, the picture {task.Layout.Tokens}");
    }

    /// <summary>The feature maps of the unchanged pictures, [B, patches, d], in a pass that ends there. The caller's scope disposes them.</summary>
    protected static Tensor Read(AttributionTask task, HookSite site)
    {
        ArgumentNullException.ThrowIfNull(task);
        using var scope = NewDisposeScope();
        using var recording = task.Model.Run(task.Input, HookPlan.Empty.Keep(site).StopAfter(site));
        return OnPatches(task, site, recording.Cache[site]).clone().MoveToOuterDisposeScope();
    }
}
