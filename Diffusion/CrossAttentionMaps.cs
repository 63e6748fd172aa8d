using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Diffusion;

/// <summary>
/// Where a picture's cells looked at each token of the prompt while it was drawn (DAAM, Tang et al. 2022): cross-attention probabilities of the
/// passes that see the prompt, averaged over heads and layers, enlarged bicubically to the latent's cells, clamped at 0 and summed over steps.
/// The coarsest maps, an eighth of the latent's side and less, are left out as in the reference. Watches through a plan, so no pattern is stored.
/// Owns its tensors; dispose it.
/// </summary>
public sealed class CrossAttentionMaps : IDisposable
{
    private const long Coarsest = 8;

    private readonly long _rows, _columns;
    private Tensor? _sum;
    private readonly HashSet<HookSite> _layers = [];

    /// <summary>Maps on a latent of a size.</summary>
    public CrossAttentionMaps(long rows, long columns) => (_rows, _columns) = (rows, columns);

    /// <summary>The plan with its cross-attentions watched. Values are handed on as they are.</summary>
    public DenoisePlan Watch(DenoisePlan plan)
    {
        ArgumentNullException.ThrowIfNull(plan);
        return plan.With(HookPlan.Empty.Edit(point => point.Kind == Site.CrossPattern, (value, site) =>
        {
            Add(value, site);
            return value;
        }));
    }

    /// <summary>One map for each token: [B, tokens, rows, columns]; the steps' sum of the layers' means. The caller disposes it.</summary>
    /// <exception cref="PrismaException">No run was watched, or every map was too coarse.</exception>
    public Tensor Maps()
    {
        using var scope = NewDisposeScope();
        if (_sum is null) throw new PrismaException("No cross-attention was watched: give the plan of Watch to a run, on a latent whose transformers are not all at an eighth of its side.");
        return (_sum / _layers.Count).MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public void Dispose() => _sum?.Dispose();

    // [B, H, cells, tokens].
    private void Add(Tensor pattern, HookSite layer)
    {
        using var scope = NewDisposeScope();
        var (rows, columns) = GridOf(pattern.shape[2]);
        if (rows * Coarsest <= _rows) return;
        var mean = pattern.detach().to(ScalarType.Float32).cpu().mean([1]).transpose(1, 2).reshape(pattern.shape[0], pattern.shape[3], rows, columns);
        var enlarged = nn.functional.interpolate(mean, [_rows, _columns], mode: InterpolationMode.Bicubic, align_corners: false).clamp_min(0);
        var before = _sum;
        _sum = (before is null ? enlarged : before + enlarged).DetachFromDisposeScope();
        before?.Dispose();
        _layers.Add(layer);
    }

    // The level of the U-net with so many cells: sides are halved, rounded up.
    private (long Rows, long Columns) GridOf(long cells)
    {
        for (var (rows, columns) = (_rows, _columns); ; (rows, columns) = ((rows + 1) / 2, (columns + 1) / 2))
        {
            if (rows * columns == cells) return (rows, columns);
            if (rows * columns < cells || rows * columns == 1) throw new ShapeException($"A cross-attention over {cells} cells does not belong to a latent of {_rows}x{_columns}.");
        }
    }
}
