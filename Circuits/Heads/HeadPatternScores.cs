using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Circuits;

/// <summary>
/// What heads do on tokens that repeat, read from their patterns (Elhage et al. 2021, Olsson et al. 2022): the mean attention from each
/// token of a repetition to the token after its earlier copy (induction), to the copy itself (duplicate token), and, everywhere, to the
/// token before (previous token). Each is a matrix [blocks, heads] of numbers from 0 to 1. Owns its tensors; dispose it.
/// </summary>
public sealed class HeadPatternScores : IDisposable
{
    private HeadPatternScores(Tensor induction, Tensor duplicate, Tensor previous) => (Induction, Duplicate, Previous) = (induction, duplicate, previous);

    /// <summary>Attention to the token after the earlier copy, [blocks, heads]. Borrowed.</summary>
    public Tensor Induction { get; }

    /// <summary>Attention to the earlier copy, [blocks, heads]. Borrowed.</summary>
    public Tensor Duplicate { get; }

    /// <summary>Attention to the token before, [blocks, heads]. Borrowed.</summary>
    public Tensor Previous { get; }

    /// <summary>Ids for the scores: an opening token, then a row of random tokens twice: [batch, 1 + 2·period]. The caller disposes them.</summary>
    /// <param name="vocabulary">Ids are drawn below it.</param>
    /// <param name="period">The length of the row.</param>
    /// <param name="batch">How many rows.</param>
    /// <param name="opening">The opening token.</param>
    /// <param name="seed">The seed of the draws.</param>
    public static Tensor RepeatedIds(int vocabulary, int period, int batch, int opening, ulong seed)
    {
        if (vocabulary < 1 || period < 2 || batch < 1) throw new OptionsException($"Repeated tokens need a vocabulary, a period of at least 2 and a batch; given {vocabulary}, {period}, {batch}.");
        using var scope = NewDisposeScope();
        using var generator = new Generator(seed);
        var row = randint(0, vocabulary, [batch, period], generator: generator).to(ScalarType.Int64);
        return cat([full([batch, 1], opening, ScalarType.Int64), row, row], 1).MoveToOuterDisposeScope();
    }

    /// <summary>Reads the scores of all heads of a causal model from one pass.</summary>
    /// <param name="model">The model; borrowed.</param>
    /// <param name="ids">As <see cref="RepeatedIds"/> makes them: one token, then a row twice.</param>
    /// <exception cref="PrismaException">The model has no attention patterns, or the ids do not repeat.</exception>
    public static HeadPatternScores Of(HookedModel model, Tensor ids)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(ids);
        using var scope = NewDisposeScope();
        var period = (int)(ids.shape[^1] - 1) / 2;
        if (ids.ndim != 2 || period < 2 || ids.shape[1] != 1 + 2 * period || !ids.narrow(1, 1, period).Equals(ids.narrow(1, 1 + period, period)))
            throw new OptionsException("The ids do not repeat: expected one token, then the same row of tokens twice.");
        using var recording = model.Run(ids, HookPlan.Empty.Keep(point => point.Kind == Site.Pattern));
        using var frozen = no_grad();
        var patterns = recording.Cache.Stack(Site.Pattern);                     // [blocks, B, H, P, P]
        var second = patterns.narrow(3, 1 + period, period);
        return new HeadPatternScores(
            Diagonal(second, offset: 2).DetachFromDisposeScope(),
            Diagonal(second, offset: 1).DetachFromDisposeScope(),
            Diagonal(patterns.narrow(3, 1, 2 * period), offset: 0).DetachFromDisposeScope());
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Induction.Dispose();
        Duplicate.Dispose();
        Previous.Dispose();
    }

    // Query q of those given looks at key q + offset: [blocks, B, H, Q, K] to [blocks, H].
    private static Tensor Diagonal(Tensor patterns, int offset) => patterns.diagonal(offset, 3, 4).mean([-1, 1]);
}
