using System.Runtime.CompilerServices;
using static TorchSharp.torch;

namespace Prisma.Engine;

/// <summary>
/// What approximate products [n, F] approximate, and how well: |exact − approximate| ≤ row lengths[r]·deltas[f] + row deltas[r]·lengths[f].
/// Borrows its tensors.
/// </summary>
/// <param name="X">[n, d].</param>
/// <param name="W">[F, d].</param>
/// <param name="RowLengths">[n].</param>
/// <param name="RowDeltas">[n].</param>
/// <param name="Lengths">[F].</param>
/// <param name="Deltas">[F].</param>
/// <param name="Examined">Counts what a selection had to compute exactly: int64 [1].</param>
/// <param name="Most">How much it may compute before it gives up.</param>
internal sealed record Screen(Tensor X, Tensor W, Tensor RowLengths, Tensor RowDeltas, Tensor Lengths, Tensor Deltas, Tensor Examined, long Most)
{
    /// <summary>Whether the last selection gave up, so that what it returned is nothing: exact products are cheaper.</summary>
    internal bool Overrun { get; set; }

    /// <summary>As the native side reads it.</summary>
    internal SparseNative.Screen[] Native() =>
    [
        new()
        {
            X = Extras.Address(X),
            W = Extras.Address(W),
            Width = X.shape[1],
            RowLengths = Extras.Address(RowLengths),
            RowDeltas = Extras.Address(RowDeltas),
            Lengths = Extras.Address(Lengths),
            Deltas = Extras.Address(Deltas),
            Examined = Extras.Address(Examined),
            Most = Most,
        },
    ];

    /// <summary>Keeps the tensors from the collector until here.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    internal void Hold()
    {
    }
}
