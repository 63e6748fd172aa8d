using System.Globalization;
using Prisma.Core;

namespace Prisma.Diffusion;

/// <summary>
/// Tiny autoencoders as their author publishes them: <c>NAME_encoder.pth</c> beside <c>NAME_decoder.pth</c>, sequences of layers without a configuration
/// (TAESD, TAESDXL, TAESD3, TAEF1, TAEF2). Sizes are read off the tensors. The model is <see cref="AutoencoderTiny"/>.
/// </summary>
public sealed class TaesdFamily : ModelFamily<TinyVaeConfig>
{
    private const int Tile = 512;

    /// <inheritdoc/>
    public override string Name => "taesd";

    /// <inheritdoc/>
    protected override TinyVaeConfig TinyConfig => new() { EncoderChannels = 8, DecoderChannels = 8, EncoderBlocks = [1, 1], DecoderBlocks = [1, 1], NormsBesideLatent = true };

    /// <inheritdoc/>
    public override bool Claims(ModelFolder folder)
    {
        ArgumentNullException.ThrowIfNull(folder);
        return folder.IsCoderPair;
    }

    /// <inheritdoc/>
    protected override TinyVaeConfig ReadConfig(ModelFolder folder) => new() { Side = Tile };

    /// <inheritdoc/>
    protected override TinyVaeConfig Settle(TinyVaeConfig config, TensorSource source)
    {
        ArgumentNullException.ThrowIfNull(config);
        ArgumentNullException.ThrowIfNull(source);
        var (encoder, decoder) = (Blocks(source, "encoder"), Blocks(source, "decoder"));
        if (encoder is null || decoder is null || encoder.Count != decoder.Count || !source.Contains("encoder.0.weight") || !source.Contains("decoder.1.weight"))
            throw new CheckpointException($"'{source.Path}' is no autoencoder in TAESD's layout: a convolution, levels of residual blocks with a convolution between, a last convolution, the same number of levels in both halves. Its variants with other beginnings (of SANA's latents) are not built.");
        var (first, last) = (source.Get("encoder.0.weight").Shape, source.Get("decoder.1.weight").Shape);
        return config with
        {
            Inputs = (int)first[1],
            EncoderChannels = (int)first[0],
            Latents = (int)last[1],
            DecoderChannels = (int)last[0],
            EncoderBlocks = encoder,
            DecoderBlocks = decoder,
            NormsBesideLatent = source.Names.Any(name => name.Contains(".pool.", StringComparison.Ordinal)),
        };
    }

    /// <inheritdoc/>
    protected override HookedModel Build(TinyVaeConfig config) => new AutoencoderTiny(config);

    // The decoder's first layer, the limit of the latents, is no layer of ours.
    /// <inheritdoc/>
    protected override WeightMap Weights(TinyVaeConfig config, TensorSource source)
    {
        var map = new WeightMap();
        foreach (var (name, _) in new AutoencoderTiny(config).Weights)
        {
            var parts = name.Split('.', 4);
            var layer = int.Parse(parts[2], CultureInfo.InvariantCulture) + (parts[0] == "decoder" ? 1 : 0);
            map.Copy(name, $"{parts[0]}.{layer}.{parts[3]}");
        }
        return map;
    }

    // How many residual blocks stand between one convolution and the next; null where levels are missing.
    private static List<int>? Blocks(TensorSource source, string half)
    {
        var layers = source.Names.Where(name => name.StartsWith(half + ".", StringComparison.Ordinal)).Select(name => name.Split('.'))
            .Where(parts => parts.Length > 2 && int.TryParse(parts[1], NumberStyles.None, CultureInfo.InvariantCulture, out _))
            .Select(parts => (Layer: int.Parse(parts[1], CultureInfo.InvariantCulture), IsBlock: parts.Length > 3)).Distinct().OrderBy(layer => layer.Layer).ToList();
        var counts = new List<int>();
        foreach (var (_, isBlock) in layers)
        {
            if (!isBlock) counts.Add(0);
            else if (counts.Count > 0) counts[^1]++;
            else return null;
        }
        // The last convolution opens no level.
        return counts.Count > 1 && counts[^1] == 0 && counts[..^1].All(count => count > 0) ? counts[..^1] : null;
    }
}
