using static TorchSharp.torch;

namespace Prisma.Diffusion;

/// <summary>
/// Decodes a large latent in overlapping tiles and blends their seams, as diffusers' tiled_decode does: memory grows with one tile. Pictures
/// differ slightly from those decoded in one piece, since the tiles' norms see only their own part.
/// </summary>
internal static class TiledDecoding
{
    private const double Overlap = 0.25;

    /// <param name="latents">[B, C, h, w].</param>
    /// <param name="side">Pixels along a tile's side.</param>
    /// <param name="factor">Pixels along one side of a latent's cell.</param>
    /// <param name="decode">Decodes one tile.</param>
    internal static Tensor Run(Tensor latents, int side, int factor, Func<Tensor, Tensor> decode)
    {
        using var scope = NewDisposeScope();
        var cells = Math.Max(1, side / factor);
        var distance = Math.Max(1, (int)(cells * (1 - Overlap)));
        var blended = (int)(side * Overlap);
        var rows = new List<List<Tensor>>();
        for (long y = 0; y < latents.shape[2]; y += distance)
        {
            var row = new List<Tensor>();
            for (long x = 0; x < latents.shape[3]; x += distance)
            {
                var tile = decode(latents.narrow(2, y, Math.Min(cells, latents.shape[2] - y)).narrow(3, x, Math.Min(cells, latents.shape[3] - x)));
                if (rows.Count > 0) tile = Blend(rows[^1][row.Count], tile, blended, 2);
                if (row.Count > 0) tile = Blend(row[^1], tile, blended, 3);
                row.Add(tile);
            }
            rows.Add(row);
        }
        var kept = side - blended;
        var whole = rows.Select(row => cat([.. row.Select(tile => tile.narrow(2, 0, Math.Min(kept, tile.shape[2])).narrow(3, 0, Math.Min(kept, tile.shape[3])))], 3));
        return cat([.. whole], 2).MoveToOuterDisposeScope();
    }

    // The end of the one runs into the beginning of the other along an axis.
    private static Tensor Blend(Tensor before, Tensor tile, int extent, int axis)
    {
        var length = (int)Math.Min(extent, Math.Min(before.shape[axis], tile.shape[axis]));
        if (length == 0) return tile;
        var share = (arange(0, length, ScalarType.Float32) / length).to(tile.dtype).view(axis == 2 ? [1, 1, length, 1] : [1, 1, 1, length]);
        var seam = before.narrow(axis, before.shape[axis] - length, length) * (1 - share) + tile.narrow(axis, 0, length) * share;
        return cat([seam, tile.narrow(axis, length, tile.shape[axis] - length)], axis);
    }
}
