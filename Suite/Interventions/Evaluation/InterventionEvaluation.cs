using Prisma.Core;
using Prisma.Diffusion;
using Prisma.Sae;
using static TorchSharp.torch;

namespace Prisma;

/// <summary>
/// Evaluates coders of a U-net's blocks by what their features do to pictures (after Surkov et al. 2024): how causal a feature is (beside a random direction
/// of equal length), how local (change inside and outside of where it fires, in pixels and with a model in embedding space), what a block is for
/// (composition, detail, colour), and how good pictures are with reconstructions in place of all blocks' updates. Borrows pipeline, coders and embedder.
/// </summary>
public sealed class InterventionEvaluation
{
    private readonly TextToImage _pipeline;
    private readonly IReadOnlyDictionary<HookSite, ISparseCoder> _coders;
    private readonly PictureEmbedder? _embedder;
    private readonly PictureIntervention _intervention;

    /// <summary>An evaluation with a coder for each block.</summary>
    /// <exception cref="SiteNotFoundException">The U-net lacks a place.</exception>
    /// <exception cref="OptionsException">There is no coder.</exception>
    public InterventionEvaluation(TextToImage pipeline, IReadOnlyDictionary<HookSite, ISparseCoder> coders, PictureEmbedder? embedder = null)
    {
        ArgumentNullException.ThrowIfNull(coders);
        if (coders.Count == 0) throw new OptionsException("An evaluation needs a coder for at least one block.");
        _intervention = new PictureIntervention(pipeline, coders);
        (_pipeline, _coders, _embedder) = (pipeline, coders, embedder);
    }

    /// <summary>Draws every prompt as it is and with every change, from the same noise.</summary>
    /// <param name="options">The prompts and how they are drawn.</param>
    /// <param name="evaluation">What is looked at.</param>
    /// <param name="progress">Told the share that is done after each drawing.</param>
    /// <exception cref="OptionsException">An option does not work.</exception>
    public InterventionReport Run(GenerateOptions options, InterventionEvaluationOptions? evaluation = null, IProgress<double>? progress = null)
    {
        ArgumentNullException.ThrowIfNull(options);
        evaluation ??= new InterventionEvaluationOptions();
        evaluation.Check();
        var sites = _pipeline.Unet.Find(_coders.Keys.Select(site => site.ToString()));
        using var original = _pipeline.Generate(options, DenoisePlan.Empty.With(HookPlan.Empty.Keep([.. sites])));
        var drawn = new Drawn(progress, sites.Count * (2 + 2 * evaluation.Features) + 2);
        var features = new List<FeatureEffect>();
        var blocks = new List<BlockEffect>();
        foreach (var site in sites)
        {
            var own = Effects(site, options, evaluation, original, drawn);
            features.AddRange(own);
            blocks.Add(Block(site, options, original, own, drawn));
        }
        return new InterventionReport
        {
            Features = features,
            Blocks = blocks,
            Reconstructed = Quality(original, Draw(options, Plan(sites, Reconstruct(original)), drawn)),
            Ablated = Quality(original, Draw(options, Plan(sites, Nothing), drawn)),
        };
    }

    // Each round takes the next feature of every picture, so that all pictures are drawn at once.
    private List<FeatureEffect> Effects(HookSite site, GenerateOptions options, InterventionEvaluationOptions evaluation, Generation original, Drawn drawn)
    {
        var pictures = options.Prompts.Count;
        var strongest = Enumerable.Range(0, pictures).Select(i => _intervention.Strongest(site, original, i, evaluation.Features)).ToList();
        using var generator = new Generator(unchecked((ulong)evaluation.Seed));
        var effects = new List<FeatureEffect>();
        for (var round = 0; round < evaluation.Features; round++)
        {
            using var scope = NewDisposeScope();
            var chosen = strongest.Select(list => round < list.Count ? list[round] : ((int Feature, float Mean)?)null).ToList();
            if (chosen.All(one => one is null)) break;
            var directions = stack([.. chosen.Select(one => one is { } pair ? _coders[site].Directions[pair.Feature] : zeros_like(_coders[site].Directions[0]))]);
            var random = randn(directions.shape, generator: generator);
            random = nn.functional.normalize(random, dim: -1) * directions.norm(-1, keepdim: true);
            var maps = stack([.. chosen.Select((one, i) => one is { } pair ? _intervention.MapOf(site, pair.Feature, original)[i] : zeros_like(original.Cache[site][i].select(1, 0)))]);
            var changed = Draw(options, Adding(site, maps, directions * evaluation.Strength), drawn);
            var control = Draw(options, Adding(site, maps, random * evaluation.Strength), drawn);
            for (var i = 0; i < pictures; i++)
                if (chosen[i] is { } pair) effects.Add(Effect(site, pair.Feature, pair.Mean, i, maps[i], original, changed[i], control[i]));
        }
        return effects;
    }

