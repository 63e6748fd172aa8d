using Prisma.Core;
using Prisma.Sae;
using static TorchSharp.torch;

namespace Prisma.Circuits;

/// <summary>One coder's place in a pair of runs: strengths and what the coder leaves unexplained, and how both change. Owns its tensors.</summary>
internal sealed class CodedPlace : IDisposable
{
    private CodedPlace(ISparseCoder coder, CoderPlacement placement, Tensor change, Tensor features, Tensor active, Tensor donor, Tensor? skipped, Tensor error)
    {
        (Coder, Placement, Skipped) = (coder, placement, skipped?.DetachFromDisposeScope());
        (Change, Features, Active, Donor, Error) = (change.DetachFromDisposeScope(), features.DetachFromDisposeScope(), active.DetachFromDisposeScope(), donor.DetachFromDisposeScope(), error.DetachFromDisposeScope());
    }

    internal ISparseCoder Coder { get; }

    internal CoderPlacement Placement { get; }

    /// <summary>The place that is written; a transcoder reads another.</summary>
    internal HookSite Site => Placement.Writes;

    /// <summary>W_skip of a transcoder, [d_out, d_in]; null without a skip connection. Borrowed.</summary>
    internal Tensor? Skip => SkipOf(Coder);

    /// <summary>Corrupt minus clean of what the skip connection carries, [B, P, d]; null without one.</summary>
    internal Tensor? Skipped { get; }

    /// <summary>Corrupt minus clean of the whole value, [B, P, d].</summary>
    internal Tensor Change { get; }

    /// <summary>Corrupt minus clean of each feature at the coder's tokens, [B, T, F].</summary>
    internal Tensor Features { get; }

    /// <summary>1 where a feature fires in the clean run, [B, T, F].</summary>
    internal Tensor Active { get; }

    /// <summary>Strengths in the corrupted run, [B, T, F].</summary>
    internal Tensor Donor { get; }

    /// <summary>Corrupt minus clean of what the features do not explain, [B, P, d]; tokens without features belong to it whole.</summary>
    internal Tensor Error { get; }

    internal static CodedPlace Of(ISparseCoder coder, CoderPlacement placement, ActivationCache clean, ActivationCache corrupt)
    {
        using var scope = NewDisposeScope();
        var (cleanly, corruptly) = (clean[placement.Reads], corrupt[placement.Reads]);
        LinearWriting.Check(coder, placement.Own(cleanly), skips: true);
        var (before, after) = (Dense(coder, placement, cleanly), Dense(coder, placement, corruptly));
        var (change, features) = (corrupt[placement.Writes] - clean[placement.Writes], after - before);
        var skipped = SkippedOf(coder, placement, corruptly - cleanly);
        var error = change - Whole(placement, features.matmul(coder.Directions), change);
        return new CodedPlace(coder, placement, change, features, before.ne(0).to(before.dtype), after, skipped, skipped is null ? error : error - skipped);
    }

    /// <summary>What a coder writes without its features: the skip connection's share of what is read, at all tokens; null without one.</summary>
    internal static Tensor? SkippedOf(ISparseCoder coder, CoderPlacement placement, Tensor read) =>
        SkipOf(coder) is { } skip ? Whole(placement, placement.Own(read).matmul(skip.t()), read) : null;

    private static Tensor? SkipOf(ISparseCoder coder) => (coder as Coder)?.Weights.Skip;

    /// <summary>The strengths of a value at the coder's tokens, [B, T, F].</summary>
    internal static Tensor Dense(ISparseCoder coder, CoderPlacement placement, Tensor value)
    {
        var own = placement.Own(value);
        using var codes = coder.Encode(own);
        return codes.ToDense().view(own.shape[0], own.shape[1], -1);
    }

    /// <summary>A value at the coder's tokens as one at all tokens, 0 elsewhere.</summary>
    internal static Tensor Whole(CoderPlacement placement, Tensor own, Tensor like)
    {
        if (placement.Tokens is not var (start, length)) return own;
        var whole = like.zeros_like();
        whole.narrow(1, start, length).copy_(own);
        return whole;
    }

    public void Dispose()
    {
        foreach (var tensor in new[] { Change, Features, Active, Donor, Error, Skipped }) tensor?.Dispose();
    }
}
