using static TorchSharp.torch;

namespace Prisma.Sae;

/// <summary>Selection over a whole batch.</summary>
internal static class BatchSelection
{
    /// <summary>The k·rows largest of max(0, values), everything else zero: [n, F], differentiable.</summary>
    internal static Tensor Largest(Tensor values, double k)
    {
        var flat = values.relu().flatten();
        var kept = checked((int)Math.Min(flat.numel(), (long)(k * values.shape[0])));
        var (largest, places) = flat.topk(kept, 0, sorted: false);
        return flat.zeros_like().scatter(0, places, largest).view(values.shape);
    }
}
