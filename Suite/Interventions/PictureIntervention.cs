using Prisma.Core;
using Prisma.Diffusion;
using Prisma.Sae;
using static TorchSharp.torch;

namespace Prisma;

/// <summary>
/// Changes features of sparse coders while a text-to-image model draws (Surkov et al. 2024): coders of what the U-net's transformers add to their
/// input, edits as deltas of that update, at chosen steps and cells. Borrows the pipeline and the coders.
/// </summary>
public sealed class PictureIntervention
{
    private readonly TextToImage _pipeline;
    private readonly IReadOnlyDictionary<HookSite, ISparseCoder> _coders;

    /// <summary>An intervention with a coder for each place.</summary>
    /// <exception cref="SiteNotFoundException">The U-net lacks a place.</exception>
    public PictureIntervention(TextToImage pipeline, IReadOnlyDictionary<HookSite, ISparseCoder> coders)
    {
        ArgumentNullException.ThrowIfNull(pipeline);
        ArgumentNullException.ThrowIfNull(coders);
        (_pipeline, _coders) = (pipeline, coders);
        foreach (var site in coders.Keys) _ = pipeline.Unet.Find(site.ToString());
    }

    /// <summary>Draws with and without the intervention, from the same noise.</summary>
    /// <exception cref="OptionsException">An edit names a feature or place that has no coder, a step that is not taken, or the mask does not fit the picture.</exception>
    /// <exception cref="ShapeException">A coder's width is not its place's.</exception>
    public InterventionResult Run(GenerateOptions options, InterventionOptions intervention, IProgress<DenoiseStep>? progress = null)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(intervention);
        Check(options, intervention);
        var original = _pipeline.Generate(options, Kept(), progress);
        try
        {
            if (intervention.Steps is { } chosen) CheckSteps(chosen, original.Steps.shape[0]);
            using var source = intervention.Transplants.Count > 0
                ? _pipeline.Generate(options with { Prompts = [.. options.Prompts.Select((_, i) => intervention.Sources[intervention.Sources.Count == 1 ? 0 : i])], Decodes = false }, Kept(), progress)
                : null;
            return new InterventionResult { Original = original, Edited = _pipeline.Generate(options, PlanOf(original, source, intervention), progress) };
        }
        catch
        {
            original.Dispose();
            throw;
        }
    }

    /// <summary>Draws with the intervention alone, where the pictures without it, and those of its sources, were drawn before. The caller disposes it.</summary>
    /// <param name="options">How <paramref name="original"/> was drawn.</param>
    /// <param name="intervention">The changes.</param>
    /// <param name="original">The pictures without it, drawn under <see cref="Kept"/>. Borrowed.</param>
    /// <param name="source">Those of the sources' prompts, from the same noise under <see cref="Kept"/>; null without transplants. Borrowed.</param>
    /// <exception cref="OptionsException">An edit names a feature or place that has no coder, a step that is not taken, or the mask does not fit the picture.</exception>
    public Generation Edited(GenerateOptions options, InterventionOptions intervention, Generation original, Generation? source = null)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(intervention);
        ArgumentNullException.ThrowIfNull(original);
        Check(options, intervention);
        if (intervention.Transplants.Count > 0 && source is null) throw new OptionsException("A transplant needs the pictures that features are taken from.");
        if (intervention.Steps is { } chosen) CheckSteps(chosen, original.Steps.shape[0]);
        return _pipeline.Generate(options, PlanOf(original, source, intervention));
    }

    /// <summary>How strongly one feature fires at each cell and step of a run: [B, K, h, w]. The caller disposes it.</summary>
    public Tensor MapOf(HookSite site, int feature, Generation made)
    {
        ArgumentNullException.ThrowIfNull(made);
        using var scope = NewDisposeScope();
        var updates = made.Cache[site];
        using var codes = CodesOf(site, updates);
        return codes.Column(feature).view(updates.shape[0], updates.shape[1], updates.shape[3], updates.shape[4]).MoveToOuterDisposeScope();
    }

    /// <summary>The features that fire most over all cells and steps of one picture, strongest first, with their mean activations.</summary>
    public IReadOnlyList<(int Feature, float Mean)> Strongest(HookSite site, Generation made, int picture, int count)
    {
        ArgumentNullException.ThrowIfNull(made);
        using var scope = NewDisposeScope();
        using var codes = CodesOf(site, made.Cache[site].narrow(0, picture, 1));
        var means = codes.SumPerFeature() / codes.Rows;
        var (values, features) = means.topk(Math.Min(count, codes.Features));
        return [.. features.data<long>().ToArray().Zip(values.data<float>().ToArray(), (feature, mean) => ((int)feature, mean)).Where(pair => pair.mean > 0)];
    }

    /// <summary>Every feature's mean activation over the cells and steps of each picture: [B, F]. The caller disposes it.</summary>
    public Tensor MeansOf(HookSite site, Generation made)
    {
        ArgumentNullException.ThrowIfNull(made);
        using var scope = NewDisposeScope();
        var updates = made.Cache[site];
        return stack([.. Enumerable.Range(0, (int)updates.shape[0]).Select(picture =>
        {
            using var codes = CodesOf(site, updates.narrow(0, picture, 1));
            return codes.SumPerFeature() / codes.Rows;
        })]).MoveToOuterDisposeScope();
    }

    /// <summary>What each feature adds to the place, [F, d]. Borrowed.</summary>
    public Tensor DirectionsOf(HookSite site) => _coders[site].Directions;

    /// <summary>The places that have a coder.</summary>
    public IEnumerable<HookSite> Sites => _coders.Keys;

    /// <summary>A plan that keeps what the coders read.</summary>
    public DenoisePlan Kept() => DenoisePlan.Keeping(_coders.Keys);

    private DenoisePlan PlanOf(Generation original, Generation? source, InterventionOptions intervention)
    {
        var plan = Kept();
        foreach (var site in intervention.Ablated)
            plan = plan.With(HookPlan.Empty.Edit(site, (value, _) => value.zeros_like()), step => intervention.ActsAt(step) && (step.IsConditional || intervention.Halves != InterventionHalves.Conditional));
        foreach (var site in _coders.Keys)
        {
            var placement = PlacementOf(site, original);
            var shares = intervention.Mask is { } mask ? TokenMask.Shares(mask, LayoutOf(site, original)) : null;
            var edits = intervention.Edits.Where(edit => edit.Site == site).Select(edit => edit.Edit with { Shares = shares }).ToList();
            List<(int Feature, float[][] Steps)> targets = source is null ? [] : [.. intervention.Transplants.Where(pair => pair.Site == site)
                .Select(pair => (pair.Feature, TargetsOf(site, pair.Feature, original, source, intervention.TransplantStrength)))];
            for (var step = 0; step < original.Steps.shape[0]; step++)
            {
                var index = step;
                var transplants = targets.Select(target => new FeatureEdit(target.Feature, FeatureAction.Set) { Values = target.Steps[index], Shares = shares });
                var all = edits.Concat(transplants).ToList();
                if (all.Count == 0) continue;
                plan = plan.With(Spliced(site, placement, all, intervention.Alone), at => at.Index == index && at.IsConditional && intervention.ActsAt(at));
                if (intervention.Halves == InterventionHalves.Conditional) continue;
                var other = intervention.Halves == InterventionHalves.Both ? all : [.. all.Select(edit => edit with { Value = -edit.Value })];
                plan = plan.With(Spliced(site, placement, other, intervention.Alone), at => at.Index == index && !at.IsConditional && intervention.ActsAt(at));
            }
        }
        return plan;
    }

    private HookPlan Spliced(HookSite site, CoderPlacement placement, IReadOnlyList<FeatureEdit> edits, bool alone) =>
        Splice.Into(HookPlan.Empty, _coders[site], placement, new SpliceOptions { Edits = edits, OnlyEdits = alone });

    internal CoderPlacement PlacementOf(HookSite site, Generation original)
    {
        using var scope = NewDisposeScope();
        var blank = _pipeline.Unet.Blank(original.Latents.shape[2], original.Latents.shape[3]);
        var options = _coders[site].Card.Reads.Count == 1 ? SpliceOptions.Default : new SpliceOptions { Reads = site };
        return CoderPlacement.Of(_coders[site], _pipeline.Unet, blank, options);
    }

    /// <summary>How the cells of a coder's place lie on a run's picture.</summary>
    public TokenLayout LayoutOf(HookSite site, Generation made)
    {
        ArgumentNullException.ThrowIfNull(made);
        var (cells, latents, factor) = (made.Cache[site].shape, made.Latents.shape, _pipeline.Vae.Config.Factor);
        return new TokenLayout(0, 1, (int)cells[3], (int)cells[4], (int)(latents[2] * factor / cells[3]), (int)(latents[3] * factor / cells[4]));
    }

    // What a transplanted feature becomes at each step: one value for each cell of each picture, one picture after another.
    private float[][] TargetsOf(HookSite site, int feature, Generation original, Generation source, double strength)
    {
        return [.. Enumerable.Range(0, (int)original.Steps.shape[0]).Select(step =>
        {
            using var scope = NewDisposeScope();
            var target = At(source, step);
            if (strength != 1)
            {
                var here = At(original, step);
                target = here + (target - here) * strength;
            }
            return target.contiguous().data<float>().ToArray();
        })];

        // Encoded as the splice will: only a product of the same shape is sure to be rounded alike, so that no change is none.
        Tensor At(Generation made, int step)
        {
            using var codes = _coders[site].Encode(Cells.ToTokens(site, made.Cache[site].select(1, step).contiguous()));
            return codes.Column(feature);
        }
    }

    private Codes CodesOf(HookSite site, Tensor updates)
    {
        using var scope = NewDisposeScope();
        return _coders[site].Encode(updates.permute(0, 1, 3, 4, 2).contiguous());
    }

    // All that can be wrong is found before a picture is drawn.
    private void Check(GenerateOptions options, InterventionOptions intervention)
    {
        foreach (var site in intervention.Ablated) _ = _pipeline.Unet.Find(site.ToString());
        if (intervention.Sources.Count > 0 && intervention.Transplants.Count == 0) throw new OptionsException("A prompt to take features from was given, but no features to transplant.");
        if (!double.IsFinite(intervention.TransplantStrength)) throw new OptionsException($"A transplant's strength of {intervention.TransplantStrength} is no finite number.");
        if (intervention.Sources.Count > 1 && intervention.Sources.Count != options.Prompts.Count)
            throw new OptionsException($"{intervention.Sources.Count} prompts to take features from were given for {options.Prompts.Count} pictures: give one, or one for each.");
        if (options.Start is null && intervention.Steps is { } chosen) CheckSteps(chosen, options.Steps);
        var (height, width) = _pipeline.SizeOf(options);
        if (intervention.Mask is { } mask && (mask.Width != width || mask.Height != height))
            throw new OptionsException($"The mask is {mask.Width}x{mask.Height} (width x height), the picture {width}x{height}: they must be of one size.");
        foreach (var (site, feature) in intervention.Edits.Select(edit => (edit.Site, edit.Edit.Feature)).Concat(intervention.Transplants))
        {
            if (!_coders.TryGetValue(site, out var coder)) throw new OptionsException($"No coder was given for {site}. Given: {(_coders.Count == 0 ? "none" : string.Join(", ", _coders.Keys))}.");
            if (feature < 0 || feature >= coder.Card.Features) throw new OptionsException($"There is no feature {feature} in {coder.Card.Name}: it has {coder.Card.Features} (0 to {coder.Card.Features - 1}).");
        }
        if (intervention.Transplants.Count > 0 && intervention.Sources.Count == 0) throw new OptionsException("A transplant needs a prompt to take features from.");
        if (intervention.Halves == InterventionHalves.Opposed && (intervention.Transplants.Count > 0 || intervention.Edits.Any(edit => edit.Edit.Action != FeatureAction.Add)))
            throw new OptionsException("Halves can be opposed only for features that are added to.");
    }

    private static void CheckSteps(IReadOnlySet<int> chosen, long steps)
    {
        if (chosen.Where(step => step < 0 || step >= steps).ToList() is [var odd, ..]) throw new OptionsException($"There is no step {odd}: {steps} are taken (0 to {steps - 1}).");
    }
}
