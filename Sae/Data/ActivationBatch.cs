using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Sae;

/// <summary>Rows of activations, one float32 matrix [rows, width] per column of the source. Owns its tensors.</summary>
public sealed class ActivationBatch : IDisposable
{
    private readonly IReadOnlyDictionary<string, Tensor> _columns;

    /// <summary>Takes over the matrices.</summary>
    /// <param name="columns">By the columns' names.</param>
    /// <param name="after">Where the source goes on after this batch.</param>
    public ActivationBatch(IReadOnlyDictionary<string, Tensor> columns, Cursor after)
    {
        ArgumentNullException.ThrowIfNull(columns);
        (_columns, After) = (columns, after);
        foreach (var tensor in columns.Values) tensor.DetachFromDisposeScope();
    }

    /// <summary>Where the source goes on after this batch.</summary>
    public Cursor After { get; }

    /// <summary>Number of rows.</summary>
    public long Rows => _columns.Values.First().shape[0];

    /// <summary>One column: [rows, width]. Borrowed.</summary>
    /// <exception cref="OptionsException">There is no such column.</exception>
    public Tensor this[string column] => _columns.TryGetValue(column, out var found)
        ? found
        : throw new OptionsException($"The data has no '{column}'; it has {string.Join(", ", _columns.Keys)}.");

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var tensor in _columns.Values) tensor.Dispose();
    }
}
