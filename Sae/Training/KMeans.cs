using static TorchSharp.torch;

namespace Prisma.Sae;

/// <summary>Lloyd's algorithm from rows chosen at random; a centre that loses all its rows takes the row that is farthest from its own.</summary>
internal static class KMeans
{
    private const long RowsAtATime = 4096;

    /// <summary>The centres of rows [n, d]: [count, d] in the current scope. There must be at least as many rows as centres.</summary>
    internal static Tensor Centres(Tensor rows, int count, int rounds, ulong seed)
    {
        using var frozen = no_grad();
        using var scope = NewDisposeScope();
        using var generator = new Generator(seed);
        var centres = rows.index_select(0, randperm(rows.shape[0], generator: generator).narrow(0, 0, count));
        for (var round = 0; round < rounds; round++)
        {
            var (nearest, distances) = Nearest(rows, centres);
            var sizes = zeros(count).index_add(0, nearest, ones(rows.shape[0]), 1);
            var sums = zeros(count, rows.shape[1]).index_add(0, nearest, rows, 1);
            var moved = sums / sizes.clamp_min(1).unsqueeze(1);
            var empty = sizes.eq(0).nonzero().squeeze(1);
            if (empty.shape[0] > 0)
                moved.scatter_(0, empty.unsqueeze(1).expand(empty.shape[0], rows.shape[1]), rows.index_select(0, distances.topk((int)empty.shape[0], 0).indexes));
            centres = moved;
        }
        return centres.MoveToOuterDisposeScope();
    }

    private static (Tensor Places, Tensor Distances) Nearest(Tensor rows, Tensor centres)
    {
        var squares = centres.square().sum(1);
        var found = rows.split(RowsAtATime).Select(part =>
        {
            var (least, places) = (squares - part.matmul(centres.t()) * 2).min(1);
            return (places, least + part.square().sum(1));
        }).ToList();
        return (cat([.. found.Select(pair => pair.places)]), cat([.. found.Select(pair => pair.Item2)]));
    }
}