    private FeatureEffect Effect(HookSite site, int feature, double mean, int i, Tensor map, Generation original, RgbImage changed, RgbImage control)
    {
        var picture = original.Pictures[i];
        var (rows, columns) = ((int)map.shape[1], (int)map.shape[2]);
        var fires = map.gt(0).any(0).flatten().cpu().data<bool>().ToArray();
        bool IsInside(int x, int y) => fires[y * rows / picture.Height * columns + x * columns / picture.Width];
        var (inside, outside) = PictureChange.Mean(picture, changed, IsInside);
        var (randomInside, randomOutside) = PictureChange.Mean(picture, control, IsInside);
        var embedded = _embedder?.Distances(picture, changed, IsInside);
        return new FeatureEffect
        {
            Site = site,
            Feature = feature,
            Picture = i,
            Activation = mean,
            Covered = fires.Count(fired => fired) / (double)fires.Length,
            Inside = inside ?? 0,
            Outside = outside,
            RandomInside = randomInside ?? 0,
            RandomOutside = randomOutside,
            Change = PictureChange.Between(picture, changed),
            EmbeddedInside = embedded?.Inside,
            EmbeddedOutside = outside is null ? null : embedded?.Outside,
        };
    }

    private BlockEffect Block(HookSite site, GenerateOptions options, Generation original, List<FeatureEffect> effects, Drawn drawn)
    {
        var ablated = Draw(options, Plan([site], Nothing), drawn);
        var random = effects.Sum(effect => effect.RandomInside);
        return new BlockEffect
        {
            Site = site,
            Ablated = Mean(original.Pictures.Zip(ablated, PictureChange.Between)),
            Features = Mean(effects.Select(effect => effect.Change)),
            Causality = random > 0 ? effects.Sum(effect => effect.Inside) / random : null,
            Locality = Mean(effects.Select(effect => effect.Locality)),
            RandomLocality = Mean(effects.Select(effect => effect.RandomLocality)),
            Reconstructed = Quality(original, Draw(options, Plan([site], Reconstruct(original)), drawn)),
        };
    }

    // The update of the pass that sees the prompt, plus map times direction: [K, h, w] and [C] of each picture.
    private static DenoisePlan Adding(HookSite site, Tensor maps, Tensor directions)
    {
        var change = maps.unsqueeze(2) * directions.unsqueeze(1).unsqueeze(-1).unsqueeze(-1);
        return Enumerable.Range(0, (int)maps.shape[1]).Aggregate(DenoisePlan.Empty, (plan, step) =>
            plan.With(HookPlan.Empty.Edit(site, (value, _) => value + change.select(1, step).to(value.dtype)), at => at.IsConditional && at.Index == step));
    }

    private static DenoisePlan Plan(IReadOnlyList<HookSite> sites, Func<HookSite, Func<HookPlan, HookPlan>> with) =>
        DenoisePlan.Empty.With(sites.Aggregate(HookPlan.Empty, (plan, site) => with(site)(plan)));

    private static Func<HookPlan, HookPlan> Nothing(HookSite site) => plan => plan.Edit(site, (value, _) => value.zeros_like());

    private Func<HookSite, Func<HookPlan, HookPlan>> Reconstruct(Generation original) => site =>
    {
        var placement = _intervention.PlacementOf(site, original);
        return plan => Splice.Into(plan, _coders[site], placement, new SpliceOptions { KeepError = false });
    };

    private IReadOnlyList<RgbImage> Draw(GenerateOptions options, DenoisePlan plan, Drawn drawn)
    {
        using var made = _pipeline.Generate(options, plan);
        drawn.One();
        return made.Pictures;
    }

    private ReconstructionQuality Quality(Generation original, IReadOnlyList<RgbImage> pictures)
    {
        var likeness = pictures.Zip(original.Pictures, Likeness.Of).ToList();
        return new ReconstructionQuality(likeness.Average(one => one.Psnr), likeness.Average(one => one.Ssim),
            _embedder is { } embedder ? pictures.Zip(original.Pictures, embedder.Distance).Average() : null);
    }

    private static PictureChange Mean(IEnumerable<PictureChange> changes)
    {
        var all = changes.ToList();
        return all.Count == 0 ? new PictureChange(0, 0, 0) : new PictureChange(all.Average(one => one.Composition), all.Average(one => one.Detail), all.Average(one => one.Colour));
    }

    private static double? Mean(IEnumerable<double?> values) => values.Where(value => value is not null).ToList() is { Count: > 0 } known ? known.Average() : null;

    private sealed class Drawn(IProgress<double>? progress, int all)
    {
        private int _count;

        internal void One() => progress?.Report(Math.Min(1, ++_count / (double)all));
    }
}
