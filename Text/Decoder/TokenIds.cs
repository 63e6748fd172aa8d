using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Text;

/// <summary>What models of text demand of their inputs, said in one way.</summary>
internal static class TokenIds
{
    /// <summary>Ids as whole numbers of 64 bits.</summary>
    /// <param name="ids">[B, P].</param>
    /// <param name="vocabulary">One more than the greatest id.</param>
    /// <param name="room">How many tokens fit; null where positions have no end.</param>
    /// <exception cref="ShapeException">No table of ids, too many tokens, or an id outside the vocabulary.</exception>
    public static Tensor Checked(Tensor ids, int vocabulary, long? room)
    {
        var shape = ids.shape;
        if (shape.Length != 2 || shape[1] == 0 || shape[1] > (room ?? long.MaxValue) || ids.is_floating_point())
            throw new ShapeException($"input_ids is {ids.dtype} [{string.Join(", ", shape)}]; expected whole numbers [batch, tokens] with {(room is { } most ? $"1 to {most} tokens" : "at least 1 token")}.");
        if (shape[0] == 0) return ids.to(ScalarType.Int64);
        using var scope = NewDisposeScope();
        var whole = ids.to(ScalarType.Int64);
        var values = whole.cpu().data<long>().ToArray();
        var (least, greatest) = (values.Min(), values.Max());
        if (least < 0 || greatest >= vocabulary)
            throw new ShapeException($"input_ids holds {(least < 0 ? least : greatest)}; the vocabulary has the ids 0 to {vocabulary - 1}. Is it the tokenizer of this model?");
        return whole.MoveToOuterDisposeScope();
    }

    /// <summary>Which tokens may be looked at, bool [B, keys]. A query that may look at nothing has no softmax, so such masks are refused.</summary>
    /// <param name="mask">1 for tokens, 0 for padding [B, keys].</param>
    /// <param name="batch">B.</param>
    /// <param name="keys">The tokens of this pass and those in memory.</param>
    /// <param name="causal">Whether tokens see only themselves and those before.</param>
    /// <exception cref="ShapeException">The mask does not fit or leaves a token without anything to see.</exception>
    public static Tensor Visible(Tensor mask, long batch, long keys, bool causal)
    {
        RequireFit(mask, batch, keys);
        using var scope = NewDisposeScope();
        var visible = mask.ne(0);
        var seen = causal ? visible.select(1, 0) : visible.any(1);
        if (!seen.all().item<bool>())
            throw new ShapeException(causal
                ? "attention_mask hides the first token of a text; in a causal tower it would see nothing. Pad on the right."
                : "attention_mask hides every token of a text.");
        return visible.MoveToOuterDisposeScope();
    }

    /// <summary>
    /// Which tokens may be looked at and where they stand, for texts of several lengths that are padded on either side. Positions count from
    /// a text's first token, so that a padded text is read as it would be alone. Padding that would see nothing sees itself: its values mean
    /// nothing, but they are numbers, and no token of the text sees them.
    /// </summary>
    /// <param name="mask">1 for tokens, 0 for padding [B, keys].</param>
    /// <param name="batch">B.</param>
    /// <param name="tokens">The tokens of this pass, the last of the keys.</param>
    /// <param name="keys">The tokens of this pass and those in memory.</param>
    /// <param name="window">How many tokens back the narrowest block sees, itself included; all where null.</param>
    /// <returns>Visible, bool [B, keys] or [B, tokens, keys], and positions [B, tokens]; null where every text starts at once. The caller (or its scope) disposes them.</returns>
    /// <exception cref="ShapeException">The mask does not fit or hides every token of a text.</exception>
    public static (Tensor Visible, Tensor? Positions) Padded(Tensor mask, long batch, long tokens, long keys, long? window = null)
    {
        RequireFit(mask, batch, keys);
        using var scope = NewDisposeScope();
        var visible = mask.ne(0);
        if (!visible.any(1).all().item<bool>()) throw new ShapeException("attention_mask hides every token of a text.");
        var so = visible.to(ScalarType.Int64).cumsum(1);
        var (places, back) = (arange(keys - tokens, keys, 1, ScalarType.Int64, device: mask.device), Math.Min(window ?? keys, keys));
        var behind = cat([so.narrow(1, 0, back).zeros_like(), so.narrow(1, 0, keys - back)], 1);
        var blind = so.eq(behind).narrow(1, keys - tokens, tokens);
        var before = so.eq(0).sum(1, keepdim: true);
        var positions = before.max().item<long>() == 0 ? null : (places - before).clamp_min(0);
        if (blind.any().item<bool>())
        {
            var itself = places.unsqueeze(1).eq(arange(0, keys, 1, ScalarType.Int64, device: mask.device));
            visible = visible.unsqueeze(1).logical_or(itself.logical_and(blind.unsqueeze(2)));
        }
        return (visible.MoveToOuterDisposeScope(), positions?.MoveToOuterDisposeScope());
    }

    /// <summary>Positions [B, tokens] that a table holds: those of padding, which mean nothing, are brought to its end.</summary>
    /// <param name="positions">[B, tokens]; counted from the first key where null.</param>
    /// <param name="mask">1 for tokens, 0 for padding [B, keys].</param>
    /// <param name="tokens">The tokens of this pass, the last of the keys.</param>
    /// <param name="room">The number of positions in the table.</param>
    /// <exception cref="ShapeException">A token that is no padding stands behind it.</exception>
    public static Tensor Within(Tensor? positions, Tensor mask, long tokens, int room)
    {
        using var scope = NewDisposeScope();
        var keys = mask.shape[1];
        positions ??= arange(keys - tokens, keys, 1, ScalarType.Int64, device: mask.device).expand(mask.shape[0], tokens);
        var shown = mask.narrow(1, keys - tokens, tokens).ne(0);
        var most = (positions * shown).max().item<long>();
        if (most >= room) throw new ShapeException($"input_ids has a text of {most + 1} tokens or more; this model has positions for {room}. Shorten it.");
        return positions.clamp_max(room - 1).contiguous().MoveToOuterDisposeScope();
    }

    private static void RequireFit(Tensor mask, long batch, long keys)
    {
        if (mask.shape is not [var rows, var columns] || rows != batch || columns != keys)
            throw new ShapeException($"attention_mask is [{string.Join(", ", mask.shape)}]; the tokens are [{batch}, {keys}].");
    }
}
