using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Circuits;

/// <summary>
/// Heads of models of token sequences by what they look for (TransformerLens' head detector): the previous token, earlier copies of the
/// token, and what followed earlier copies (induction, Olsson et al. 2022).
/// </summary>
public static class TokenHeads
{
    /// <summary>Where a head that looks for the previous token looks: [P, P], 1 or 0.</summary>
    public static Tensor PreviousToken(Tensor ids)
    {
        ArgumentNullException.ThrowIfNull(ids);
        using var scope = NewDisposeScope();
        var tokens = ids.shape[0];
        return (ones(tokens, tokens).tril(-1) - ones(tokens, tokens).tril(-2)).MoveToOuterDisposeScope();
    }

    /// <summary>Where a head that looks for earlier copies looks: 1 at earlier tokens with the same id.</summary>
    public static Tensor Duplicates(Tensor ids)
    {
        ArgumentNullException.ThrowIfNull(ids);
        using var scope = NewDisposeScope();
        return ids.unsqueeze(0).eq(ids.unsqueeze(1)).to(float32).tril(-1).MoveToOuterDisposeScope();
    }

    /// <summary>Where an induction head looks: at the tokens that followed earlier copies.</summary>
    public static Tensor Induction(Tensor ids)
    {
        using var scope = NewDisposeScope();
        var copies = Duplicates(ids);
        var shifted = cat([copies.select(1, 0).zeros_like().unsqueeze(1), copies.narrow(1, 0, copies.shape[1] - 1)], 1);
        return shifted.tril(-1).MoveToOuterDisposeScope();
    }

    /// <summary>The share of a head's attention that lies where a detection pattern has its ones: [H] from patterns [H, P, P].</summary>
    /// <param name="patterns">One sequence's attention.</param>
    /// <param name="detection">[P, P].</param>
    /// <param name="skipFirst">Leave out what goes to the first token, which many heads use as a resting place.</param>
    public static Tensor Score(Tensor patterns, Tensor detection, bool skipFirst = false)
    {
        ArgumentNullException.ThrowIfNull(patterns);
        ArgumentNullException.ThrowIfNull(detection);
        using var scope = NewDisposeScope();
        var (from, count) = (skipFirst ? 1 : 0, patterns.shape[2] - (skipFirst ? 1 : 0));
        var (seen, wanted) = (patterns.narrow(2, from, count), detection.narrow(1, from, count));
        return ((seen * wanted).sum([1L, 2L]) / seen.sum([1L, 2L])).MoveToOuterDisposeScope();
    }

    /// <summary>Previous-token, duplicate and induction scores of every head on token sequences: each [layers, H], mean over the sequences.</summary>
    /// <param name="model">A model that takes token ids.</param>
    /// <param name="ids">int64 [B, P]; for induction a random half repeated twice.</param>
    /// <param name="part">The part of the model; empty where there is one stack.</param>
    public static (Tensor Previous, Tensor Duplicate, Tensor Induction) Measure(HookedModel model, Tensor ids, string part = "")
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(ids);
        using var scope = NewDisposeScope();
        var sites = new PatchGrid(Site.Pattern, PatchAxes.Layer) { Part = part }.Sites(model);
        using var recording = model.Run(new ModelInput { ["text"] = ids }, HookPlan.Empty.Keep([.. sites]).StopAfter(sites[^1]));
        Tensor Mean(Func<Tensor, Tensor> detection) => stack(sites.Select(site => stack(Enumerable.Range(0, (int)ids.shape[0])
            .Select(k => Score(recording.Cache[site][k], detection(ids[k]).to(recording.Cache[site].device)))).mean([0]))).MoveToOuterDisposeScope();
        return (Mean(PreviousToken), Mean(Duplicates), Mean(Induction));
    }
}
