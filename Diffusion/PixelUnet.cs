using Prisma.Core;

namespace Prisma.Diffusion;

/// <summary>
/// U-nets that predict noise from a noisy picture and a time step, without a text, in diffusers' layout (UNet2DModel; Ho et al. 2020, Nichol and
/// Dhariwal 2021). The model is <see cref="Unet"/>, with the same places. Older files call the attention's matrices query, key, value and proj_attn.
/// </summary>
public sealed class PixelUnetFamily : ModelFamily<UnetConfig>
{
    /// <inheritdoc/>
    public override string Name => "unet2d";

    /// <inheritdoc/>
    protected override UnetConfig TinyConfig => new()
    {
        Channels = [8, 12],
        Layers = [1, 1],
        DownAttends = [false, true],
        UpAttends = [true, false],
        Heads = [1, 2],
        Groups = 4,
        MidAttentionGroups = 4,
        TimeWidth = 16,
        TimeScales = true,
        Classes = 3,
        DownsamplePadding = 0,
    };

    /// <inheritdoc/>
    public override bool Claims(ModelFolder folder)
    {
        ArgumentNullException.ThrowIfNull(folder);
        return folder.ClassName == "UNet2DModel";
    }

    /// <inheritdoc/>
    protected override UnetConfig ReadConfig(ModelFolder folder)
    {
        ArgumentNullException.ThrowIfNull(folder);
        return UnetConfig.ReadPixels(new ConfigReader(folder.Config, Path.Combine(folder.Path, folder.ConfigFile)));
    }

    /// <inheritdoc/>
    protected override HookedModel Build(UnetConfig config) => new Unet(config);

    /// <inheritdoc/>
    protected override WeightMap Weights(UnetConfig config, TensorSource source) => CellAttention.WithOlderNames(new WeightMap(), new Unet(config), source);
}
