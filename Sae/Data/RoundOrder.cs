using static TorchSharp.torch;

namespace Prisma.Sae;

/// <summary>The order of rows in one round through the data: a function of seed and round, so that it can be taken up anywhere.</summary>
internal sealed class RoundOrder(long rows, long? seed) : IDisposable
{
    private Tensor? _order;
    private long _round = -1;

    /// <summary>Goes to a round.</summary>
    internal void Turn(long round)
    {
        if (seed is not { } given || round == _round) return;
        using var generator = new Generator(Mixed(given, round));
        _order?.Dispose();
        _order = randperm(rows, generator: generator).DetachFromDisposeScope();
        _round = round;
    }

    /// <summary>Rows of a matrix by their place in the order; a matrix of its own.</summary>
    internal Tensor Rows(Tensor matrix, long start, long count)
    {
        using var scope = NewDisposeScope();
        var picked = _order is null ? matrix.narrow(0, start, count).clone() : matrix.index_select(0, _order.narrow(0, start, count));
        return picked.MoveToOuterDisposeScope();
    }

    public void Dispose() => _order?.Dispose();

    // Neighbouring seeds and rounds must not give related orders: the finaliser of SplitMix64.
    internal static ulong Mixed(long seed, long round)
    {
        var z = unchecked((ulong)seed * 0x9E3779B97F4A7C15UL + (ulong)round * 0xD1B54A32D192ED03UL + 0x632BE59BD9B4E019UL);
        z = unchecked((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9UL);
        z = unchecked((z ^ (z >> 27)) * 0x94D049BB133111EBUL);
        return z ^ (z >> 31);
    }
}
