using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Circuits;

/// <summary>
/// Attention divided into one over time at every place and one over space in every frame, as maps over all tokens of a clip: a token looks at nothing outside its own place or frame.
/// The class token takes part in space alone, where it looks at each frame and the frames' answers are averaged.
/// </summary>
internal static class DividedAttention
{
    /// <summary>Whether the blocks of the task's part attend so.</summary>
    internal static bool Is(AttributionTask task) => task.Model.Points.Any(point => point.Kind == Site.TemporalPattern && point.Site.Path.Part == task.Part);

    /// <summary>From fused patterns of places [B·N, T, T] to [B, P, P]; tokens without a place look at themselves.</summary>
    internal static Tensor OverTime(Tensor fused, TokenLayout layout)
    {
        using var scope = NewDisposeScope();
        var (places, frames, tokens) = (Places(layout), layout.Frames, layout.Tokens);
        long[] targets = [.. from place in places from t in Enumerable.Range(0, frames) from u in Enumerable.Range(0, frames) select (long)At(place, t) * tokens + At(place, u)];
        var values = fused.reshape(-1, targets.Length);
        long[] alone = [.. Enumerable.Range(0, layout.Prefix).Select(token => (long)token * tokens + token)];
        return Spread(cat([values, ones([values.shape[0], alone.Length], values.dtype, values.device)], 1), [.. targets, .. alone], tokens).MoveToOuterDisposeScope();
        int At((int Row, int Column) place, int frame) => layout.TokenAt(frame, place.Row, place.Column);
    }

    /// <summary>From fused patterns of frames [B·T, 1 + N, 1 + N] to [B, P, P].</summary>
    internal static Tensor OverSpace(Tensor fused, TokenLayout layout)
    {
        using var scope = NewDisposeScope();
        var (places, frames, tokens) = (Places(layout), layout.Frames, layout.Tokens);
        int At(int frame, int k) => k == 0 ? 0 : layout.TokenAt(frame, places[k - 1].Row, places[k - 1].Column);
        var side = places.Length + 1;
        long[] targets = [.. from t in Enumerable.Range(0, frames) from q in Enumerable.Range(0, side) from k in Enumerable.Range(0, side) select (long)At(t, q) * tokens + At(t, k)];
        // The class token has a row in every frame.
        var shares = cat([full([1, side], 1.0 / frames, dtype: fused.dtype, device: fused.device), ones([side - 1, side], fused.dtype, fused.device)], 0);
        return Spread((fused * shares).reshape(-1, targets.Length), targets, tokens).MoveToOuterDisposeScope();
    }

    private static (int Row, int Column)[] Places(TokenLayout layout) => [.. from row in Enumerable.Range(0, layout.Rows) from column in Enumerable.Range(0, layout.Columns) select (row, column)];

    private static Tensor Spread(Tensor values, long[] targets, int tokens)
    {
        var index = tensor(targets, [1L, targets.Length]).to(values.device).expand(values.shape);
        return zeros([values.shape[0], (long)tokens * tokens], values.dtype, values.device).scatter_add(1, index, values).view(-1, tokens, tokens);
    }
}
