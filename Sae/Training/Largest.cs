using static TorchSharp.torch;

namespace Prisma.Sae;

/// <summary>Keeps the largest entries of a matrix [n, F] and sets the others to zero; differentiable in what is kept.</summary>
internal static class Largest
{
    /// <summary>The k largest of each row.</summary>
    internal static Tensor OfRows(Tensor values, int k)
    {
        var (kept, places) = values.topk(k, 1, sorted: false);
        return values.zeros_like().scatter(1, places, kept);
    }

    /// <summary>The k·rows largest of max(0, values) over the whole batch.</summary>
    internal static Tensor OfBatch(Tensor values, double k)
    {
        var flat = values.relu().flatten();
        var kept = checked((int)Math.Min(flat.numel(), (long)(k * values.shape[0])));
        var (largest, places) = flat.topk(kept, 0, sorted: false);
        return flat.zeros_like().scatter(0, places, largest).view(values.shape);
    }

    /// <summary>The k of largest magnitude of each row, with their signs.</summary>
    internal static Tensor OfMagnitudes(Tensor values, int k)
    {
        var places = values.detach().abs().topk(k, 1, sorted: false).indexes;
        return values.zeros_like().scatter(1, places, values.gather(1, places));
    }
}
