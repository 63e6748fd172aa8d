using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Vision;

/// <summary>
/// Swin Transformer (Liu et al. 2021) and its second version (Liu et al. 2022): pixel_values [B, C, H, W] to logits, or to the last hidden state. Blocks are numbered through all
/// stages; each stage halves the grid and doubles the width, so the stream of one stage does not add to that of another.
/// </summary>
public sealed class Swin : HookedModel
{
    private readonly Func<Tensor, Tensor, Tensor?, TokenLayout, ModelOutput> _outputs;
    private readonly PatchEmbed _patch;
    private readonly Norm _preNorm;
    private readonly HookPoint _lnPre;
    private readonly List<(SwinMerge? Merge, SwinBlock[] Blocks)> _stages = [];
    private readonly ClosingNorm _norm;
    private readonly Linear? _head;
    private readonly HookPoint? _postHead;

    /// <summary>Declares everything of the configuration, without values.</summary>
    /// <param name="config">The configuration.</param>
    /// <param name="outputs">
    /// What the family's reference returns, of the normalised stream [B, P, d], its mean [B, d], the logits where there is a classifier, and
    /// the last stage's grid.
    /// </param>
    public Swin(SwinConfig config, Func<Tensor, Tensor, Tensor?, TokenLayout, ModelOutput> outputs)
    {
        ArgumentNullException.ThrowIfNull(config);
        _outputs = outputs;
        _patch = Child("patch", new PatchEmbed(config.Channels, config.Width, config.Patch));
        _preNorm = Child("ln_pre", new LayerNorm(config.Width, 1e-5, Site.PreScale, Site.PreNormalized));
        _lnPre = Point(Site.LnPre);
        var number = 0;
        for (var stage = 0; stage < config.Depths.Count; stage++)
        {
            var merge = stage == 0 ? null : PartChild($"merge.{stage}", new SwinMerge(config.Width << (stage - 1), config.V2 is not null));
            var blocks = new SwinBlock[config.Depths[stage]];
            for (var i = 0; i < blocks.Length; i++, number++) blocks[i] = BlockChild($"blocks.{number}", number, new SwinBlock(config, stage, shifts: i % 2 == 1));
            _stages.Add((merge, blocks));
        }
        _norm = Child("ln_final", new ClosingNorm(config.LastWidth, LayerNorm.With(config.Eps)));
        if (config.Classes == 0) return;
        _head = Child("head", new Linear(config.LastWidth, config.Classes));
        _postHead = Point(Site.PostHead);
    }

    /// <inheritdoc/>
    public override IReadOnlyList<string> InputNames { get; } = ["pixel_values"];

    // The grid of the last stage.
    /// <inheritdoc/>
    protected override TokenLayout? Layout(ModelInput input)
    {
        var first = _patch.LayoutOf(input["pixel_values"], prefix: 0);
        var (rows, columns, side) = (first.Rows, first.Columns, first.PatchHeight);
        for (var stage = 1; stage < _stages.Count; stage++) (rows, columns, side) = ((rows + 1) / 2, (columns + 1) / 2, 2 * side);
        return TokenLayout.Picture(0, rows, columns, side);
    }

    /// <inheritdoc/>
    protected override ModelOutput Forward(ModelInput input, HookRun run)
    {
        var pixels = input["pixel_values"];
        var layout = _patch.LayoutOf(pixels, prefix: 0);
        var (rows, columns) = (layout.Rows, layout.Columns);
        var x = _lnPre.Pass(_preNorm.Forward(_patch.Forward(pixels, run), run), run);
        foreach (var (merge, blocks) in _stages)
        {
            if (merge is not null)
            {
                x = merge.Forward(x, rows, columns, run);
                (rows, columns) = ((rows + 1) / 2, (columns + 1) / 2);
            }
            foreach (var block in blocks) x = block.Forward(x, rows, columns, run);
        }
        x = _norm.Forward(x, run);
        var pooled = x.mean([1]);
        var logits = _head is null || _postHead is null ? null : _postHead.Pass(_head.Forward(pooled), run);
        return _outputs(x, pooled, logits, Layout(input)!);
    }
}
