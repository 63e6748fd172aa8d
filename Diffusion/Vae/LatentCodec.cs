using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Diffusion;

/// <summary>Between a pipeline's latents, which are scaled, and pictures.</summary>
internal sealed class LatentCodec(LatentAutoencoder vae)
{
    private readonly LatentConfig _config = vae.Config;

    /// <summary>Pictures of latents in the pipeline's scale: float32 [B, 3, H, W], about −1 to 1.</summary>
    internal Tensor Decode(Tensor latents, bool tiles)
    {
        using var scope = NewDisposeScope();
        var own = latents / _config.Scaling;
        if (_config is { LatentMean: { } mean, LatentDeviation: { } deviation }) own = own * PerChannel(deviation) + PerChannel(mean);
        var cells = _config.Side / _config.Factor;
        var large = own.shape[2] > cells || own.shape[3] > cells;
        var pixels = tiles && large ? TiledDecoding.Run(own, _config.Side, _config.Factor, Whole) : Whole(own);
        return pixels.to(ScalarType.Float32).MoveToOuterDisposeScope();
    }

    /// <summary>A sample of the latents of pictures, in the pipeline's scale. <paramref name="noise"/> makes unit noise of a shape.</summary>
    internal Tensor Encode(Tensor pixels, Func<long[], Tensor> noise)
    {
        using var scope = NewDisposeScope();
        using var recording = vae.Run(new ModelInput { ["sample"] = pixels }, HookPlan.Empty);
        var mean = recording.Outputs[recording.Outputs.ContainsKey("latent_mean") ? "latent_mean" : "latents"].to(ScalarType.Float32).cpu();
        var own = recording.Outputs.TryGetValue("latent_logvar", out var logvar) ? mean + (logvar.to(ScalarType.Float32).cpu() * 0.5).exp() * noise(mean.shape) : mean;
        if (_config is { LatentMean: { } middle, LatentDeviation: { } deviation }) own = (own - PerChannel(middle)) / PerChannel(deviation);
        return (own * _config.Scaling).MoveToOuterDisposeScope();
    }

    /// <summary>8-bit pictures [B, H, W, 3] of decoded ones. The caller disposes them.</summary>
    internal static Tensor ToBytes(Tensor pixels)
    {
        using var scope = NewDisposeScope();
        return ((pixels / 2 + 0.5).clamp(0.0, 1.0) * 255).round().to(ScalarType.Byte).permute(0, 2, 3, 1).contiguous().MoveToOuterDisposeScope();
    }

    internal static IReadOnlyList<RgbImage> ToPictures(Tensor bytes) =>
        [.. Enumerable.Range(0, (int)bytes.shape[0]).Select(i =>
        {
            using var one = bytes[i];
            using var own = one.clone();
            return new RgbImage((int)bytes.shape[2], (int)bytes.shape[1], own.data<byte>().ToArray());
        })];

    /// <summary>A picture stretched to a size as [1, 3, H, W] in −1 to 1.</summary>
    internal static Tensor FromPicture(RgbImage picture, int height, int width)
    {
        using var scope = NewDisposeScope();
        var bytes = tensor(picture.Resize(width, height, ResizeFilter.Lanczos).Pixels.ToArray(), [1, height, width, 3]);
        return (bytes.to(ScalarType.Float32) / 255 * 2 - 1).permute(0, 3, 1, 2).contiguous().MoveToOuterDisposeScope();
    }

    private Tensor Whole(Tensor own)
    {
        using var recording = vae.Run(new ModelInput { ["latents"] = own }, HookPlan.Empty);
        return recording.Main.cpu();
    }

    private static Tensor PerChannel(IReadOnlyList<double> values) => tensor(values.Select(value => (float)value).ToArray()).view(1, values.Count, 1, 1);
}
