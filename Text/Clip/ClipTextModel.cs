using Prisma.Core;

namespace Prisma.Text;

/// <summary>
/// The model of <see cref="ClipTextFamily"/>: input_ids [B, P] (and attention_mask) to the last hidden state [B, P, d], the pooled
/// token [B, d] and, with a projection, text_embeds [B, e]; these are not normalised, as in the reference.
/// </summary>
public sealed class ClipTextModel : HookedModel
{
    private readonly ClipText _text;

    /// <summary>Declares everything of the configuration, without values.</summary>
    public ClipTextModel(ClipTextConfig config) => _text = Child("", new ClipText(config));

    /// <inheritdoc/>
    public override IReadOnlyList<string> InputNames { get; } = ["input_ids", "attention_mask"];

    /// <inheritdoc/>
    protected override TokenLayout? Layout(ModelInput input) => null;

    /// <inheritdoc/>
    protected override ModelOutput Forward(ModelInput input, HookRun run)
    {
        var (hidden, pooled, projected) = _text.Forward(input["input_ids"], input.Has("attention_mask") ? input["attention_mask"] : null, run);
        var output = new ModelOutput();
        if (projected is not null) output.With("text_embeds", projected);
        return output.With("last_hidden_state", hidden).With("pooler_output", pooled);
    }
}
