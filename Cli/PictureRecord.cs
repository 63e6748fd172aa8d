using Prisma.Diffusion;

namespace Prisma.Cli;

/// <summary>What is written beside made pictures, so that anyone can make them again.</summary>
internal static class PictureRecord
{
    internal const string FileName = "record.json";

    internal static object Of(TextToImage pipeline, GenerateOptions options, Generation made, IReadOnlyList<string> files) => new
    {
        provenance = Provenance(pipeline),
        options.Prompts,
        options.Negative,
        options.Guidance,
        options.Steps,
        options.Seed,
        seeds = options.Prompts.Select((_, i) => options.SeedOf(i)),
        given_latents = options.Latents is not null,
        given_noises = options.Noises is not null,
        strength = options.Start is null ? (double?)null : options.Strength,
        options.Eta,
        height = made.Latents.shape[2] * pipeline.Vae.Config.Factor,
        width = made.Latents.shape[3] * pipeline.Vae.Config.Factor,
        scheduler = pipeline.Scheduler.GetType().Name,
        timesteps = made.Timesteps.to(TorchSharp.torch.float64).data<double>().ToArray(),
        files,
    };

    /// <summary>The hashes of every model of the pipeline.</summary>
    internal static Dictionary<string, string> Provenance(TextToImage pipeline)
    {
        var written = Cli.Provenance.Of(pipeline.Unet);
        foreach (var model in pipeline.TextEncoders.Append(pipeline.Vae)) written[$"{model.Card.Name}_hash"] = Cli.Provenance.Of(model)["model_hash"];
        written["pipeline"] = pipeline.Path;
        return written;
    }
}
