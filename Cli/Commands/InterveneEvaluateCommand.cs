using System.CommandLine;
using Prisma.Core;
using Prisma.Diffusion;
using static TorchSharp.torch;

namespace Prisma.Cli.Commands;

/// <summary>Measures what features of a U-net's coders do to pictures.</summary>
internal sealed class InterveneEvaluateCommand : Verb
{
    private const string ReportFile = "evaluation.json";

    internal override string Name => "intervene evaluate";

    internal override string Description =>
        "Measures what sparse coders of a U-net's blocks are worth: how causal their features are (beside random directions of equal length), how local (change inside and outside\n"
        + "of where they fire), what each block is for (composition, detail, colour), and how good pictures are when all blocks' updates are reconstructed.\n"
        + "Pictures are compared by PSNR and SSIM; SSIM stands in for LPIPS, whose weights are not at hand. --clip adds distances in a CLIP model's space.\n"
        + "Example: prisma intervene evaluate --model sdxl-turbo --prompts prompts.txt --sae up.0.1=sae/up.0.1 --sae down.2.1=sae/down.2.1 --out evaluation";

    internal override void Fill(Command command, Terminal terminal)
    {
        var pictures = new PictureOptions(command);
        var prompts = new Option<string?>("--prompts") { HelpName = "FILE", Description = "Prompts, one a line, beside or in place of --prompt" };
        var sae = CoderPlaces.Option();
        var features = Common.Count(command, "--features", 5, "Features looked at for each block and picture: those that fire most");
        var strength = new Option<double>("--change") { HelpName = "X", DefaultValueFactory = _ => -1, Description = "X times a feature's contribution is added: -1 takes it away, 1 doubles it" };
        var clip = new Option<string?>("--clip") { HelpName = "PATH_OR_ID", Description = "A CLIP or SigLIP model, for distances in its embedding space" };
        foreach (var option in new Option[] { prompts, sae, strength, clip }) command.Options.Add(option);
        var output = Common.Out(command, $"The folder for {ReportFile}", required: false);
        var threads = Common.Threads(command);
        var json = Common.Json(command);
        var force = Common.Force(command);
        command.SetAction(parsed =>
        {
            Common.UseThreads(parsed.GetValue(threads));
            var (folder, existing) = (parsed.GetValue(output), Common.Existing(parsed.GetValue(force)));
            var file = folder is null ? null : Path.Combine(folder, ReportFile);
            if (file is not null) AtomicFile.CheckTarget(file, existing);
            using var scope = NewDisposeScope();
            using var coders = CoderPlaces.Open(parsed.GetValue(sae)!, terminal);
            var options = pictures.Read(parsed, terminal, parsed.GetValue(prompts) is { } list ? DenoiseInputs.ReadPrompts(list) : []);
            using var embedder = parsed.GetValue(clip) is { } named ? PictureEmbedder.Open(Named.Folder(named, terminal)) : null;
            using var pipeline = pictures.Open(parsed, terminal, besideCoders: true);
            var evaluation = new InterventionEvaluationOptions { Features = parsed.GetValue(features), Strength = parsed.GetValue(strength), Seed = options.Seed };
            var report = new InterventionEvaluation(pipeline, coders.BySite, embedder).Run(options, evaluation, new Percent(terminal));
            var record = Record(report, pipeline, options, evaluation, coders, embedder);
            if (file is not null) AtomicFile.WriteText(file, Terminal.ToJson(record) + "\n", existing);
            if (parsed.GetValue(json)) terminal.Json(record);
            else Print(report, terminal);
            return ExitCode.Good;
        });
    }

    private static object Record(InterventionReport report, TextToImage pipeline, GenerateOptions options, InterventionEvaluationOptions evaluation, CoderPlaces coders, PictureEmbedder? embedder) => new
    {
        provenance = PictureRecord.Provenance(pipeline),
        coders = coders.Hashes(pipeline),
        embedder = embedder?.Name,
        options.Prompts,
        options.Steps,
        options.Guidance,
        options.Seed,
        features_per_block = evaluation.Features,
        evaluation.Strength,
        likeness = "PSNR in dB and SSIM; SSIM stands in for LPIPS",
        blocks = report.Blocks.Select(block => new
        {
            site = block.Site.ToString(),
            block.Causality,
            block.Locality,
            block.RandomLocality,
            block.Features,
            block.Ablated,
            reconstructed = Said(block.Reconstructed),
        }),
        all_reconstructed = Said(report.Reconstructed),
        all_ablated = Said(report.Ablated),
        features = report.Features.Select(effect => new
        {
            site = effect.Site.ToString(),
            effect.Feature,
            effect.Picture,
            effect.Activation,
            effect.Covered,
            effect.Inside,
            effect.Outside,
            effect.Locality,
            effect.RandomInside,
            effect.RandomOutside,
            effect.RandomLocality,
            effect.Change,
            effect.EmbeddedInside,
            effect.EmbeddedOutside,
        }),
    };

    // JSON has no infinity; equal pictures have no error.
    private static object Said(ReconstructionQuality quality) => new { psnr = double.IsFinite(quality.Psnr) ? quality.Psnr : (double?)null, quality.Ssim, quality.Embedded };

    private static void Print(InterventionReport report, Terminal terminal)
    {
        terminal.Table(["block", "causality", "locality", "of random", "composition", "detail", "colour", "PSNR", "SSIM"], report.Blocks.Select(IReadOnlyList<string> (block) =>
            [block.Site.Path.Part, Number(block.Causality), Number(block.Locality), Number(block.RandomLocality),
                Share(block.Features.Composition, block.Features), Share(block.Features.Detail, block.Features), Share(block.Features.Colour, block.Features),
                $"{block.Reconstructed.Psnr:f1}", $"{block.Reconstructed.Ssim:f3}"]));
        terminal.Line("");
        terminal.Table(["all blocks", "PSNR", "SSIM", "embedded"], new[] { ("reconstructed", report.Reconstructed), ("ablated", report.Ablated) }
            .Select(IReadOnlyList<string> (pair) => [pair.Item1, $"{pair.Item2.Psnr:f1}", $"{pair.Item2.Ssim:f3}", Number(pair.Item2.Embedded)]));
        terminal.Remark("Causality: change inside a feature's mask over that of a random direction. Locality: inside / (inside + outside), 0.5 knows no place. Composition, detail and colour: shares of the features' squared change. PSNR and SSIM (in place of LPIPS): with reconstructed updates.");
    }

    private static string Number(double? value) => value is { } known ? $"{known:f3}" : "-";

    private static string Share(double part, PictureChange whole) => whole.Total > 0 ? $"{part * part / (whole.Total * whole.Total):p0}" : "-";

    private sealed class Percent(Terminal terminal) : IProgress<double>
    {
        private int _said;

        public void Report(double value)
        {
            var tens = (int)(value * 10);
            if (tens <= _said) return;
            _said = tens;
            terminal.Remark($"{10 * tens} %");
        }
    }
}
