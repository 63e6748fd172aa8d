using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Sae;

/// <summary>
/// Puts a coder into a forward pass as an edit of the plan. With the error kept and no edit the same tensor goes on; edits are deltas,
/// x + decode(Δcodes); without the error the prediction replaces the value. Tokens outside the coder's scope are never touched.
/// </summary>
public static class Splice
{
    /// <summary>The plan with the coder at its place. Borrows the coder, which must live as long as the plan is used.</summary>
    /// <param name="plan">The plan before; its edits at the same place come first.</param>
    /// <param name="coder">The coder.</param>
    /// <param name="model">The model the plan is for; compared with the coder before anything runs.</param>
    /// <param name="input">An input of the kind that will be run: it tells where the tokens lie.</param>
    /// <param name="options">What to do there.</param>
    /// <exception cref="PrismaException">Coder and model do not fit, or an edit names a feature or token that is not there.</exception>
    public static HookPlan Into(HookPlan plan, ISparseCoder coder, HookedModel model, ModelInput input, SpliceOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(plan);
        ArgumentNullException.ThrowIfNull(coder);
        options ??= SpliceOptions.Default;
        return Into(plan, coder, CoderPlacement.Of(coder, model, input, options), options);
    }

    /// <summary>The plan with the coder where it was found to belong before: for many plans of one model.</summary>
    /// <exception cref="OptionsException">An edit names a feature or token that is not there.</exception>
    public static HookPlan Into(HookPlan plan, ISparseCoder coder, CoderPlacement placement, SpliceOptions options)
    {
        ArgumentNullException.ThrowIfNull(plan);
        ArgumentNullException.ThrowIfNull(coder);
        ArgumentNullException.ThrowIfNull(placement);
        ArgumentNullException.ThrowIfNull(options);
        CheckEdits(coder.Card, options, placement);
        if (placement.Reads == placement.Writes)
            return plan.Edit(placement.Reads, (value, _) => Replace(placement, placement.Reads, value, own => Changed(coder, options, placement, own, own)));
        // A transcoder reads at one place and writes at a later one of the same pass, which is one thread.
        var seen = new ThreadLocal<Tensor?>();
        return plan
            .Edit(placement.Reads, (value, _) =>
            {
                seen.Value?.Dispose();
                using var scope = NewDisposeScope();
                seen.Value = placement.Own(Cells.ToTokens(placement.Reads, value)).alias().DetachFromDisposeScope();
                return value;
            })
            .Edit(placement.Writes, (value, _) =>
            {
                using var read = seen.Value ?? throw new PrismaException($"{coder.Card.Name}: nothing was read at {placement.Reads} before {placement.Writes}.");
                seen.Value = null;
                return Replace(placement, placement.Writes, value, own => Changed(coder, options, placement, read, own));
            });
    }

    private static void CheckEdits(CoderCard card, SpliceOptions options, CoderPlacement placement)
    {
        foreach (var edit in options.Edits)
        {
            foreach (var perToken in new[] { edit.Values, edit.Shares })
                if (perToken is not null && placement.Grid is { } count && (perToken.Count == 0 || perToken.Count % count != 0))
                    throw new OptionsException($"An edit of feature {edit.Feature} has values for {perToken.Count} tokens; {placement.Reads} has {count}.");
            if (edit.Feature < 0 || edit.Feature >= card.Features)
                throw new OptionsException($"There is no feature {edit.Feature} in {card.Name}: it has {card.Features} (0 to {card.Features - 1}).");
            if (placement.Tokens is var (start, length) && edit.Tokens?.Any(token => token < start || token >= start + length) == true)
                throw new OptionsException(
                    $"{card.Name} was trained on tokens {start} to {start + length - 1} ({card.Origin.Scope}); an edit of feature {edit.Feature} names others: {string.Join(", ", edit.Tokens)}.");
        }
    }

    // Only the coder's own tokens are replaced; nothing changed hands back the same tensor.
    private static Tensor Replace(CoderPlacement placement, HookSite site, Tensor value, Func<Tensor, Tensor> change)
    {
        using var scope = NewDisposeScope();
        var tokens = Cells.ToTokens(site, value);
        var own = placement.Own(tokens);
        var changed = change(own);
        if (ReferenceEquals(changed, own)) return value;
        if (placement.Tokens is var (start, length))
            changed = cat([tokens.narrow(1, 0, start), changed, tokens.narrow(1, start + length, tokens.shape[1] - start - length)], 1);
        return Cells.FromTokens(site, changed, value).MoveToOuterDisposeScope();
    }

    private static Tensor Changed(ISparseCoder coder, SpliceOptions options, CoderPlacement placement, Tensor read, Tensor written)
    {
        if (options.KeepError && options.Edits.Count == 0 && !options.OnlyEdits) return written;
        using var codes = coder.Encode(read);
        using var change = FeatureEdit.Change(codes, options.Edits, TokenOfRow(placement, read));
        if (options.OnlyEdits) return change is null ? written.zeros_like() : coder.DecodeChange(change, read).reshape(written.shape);
        if (options.KeepError) return change is null ? written : Add(coder, change, read, written);
        var prediction = coder.Decode(codes, read);
        return (change is null ? prediction : prediction + coder.DecodeChange(change, read)).reshape(written.shape);
    }

    // Rows without a change keep their bits.
    private static Tensor Add(ISparseCoder coder, SparseCodes change, Tensor read, Tensor written)
    {
        var sum = written + coder.DecodeChange(change, read).reshape(written.shape);
        var leading = CoderRows.Of(coder.Card, read).Leading;
        var touched = change.ActivePerRow().gt(0).reshape([.. leading, .. Enumerable.Repeat(1L, written.shape.Length - leading.Length)]);
        return sum.where(touched, written);
    }

    private static Func<long, long>? TokenOfRow(CoderPlacement placement, Tensor read)
    {
        if (read.ndim < 3) return null;
        var (start, tokens) = (placement.Tokens?.Start ?? 0, read.shape[1]);
        return row => start + row % tokens;
    }
}
