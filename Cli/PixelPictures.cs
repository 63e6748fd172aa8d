using Prisma.Core;
using Prisma.Diffusion;
using static TorchSharp.torch;

namespace Prisma.Cli;

/// <summary>The files of pictures that were drawn from noise alone.</summary>
internal static class PixelPictures
{
    internal static int Write(PixelDiffusion model, PixelOptions options, string[] globs, string? folder, string? trace, ExistingFile existing, bool json, Terminal terminal)
    {
        if (globs.Length > 0) _ = model.Unet.Find(globs.Select(glob => ShortCodes.Expand(glob)));
        var kept = globs.Aggregate(HookPlan.Empty, (plan, glob) => plan.Keep(ShortCodes.Expand(glob)));
        using var made = model.Generate(options, DenoisePlan.Empty.With(kept), PictureOptions.Progress(terminal));
        var files = folder is null ? [] : made.Pictures.Select((_, i) => $"{i:d3}.png").ToList();
        var record = new
        {
            provenance = new Dictionary<string, string>(Provenance.Of(model.Unet)) { ["pipeline"] = model.Path },
            options.Count,
            options.Classes,
            options.Steps,
            options.Seed,
            options.Eta,
            given_latents = options.Start is not null,
            given_noises = options.Noises is not null,
            height = made.Samples.shape[2],
            width = made.Samples.shape[3],
            scheduler = model.Scheduler.GetType().Name,
            timesteps = made.Timesteps.to(float64).data<double>().ToArray(),
            files,
        };
        if (trace is not null) Safetensors.Write(trace, Trace(made), Provenance.Of(model.Unet), existing);
        if (folder is not null)
        {
            foreach (var (picture, name) in made.Pictures.Zip(files)) picture.Save(Path.Combine(folder, name), existing);
            AtomicFile.WriteText(Path.Combine(folder, PictureRecord.FileName), Terminal.ToJson(record) + "\n", existing);
            terminal.Remark($"Wrote {files.Count} picture{(files.Count == 1 ? "" : "s")} to {folder}.");
        }
        if (json) terminal.Json(record);
        return ExitCode.Good;
    }

    private static IEnumerable<(string, Tensor)> Trace(PixelGeneration made)
    {
        yield return ("timesteps", made.Timesteps);
        yield return ("steps", made.Steps);
        yield return ("out", made.Samples);
        var first = made.Pictures[0];
        yield return ("image", tensor(made.Pictures.SelectMany(picture => picture.Pixels.ToArray()).ToArray(), [made.Pictures.Count, first.Height, first.Width, 3]));
        foreach (var site in made.Cache.Sites) yield return (site.ToString(), made.Cache[site]);
    }
}
