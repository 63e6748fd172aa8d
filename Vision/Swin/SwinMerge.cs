using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Vision;

/// <summary>Swin's step between two stages: each 2 × 2 tokens, side by side, through a norm and a matrix become one of twice the width; in Swin V2 the norm follows.</summary>
internal sealed class SwinMerge : Module
{
    private const double Eps = 1e-5;
    private readonly bool _normFollows;
    private readonly Norm _norm;
    private readonly Linear _reduction;

    /// <summary>Declares <c>ln</c> [4d], or [2d] where it follows, and <c>reduction</c> [2d, 4d].</summary>
    internal SwinMerge(int width, bool normFollows)
    {
        _normFollows = normFollows;
        _norm = Child("ln", new LayerNorm((normFollows ? 2 : 4) * width, Eps, Site.MergeScale, Site.MergeNormalized));
        _reduction = Child("reduction", new Linear(4 * width, 2 * width, bias: false));
    }

    /// <summary>[B, rows·columns, d] to [B, ⌈rows/2⌉·⌈columns/2⌉, 2d]; an odd grid is padded with zeros.</summary>
    internal Tensor Forward(Tensor x, int rows, int columns, HookRun run)
    {
        using var scope = NewDisposeScope();
        var (batch, width) = (x.shape[0], x.shape[2]);
        var grid = x.view(batch, rows, columns, width);
        if (columns % 2 == 1) grid = cat([grid, zeros([batch, rows, 1, width], x.dtype, x.device)], 2);
        if (rows % 2 == 1) grid = cat([grid, zeros([batch, 1, grid.shape[2], width], x.dtype, x.device)], 1);
        var (halfRows, halfColumns) = (grid.shape[1] / 2, grid.shape[2] / 2);
        var four = grid.reshape(batch, halfRows, 2, halfColumns, 2, width).permute(0, 1, 3, 4, 2, 5).reshape(batch, halfRows * halfColumns, 4 * width);
        var merged = _normFollows ? _norm.Forward(_reduction.Forward(four), run) : _reduction.Forward(_norm.Forward(four, run));
        return merged.MoveToOuterDisposeScope();
    }
}
