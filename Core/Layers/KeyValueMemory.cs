using static TorchSharp.torch;

namespace Prisma.Core;

/// <summary>
/// Keys and values of the tokens that a causal model has read, per attention module, so that the next pass reads only new tokens. Owns
/// its tensors. One memory belongs to one sequence of passes of one model.
/// </summary>
public sealed class KeyValueMemory : IDisposable
{
    private readonly Dictionary<Attention, (Tensor Keys, Tensor Values)> _held = [];

    /// <summary>The number of tokens held before the present pass.</summary>
    public long Tokens { get; private set; }

    /// <summary>Ends a pass that read this many tokens: the next one starts behind them.</summary>
    public void Advance(long tokens) => Tokens += tokens;

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var (keys, values) in _held.Values)
        {
            keys.Dispose();
            values.Dispose();
        }
        _held.Clear();
    }

    // k, v: [B, P, KH, k] of the new tokens; returns those of all tokens, borrowed.
    internal (Tensor Keys, Tensor Values) Extend(Attention module, Tensor keys, Tensor values)
    {
        if (_held.TryGetValue(module, out var before))
        {
            using (before.Keys)
            using (before.Values)
                (keys, values) = (cat([before.Keys, keys], 1), cat([before.Values, values], 1));
        }
        else
        {
            (keys, values) = (keys.detach().clone(), values.detach().clone());
        }
        _held[module] = (keys.DetachFromDisposeScope(), values.DetachFromDisposeScope());
        return (keys, values);
    }
}
