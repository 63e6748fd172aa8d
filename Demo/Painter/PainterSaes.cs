using Prisma.Core;
using Prisma.Diffusion;
using Prisma.Sae;
using static TorchSharp.torch;

namespace Prisma.Demo;

/// <summary>
/// The sparse autoencoders of the demo's text-to-image model: one on what each of the four transformers at the U-net's lowest level adds
/// (Surkov et al. 2024), stored in their repository's layout.
/// </summary>
public static class PainterSaes
{
    private const int PaintedAtOnce = 50;

    /// <summary>The places that are read.</summary>
    public static IReadOnlyList<HookSite> Sites { get; } = [.. ((string[])["down_blocks.2.attentions.1", "mid_block.attentions.0", "up_blocks.0.attentions.0", "up_blocks.0.attentions.1"])
        .Select(block => Site.Parse($"{Unet.Root}.{block}.hook_update"))];

    /// <summary>Paints pictures of training captions, trains one coder for each place in one pass, and measures them on others' captions. Dispose the coders.</summary>
    public static IReadOnlyList<TrainedPainterSae> Train(TextToImage painter, PainterSaeOptions options, ITrainSink progress, CancellationToken stop = default)
    {
        ArgumentNullException.ThrowIfNull(painter);
        ArgumentNullException.ThrowIfNull(options);
        using var scope = NewDisposeScope();
        Dictionary<HookSite, Tensor> seen = Updates(painter, options, SceneSplit.Training, options.Pictures, stop), unseen = Updates(painter, options, SceneSplit.HeldOut, options.HeldOut, stop);
        using var data = new MatrixSource(seen.ToDictionary(pair => pair.Key.ToString(), pair => pair.Value.DetachFromDisposeScope()), options.Seed);
        IReadOnlyList<TrainJob> jobs = [.. Sites.Select(site => new TrainJob { Name = site.ToString(), Reads = [site.ToString()], Writes = [site.ToString()], Features = options.Features, Settings = options.Settings })];
        IReadOnlyList<CoderTraining> runs = Trainer.Fit(jobs, data, options.Run, progress, stop: stop);
        try
        {
            return [.. Sites.Zip(runs, (site, run) => Measured(run, site, options, data, unseen[site]))];
        }
        finally
        {
            foreach (CoderTraining run in runs) run.Dispose();
        }
    }

    private static TrainedPainterSae Measured(CoderTraining run, HookSite site, PainterSaeOptions options, MatrixSource data, Tensor unseen)
    {
        var card = new CoderCard
        {
            Architecture = "",
            Inputs = 0,
            Features = 0,
            Outputs = 0,
            Reads = [site],
            Writes = [site],
            Origin = new Provenance { ModelName = DemoPainter.ModelName, HookName = site.ToString(), Scope = TokenScope.All },
        };
        using var plain = (Coder)run.Coder.Freeze(card);
        var coder = (Coder)run.Coder.Freeze(card with { Statistics = FeatureMoments.Measure(plain, data, [site.ToString()], data.RowsPerRound!.Value) });
        var fidelity = new Fidelity(coder);
        fidelity.Add(unseen);
        return new TrainedPainterSae(coder, site, options, fidelity.Report());
    }

    /// <summary>What each place adds while pictures of a split are painted: [pictures · steps · cells, d].</summary>
    private static Dictionary<HookSite, Tensor> Updates(TextToImage painter, PainterSaeOptions options, SceneSplit split, int pictures, CancellationToken stop)
    {
        var parts = Sites.ToDictionary(site => site, _ => new List<Tensor>());
        DenoisePlan plan = DenoisePlan.Keeping(Sites);
        for (int first = 0; first < pictures; first += PaintedAtOnce)
        {
            stop.ThrowIfCancellationRequested();
            using var scope = NewDisposeScope();
            string[] prompts = [.. CaptionedPicture.Draw(split, first, Math.Min(PaintedAtOnce, pictures - first)).Select(picture => picture.Caption)];
            using Generation made = painter.Generate(new GenerateOptions { Prompts = prompts, Steps = options.PaintingSteps, Seed = options.Seed + first, Decodes = false }, plan);
            foreach (HookSite site in Sites)
            {
                Tensor update = made.Cache[site];
                parts[site].Add(update.permute(0, 1, 3, 4, 2).reshape(-1, update.shape[2]).MoveToOuterDisposeScope());
            }
        }
        return parts.ToDictionary(pair => pair.Key, pair => cat(pair.Value));
    }
}
