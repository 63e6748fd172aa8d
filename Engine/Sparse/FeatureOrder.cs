using static TorchSharp.torch;

namespace Prisma.Engine;

/// <summary>The entries of sparse rows in the order of their features, rows ascending within one: feature f owns places starts[f] to starts[f + 1].</summary>
/// <param name="Starts">int64 [F + 1].</param>
/// <param name="Order">Which entry is at each place: int64 [E].</param>
/// <param name="Rows">Its row: int64 [E].</param>
internal readonly record struct FeatureOrder(Tensor Starts, Tensor Order, Tensor Rows)
{
    /// <summary>Number of features.</summary>
    internal long Features => Starts.shape[0] - 1;

    /// <summary>In how many rows each feature has an entry: int64 [F].</summary>
    internal Tensor Counts()
    {
        using var ends = Starts.narrow(0, 1, Features);
        using var begins = Starts.narrow(0, 0, Features);
        return ends.sub(begins);
    }

    /// <summary>Disposes the tensors.</summary>
    internal void Dispose()
    {
        Starts.Dispose();
        Order.Dispose();
        Rows.Dispose();
    }
}
