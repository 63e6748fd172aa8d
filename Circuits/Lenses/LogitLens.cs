using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Circuits;

/// <summary>
/// The logit lens (nostalgebraist 2020; on patches: ViT-Prisma): every layer's residual stream is decoded with the model's own final norm
/// and head, at every token, although only the token that the head reads was trained to be decoded. The last layer at that token is the
/// model's output itself.
/// </summary>
public static class LogitLens
{
    /// <summary>Decodes all layers at all tokens. Dispose the reading: [layers, B, P, C] numbers.</summary>
    /// <exception cref="NotApplicableException">The model has no linear head on a residual stream.</exception>
    public static LensReading Read(HookedModel model, ModelInput input, LensOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(input);
        options ??= new LensOptions();
        if (model is not ILogitReadout { Readout: not null } readout)
            throw new NotApplicableException($"The logit lens does not apply: {model.Card.Name} does not end in a linear head on its residual stream. Load a checkpoint with a classifier or a projection.");
        using var scope = NewDisposeScope();
        var part = readout.ReadoutPart;
        bool Here(HookPoint point) => point.Site.Path.Part == part;
        var plan = HookPlan.Empty.Keep(point => Here(point) && (point.Kind == Site.ResidPre || point.Kind == Site.ResidPost || (options.IncludeMid && point.Kind == Site.ResidMid)));
        if (options.FrozenScale) plan = plan.Keep(Site.FinalScale.Only.In(part));
        using var recording = model.Run(input, plan);
        using var streams = new ResidualStream(recording.Cache, part).Accumulated(includeMid: options.IncludeMid);
        using var mode = no_grad();
        var stream = options.Tuned is { } tuned ? Translated(tuned, streams.Values, options) : streams.Values;
        var decoded = options.FrozenScale ? Frozen(stream, recording.Cache[Site.FinalScale.Only.In(part)], readout) : readout.Unembed(stream);
        if (options.Directions is { } directions)
        {
            if (directions.dim() != 2 || directions.shape[1] != decoded.shape[^1])
                throw new ShapeException($"The class directions are [{string.Join(", ", directions.shape)}]; needed is [classes, {decoded.shape[^1]}].");
            decoded = nn.functional.normalize(decoded, dim: -1).matmul(nn.functional.normalize(directions, dim: -1).t()) * options.LogitScale;
        }
        var labels = options.Labels ?? (options.Directions is null ? model.Card.Labels : []);
        return new LensReading(decoded, streams.Labels, labels, model.LayoutOf(input), readout.ReadToken);
    }

    // The last stream is what the translators lead to and has none.
    private static Tensor Translated(TunedLens tuned, Tensor streams, LensOptions options)
    {
        if (options.IncludeMid) throw new OptionsException("A tuned lens has no translators for the stream between attention and MLP; leave it out.");
        if (tuned.Layers != streams.shape[0] - 1 || tuned.Width != streams.shape[^1])
            throw new OptionsException($"The tuned lens has {tuned.Layers} translators of width {tuned.Width}; the model has {streams.shape[0] - 1} blocks of width {streams.shape[^1]}.");
        return stack(Enumerable.Range(0, (int)streams.shape[0]).Select(layer => layer < tuned.Layers ? tuned.Translate(layer, streams[layer]) : streams[layer]));
    }

    // Linear in the stream: the scale is that of the run's own last layer, at each token.
    private static Tensor Frozen(Tensor streams, Tensor scale, ILogitReadout readout)
    {
        var norm = readout.FinalNorm;
        var normed = norm.WithScale(streams, scale);
        return readout.Readout!.Forward(norm.Bias is { } bias ? normed + bias : normed);
    }
}
