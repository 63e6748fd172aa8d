using System.CommandLine;
using Prisma.Core;
using Prisma.Diffusion;
using Prisma.Sae;
using static TorchSharp.torch;

namespace Prisma.Cli.Commands;

/// <summary>Changes features of sparse coders while a picture is drawn.</summary>
internal sealed class InterveneCommand : Verb
{
    private const int Shown = 10;

    internal override string Name => "intervene";

    internal override string Description =>
        "Draws a picture twice from the same noise, once with features of sparse coders changed, and shows what the change did.\n"
        + "Example: prisma intervene --model sdxl-turbo --prompt 'a photo of a cat' --sae up.0.1=sae/up.0.1 --feature up.0.1:4977=+8 --mask box:128,128,256,256 --out changed";

    internal override void Fill(Command command, Terminal terminal)
    {
        var pictures = new PictureOptions(command);
        var sae = CoderPlaces.Option();
        var feature = new Option<string[]>("--feature") { HelpName = "SITE:FEATURE=CHANGE", Description = "+8 or -8 adds, 3 sets, x0.5 scales, off ablates; in units of the feature's mean activation" };
        var raw = new Option<bool>("--raw") { Description = "Strengths of --feature are activations, not multiples of the mean" };
        var source = new Option<string?>("--from") { HelpName = "TEXT", Description = "A prompt to transplant features from, drawn from the same noise" };
        var transplant = new Option<string[]>("--transplant") { HelpName = "SITE:FEATURES", Description = "Features that take over what they were for --from, cell by cell and step by step: up.0.1:4977,90" };
        var push = new Option<double>("--push") { HelpName = "N", DefaultValueFactory = _ => 1, Description = "How far transplants go: 1 to what a feature was for --from, 2 as far again beyond it" };
        var ablate = new Option<string[]>("--ablate-block") { HelpName = "SITE", Description = "A block whose update is taken away: down.2.1" };
        var alone = new Option<bool>("--alone") { Description = "Show the features alone: the block adds nothing else" };
        var mask = new Option<string?>("--mask") { HelpName = "box:x,y,w,h|polygon:x,y x,y …|PICTURE", Description = "Where to act, in pixels of the picture" };
        var steps = new Option<string?>("--at-steps") { HelpName = "0,2-3", Description = "At which steps to act (default: all)" };
        var halves = new Option<string>("--halves") { HelpName = "conditional|both|opposed", DefaultValueFactory = _ => "conditional", Description = "With --guidance: passes to act on; opposed takes away on the negative prompt's" };
        foreach (var option in new Option[] { sae, feature, raw, source, transplant, push, ablate, alone, mask, steps, halves }) command.Options.Add(option);
        var output = Common.Out(command, "The folder for pictures, maps and record.json");
        var threads = Common.Threads(command);
        var json = Common.Json(command);
        var force = Common.Force(command);
        command.SetAction(parsed =>
        {
            Common.UseThreads(parsed.GetValue(threads));
            var (folder, existing) = (parsed.GetValue(output)!, Common.Existing(parsed.GetValue(force)));
            AtomicFile.CheckTarget(Path.Combine(folder, PictureRecord.FileName), existing);
            using var scope = NewDisposeScope();
            using var places = CoderPlaces.Open(parsed.GetValue(sae)!, terminal);
            var coders = places.BySite;
            var edits = (parsed.GetValue(feature) ?? []).Select(text => FeatureOption.Read(text, coders, parsed.GetValue(raw), terminal)).ToList();
            var transplants = (parsed.GetValue(transplant) ?? []).SelectMany(FeatureOption.ReadPlain).ToList();
            var ablated = (parsed.GetValue(ablate) ?? []).Select(text => Site.Parse(ShortCodes.Expand(text))).ToList();
            if (edits.Count + transplants.Count + ablated.Count == 0) throw new OptionsException("Say what to change: --feature, --transplant with --from, or --ablate-block.");
            var options = pictures.Read(parsed, terminal);
            using var pipeline = pictures.Open(parsed, terminal, besideCoders: true);
            var (height, width) = pipeline.SizeOf(options);
            var changes = new InterventionOptions
            {
                Edits = edits,
                Transplants = transplants,
                TransplantStrength = parsed.GetValue(push),
                Sources = parsed.GetValue(source) is { } from ? [from] : [],
                Ablated = ablated,
                Alone = parsed.GetValue(alone),
                Mask = parsed.GetValue(mask) is { } drawn ? DrawnMask.Read(drawn, width, height) : null,
                Steps = parsed.GetValue(steps) is { } chosen ? StepRanges.Read(chosen) : null,
                Halves = Enum.TryParse<InterventionHalves>(parsed.GetValue(halves), ignoreCase: true, out var half) && Enum.IsDefined(half)
                    ? half
                    : throw new OptionsException($"--halves {parsed.GetValue(halves)}: expected conditional, both or opposed."),
            };
            var intervention = new PictureIntervention(pipeline, coders);
            using var result = intervention.Run(options, changes, PictureOptions.Progress(terminal));
            var files = new InterventionPictures(folder, existing);
            files.Write(result);
            foreach (var (site, number) in edits.Select(edit => (edit.Site, edit.Edit.Feature)).Concat(transplants).Distinct()) files.WriteMaps(intervention, result, site, number);
            var record = new
            {
                drawing = PictureRecord.Of(pipeline, options, result.Edited, files.Files),
                coders = places.Hashes(pipeline),
                edits = edits.Select(edit => new { site = edit.Site.ToString(), edit.Edit.Feature, action = edit.Edit.Action.ToString(), value = edit.Edit.Value }),
                transplants = transplants.Select(pair => new { site = pair.Site.ToString(), pair.Feature }),
                source = changes.Sources.SingleOrDefault(),
                push = changes.TransplantStrength,
                ablated = ablated.Select(site => site.ToString()),
                at_steps = changes.Steps?.Order(),
                masked = changes.Mask is not null,
                strongest = coders.Keys.ToDictionary(site => site.ToString(), site => options.Prompts.Select((_, i) =>
                    intervention.Strongest(site, result.Original, i, Shown).Select(pair => new { pair.Feature, pair.Mean }))),
            };
            AtomicFile.WriteText(Path.Combine(folder, PictureRecord.FileName), Terminal.ToJson(record) + "\n", existing);
            if (parsed.GetValue(json)) terminal.Json(record);
            terminal.Remark($"Wrote {files.Files.Count} pictures to {folder}.");
            return ExitCode.Good;
        });
    }
}
