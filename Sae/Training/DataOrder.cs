using static TorchSharp.torch;

namespace Prisma.Sae;

/// <summary>Row numbers in random order, every row once before any row twice.</summary>
internal sealed class DataOrder(long count, Generator generator) : IDisposable
{
    private Tensor? _order;
    private long _next;

    /// <summary>The next rows: int64 [rows], in the current scope. What is left of a round too short for a batch is skipped.</summary>
    internal Tensor Next(long rows)
    {
        if (_order is null || _next + rows > count)
        {
            _order?.Dispose();
            _order = randperm(count, generator: generator).DetachFromDisposeScope();
            _next = 0;
        }
        _next += rows;
        return _order.narrow(0, _next - rows, rows);
    }

    public void Dispose() => _order?.Dispose();
}
