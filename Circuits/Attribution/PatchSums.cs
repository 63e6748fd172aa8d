using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Circuits;

/// <summary>From pixels to the patches that the tokens stand for, and back.</summary>
internal static class PatchSums
{
    /// <summary>
    /// Sums pictures [B, C, H, W], or clips with the channels first [B, C, T, H, W], over channels and the pixels of each patch:
    /// [B, frames·rows·columns]. Pixels beyond the last whole patch or tubelet count nowhere.
    /// </summary>
    internal static Tensor Of(Tensor pixels, TokenLayout layout)
    {
        using var scope = NewDisposeScope();
        var clips = pixels.dim() == 4 ? pixels.unsqueeze(2) : pixels;
        var seen = clips.narrow(2, 0, (long)layout.Frames * layout.Tubelet).narrow(3, 0, (long)layout.Rows * layout.PatchHeight)
            .narrow(4, 0, (long)layout.Columns * layout.PatchWidth);
        return seen.sum(1L).reshape(-1, layout.Frames, layout.Tubelet, layout.Rows, layout.PatchHeight, layout.Columns, layout.PatchWidth).sum([2L, 4L, 6L])
            .flatten(1).MoveToOuterDisposeScope();
    }

    /// <summary>Spreads values of patches [n, rows·columns] over their pixels: [n, 1, height, width]; 0 beyond the last whole patch.</summary>
    internal static Tensor Spread(Tensor patches, TokenLayout layout, long height, long width)
    {
        using var scope = NewDisposeScope();
        var pixels = patches.reshape(-1, layout.Rows, 1, layout.Columns, 1)
            .expand(patches.shape[0], layout.Rows, layout.PatchHeight, layout.Columns, layout.PatchWidth)
            .reshape(-1, 1, (long)layout.Rows * layout.PatchHeight, (long)layout.Columns * layout.PatchWidth);
        var below = height - pixels.shape[2];
        if (below > 0) pixels = cat([pixels, zeros([pixels.shape[0], 1, below, pixels.shape[3]], pixels.dtype, pixels.device)], 2);
        var right = width - pixels.shape[3];
        if (right > 0) pixels = cat([pixels, zeros([pixels.shape[0], 1, height, right], pixels.dtype, pixels.device)], 3);
        return pixels.MoveToOuterDisposeScope();
    }
}
