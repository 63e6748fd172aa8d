using Prisma.Core;

namespace Prisma.Vision;

/// <summary>
/// An image tower alone, such as CLIP's: pixel_values [B, C, H, W] to the last hidden state [B, P, d], the pooled state [B, d] and, with a
/// projection, image_embeds [B, e]; these are not normalised, as in the reference.
/// </summary>
public sealed class ClipVisionModel : HookedModel, ILogitReadout
{
    private readonly ImageTower _vision;

    /// <summary>Takes over the tower.</summary>
    public ClipVisionModel(ImageTower vision) => _vision = Child("", vision);

    /// <inheritdoc/>
    public override IReadOnlyList<string> InputNames => _vision.InputNames;

    /// <inheritdoc/>
    public string ReadoutPart => "";

    /// <inheritdoc/>
    public int? ReadToken => _vision.ReadToken;

    /// <inheritdoc/>
    public Norm FinalNorm => _vision.FinalNorm;

    /// <inheritdoc/>
    public Linear? Readout => _vision.Readout;

    /// <inheritdoc/>
    protected override TokenLayout? Layout(ModelInput input) => _vision.LayoutOf(input);

    /// <inheritdoc/>
    protected override ModelOutput Forward(ModelInput input, HookRun run)
    {
        var (hidden, pooled, projected) = _vision.Forward(input, run);
        var output = new ModelOutput();
        if (projected is not null) output.With("image_embeds", projected);
        output.With("last_hidden_state", hidden);
        return pooled is null ? output : output.With("pooler_output", pooled);
    }
}
