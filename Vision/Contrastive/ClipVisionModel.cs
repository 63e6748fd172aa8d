using Prisma.Core;

namespace Prisma.Vision;

/// <summary>
/// CLIP's image tower alone: pixel_values [B, C, H, W] to the last hidden state [B, P, d], the pooled state [B, d] and, with a
/// projection, image_embeds [B, e]; these are not normalised, as in the reference.
/// </summary>
public sealed class ClipVisionModel : HookedModel, ILogitReadout
{
    private readonly ClipVision _vision;

    /// <summary>Declares everything of the configuration, without values.</summary>
    public ClipVisionModel(ClipVisionConfig config) => _vision = Child("", new ClipVision(config));

    /// <inheritdoc/>
    public override IReadOnlyList<string> InputNames { get; } = ["pixel_values"];

    /// <inheritdoc/>
    public string ReadoutPart => "";

    /// <inheritdoc/>
    public int? ReadToken => _vision.ReadToken;

    /// <inheritdoc/>
    public Norm FinalNorm => _vision.FinalNorm;

    /// <inheritdoc/>
    public Linear? Readout => _vision.Projection;

    /// <inheritdoc/>
    protected override TokenLayout? Layout(ModelInput input) => _vision.LayoutOf(input["pixel_values"]);

    /// <inheritdoc/>
    protected override ModelOutput Forward(ModelInput input, HookRun run)
    {
        var (hidden, pooled, projected) = _vision.Forward(input["pixel_values"], run);
        var output = new ModelOutput();
        if (projected is not null) output.With("image_embeds", projected);
        return output.With("last_hidden_state", hidden).With("pooler_output", pooled);
    }
}
