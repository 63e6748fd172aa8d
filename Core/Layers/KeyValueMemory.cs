using Prisma.Engine;
using static TorchSharp.torch;

namespace Prisma.Core;

/// <summary>
/// Keys and values of the tokens that a causal model has read, per attention module, so that the next pass reads only new tokens. Owns
/// its tensors, with room for more tokens than it holds. One memory belongs to one sequence of passes of one model.
/// </summary>
public sealed class KeyValueMemory : IDisposable
{
    private const long LeastRoom = 64;

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

    // k, v: [B, P, KH, k] of the new tokens; returns those of all tokens [B, T, KH, k], views of what is held. It lies head by head, as
    // attention reads it.
    internal (Tensor Keys, Tensor Values) Extend(Attention module, Tensor keys, Tensor values)
    {
        using var frozen = no_grad();
        var length = Tokens + keys.shape[1];
        var held = Room(module, keys.shape[0], keys.shape[1], keys);
        Write(held.Keys, keys);
        Write(held.Values, values);
        return (held.Keys.narrow(2, 0, length).transpose(1, 2), held.Values.narrow(2, 0, length).transpose(1, 2));
    }

    // q: [B, 1, H, k]; what each head reads of all tokens [B, 1, H, k], in one step with taking k and v.
    internal Tensor Attend(Attention module, Tensor q, Tensor k, Tensor v, double scale, double? cap, int? window)
    {
        using var frozen = no_grad();
        var held = Room(module, k.shape[0], 1, k);
        return TokenAttention.Attend(q, k, v, held.Keys, held.Values, Tokens, scale, cap, window);
    }

    // [B, KH, room, k] with room for so many new tokens; of the type and on the device of another tensor.
    internal (Tensor Keys, Tensor Values) Room(Attention module, long batch, long added, Tensor like)
    {
        var length = Tokens + added;
        if (!_held.TryGetValue(module, out var held) || held.Keys.shape[2] < length)
        {
            var room = Math.Max(LeastRoom, length + length / 2);
            long[] shape = [batch, module.KeyHeads, room, module.HeadWidth];
            var (grownKeys, grownValues) = (Grown(shape, like, held.Keys), Grown(shape, like, held.Values));
            held.Keys?.Dispose();
            held.Values?.Dispose();
            held = _held[module] = (grownKeys, grownValues);
        }
        return held;
    }

    private void Write(Tensor held, Tensor added)
    {
        using var place = held.narrow(2, Tokens, added.shape[1]);
        using var turned = added.transpose(1, 2);
        place.copy_(turned);
    }

    private Tensor Grown(long[] shape, Tensor like, Tensor? before)
    {
        var grown = empty(shape, dtype: like.dtype, device: like.device).DetachFromDisposeScope();
        if (before is null || Tokens == 0) return grown;
        using var place = grown.narrow(2, 0, Tokens);
        using var kept = before.narrow(2, 0, Tokens);
        place.copy_(kept);
        return grown;
    }
}
