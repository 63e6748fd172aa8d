using Prisma.Sae;
using static TorchSharp.torch;

namespace Prisma.Tests.Sae;

/// <summary>Compares what sources deliver.</summary>
internal static class Order
{
    /// <summary>Some batches of a column under each other. In the current scope.</summary>
    internal static Tensor Read(IActivationSource source, string column, int batchRows, Cursor from, int batches)
    {
        var parts = new List<Tensor>();
        foreach (var batch in source.Open(batchRows, from, CancellationToken.None))
        {
            using (batch) parts.Add(batch[column].clone());
            if (parts.Count == batches) break;
        }
        return cat(parts);
    }

    /// <summary>For each row its nearest among the known ones, and how far it is.</summary>
    internal static (long[] Rows, double Distance) Find(Tensor rows, Tensor among)
    {
        using var scope = NewDisposeScope();
        var places = new List<long>();
        var farthest = 0d;
        for (var k = 0; k < rows.shape[0]; k++)
        {
            var (distance, place) = (among - rows.narrow(0, k, 1)).abs().amax([1L]).min(0);
            places.Add(place.item<long>());
            farthest = Math.Max(farthest, distance.item<float>());
        }
        return ([.. places], farthest);
    }
}
