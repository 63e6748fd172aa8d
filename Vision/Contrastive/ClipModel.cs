using Prisma.Core;
using Prisma.Text;
using static TorchSharp.torch;

namespace Prisma.Vision;

/// <summary>
/// A model of pictures and texts with both towers, such as CLIP: the parts <c>vision</c> and <c>text</c>. A tower without input is not
/// run. Outputs: image_embeds and text_embeds [B, e] with length 1, logits_per_image [images, texts] and its transpose logits_per_text,
/// and each tower's last_hidden_state and pooler_output under the tower's name.
/// </summary>
public sealed class ClipModel : HookedModel, IImageTextModel, ILogitReadout
{
    private readonly ImageTower _vision;
    private readonly TextTower _text;
    private readonly Weight _scale;
    private readonly Weight? _bias;

    /// <summary>Takes over the towers, which must reach the joint space, and declares the rest, without values.</summary>
    public ClipModel(ImageTower vision, TextTower text, bool logitBias = false)
    {
        ArgumentNullException.ThrowIfNull(vision);
        ArgumentNullException.ThrowIfNull(text);
        if (vision.JointWidth != text.JointWidth || text.JointWidth == 0)
            throw new CheckpointException($"The towers project to {vision.JointWidth} and {text.JointWidth}; both must reach the same joint space.");
        _vision = PartChild(Part.Vision, vision);
        _text = PartChild(Part.Text, text);
        _scale = Declare("logit_scale");
        _bias = logitBias ? Declare("logit_bias") : null;
        InputNames = [.. vision.InputNames, "input_ids", "attention_mask"];
    }

    /// <inheritdoc/>
    public override IReadOnlyList<string> InputNames { get; }

    /// <inheritdoc/>
    public double LogitScale => Math.Exp(_scale.Value.to(ScalarType.Float64).item<double>());

    /// <inheritdoc/>
    public double LogitBias => _bias?.Value.to(ScalarType.Float64).item<double>() ?? 0;

    /// <inheritdoc/>
    public int TextContext => _text.Context;

    /// <inheritdoc/>
    public string ReadoutPart => Part.Vision;

    /// <inheritdoc/>
    public int? ReadToken => _vision.ReadToken;

    /// <inheritdoc/>
    public Norm FinalNorm => _vision.FinalNorm;

    /// <inheritdoc/>
    public Linear? Readout => _vision.Readout;

    /// <inheritdoc/>
    protected override TokenLayout? Layout(ModelInput input) => input.Has("pixel_values") ? _vision.LayoutOf(input) : null;

    /// <inheritdoc/>
    protected override ModelOutput Forward(ModelInput input, HookRun run)
    {
        var (seesImages, seesTexts) = (input.Has("pixel_values"), input.Has("input_ids"));
        if (!seesImages && !seesTexts) throw new ShapeException($"{Card.Name} was given neither pixel_values nor input_ids.");
        var towers = new ModelOutput();
        Tensor? images = null, texts = null;
        if (seesImages)
        {
            var (hidden, pooled, projected) = _vision.Forward(input, run);
            images = nn.functional.normalize(projected ?? pooled!);
            towers.With("vision.last_hidden_state", hidden).With("vision.pooler_output", pooled!);
        }
        if (seesTexts)
        {
            var (hidden, pooled, projected) = _text.Forward(input["input_ids"], input.Has("attention_mask") ? input["attention_mask"] : null, run);
            texts = nn.functional.normalize(projected ?? pooled);
            towers.With("text.last_hidden_state", hidden).With("text.pooler_output", pooled);
        }
        return Compare(images, texts).With(towers);
    }

    private ModelOutput Compare(Tensor? images, Tensor? texts)
    {
        var output = new ModelOutput();
        if (images is not null && texts is not null)
        {
            var logits = images.matmul(texts.t()) * _scale.Value.exp();
            if (_bias is not null) logits += _bias.Value;
            output.With("logits_per_image", logits).With("logits_per_text", logits.t());
        }
        if (images is not null) output.With("image_embeds", images);
        if (texts is not null) output.With("text_embeds", texts);
        return output;
    }
}
