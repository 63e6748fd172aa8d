using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Video;

/// <summary>
/// V-JEPA 2's predictor: reads the encoder's tokens at the context's places, puts a learned token at each target place, lets them look at
/// each other in the order of their places, and says what the encoder would have given at the targets.
/// </summary>
public sealed class VJepaPredictor : Module
{
    private const int MaskToken = 1;  // the reference's default; wraps around where there are fewer

    private readonly VJepa2Config _config;
    private readonly Linear _embed, _project;
    private readonly Weight _mask;
    private readonly Block[] _blocks;
    private readonly LayerNorm _norm;
    private readonly HookPoint _embedPoint, _fullEmbed, _lnFinal;

    /// <summary>Declares everything of the configuration, without values.</summary>
    public VJepaPredictor(VJepa2Config config)
    {
        _config = config;
        var (width, outer) = (config.Predictor.Width, config.Encoder.Width);
        _embed = Child("embed", new Linear(outer, width));
        _embedPoint = Point(Site.Embed);
        _mask = Declare("mask_tokens", config.MaskTokens, 1, 1, width);
        _fullEmbed = Point(Site.FullEmbed);
        _blocks = [.. Enumerable.Range(0, config.Predictor.Layers).Select(i => BlockChild($"blocks.{i}", i, VJepaBlocks.Block(config.Predictor, config)))];
        _norm = Child("ln_final", new LayerNorm(width, config.Eps, Site.FinalScale, Site.FinalNormalized));
        _lnFinal = Point(Site.LnFinal);
        _project = Child("proj", new Linear(width, outer));
    }

    /// <summary>Predicts the targets: [B, targets, d_encoder].</summary>
    /// <param name="context">The encoder's tokens at the context's places, [B, contexts, d_encoder].</param>
    /// <param name="contextIds">Their places, [B, contexts].</param>
    /// <param name="targetIds">The places to predict, [B, targets].</param>
    /// <param name="run">The run.</param>
    public Tensor Forward(Tensor context, Tensor contextIds, Tensor targetIds, HookRun run)
    {
        using var scope = NewDisposeScope();
        var (batch, width, targets) = (context.shape[0], (long)_config.Predictor.Width, targetIds.shape[1]);
        var known = _embedPoint.Pass(_embed.Forward(context), run);
        var unknown = _mask.Value.select(0, MaskToken % _config.MaskTokens).expand(batch, targets, width);
        var ids = cat([contextIds, targetIds], 1);
        var order = ids.argsort(1);
        var x = _fullEmbed.Pass(ByToken(cat([known, unknown], 1), order), run);
        var placed = new AttentionContext { Positions = ids.gather(1, order) };
        foreach (var block in _blocks) x = block.Forward(x, run, placed);
        x = _lnFinal.Pass(_norm.Forward(x, run), run);
        var unsorted = ByToken(x, order.argsort(1)).narrow(1, contextIds.shape[1], targets);
        return _project.Forward(unsorted).MoveToOuterDisposeScope();
    }

    /// <summary>The tokens [B, P, d] at some places [B, n].</summary>
    internal static Tensor ByToken(Tensor x, Tensor places) => x.gather(1, places.unsqueeze(-1).expand(places.shape[0], places.shape[1], x.shape[2]));

    internal static void Map(WeightMap map, VJepa2Config config) => map
        .Pair("embed", "embeddings.predictor_embeddings").Copy("mask_tokens", "embeddings.mask_tokens")
        .PerBlock(config.Predictor.Layers, "blocks.{i}.", "layer.{i}.", block => VJepaBlocks.Weights(block, config.QkvBias))
        .Pair("ln_final", "layernorm").Pair("proj", "proj");
}
