using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Sae;

/// <summary>Rows of activations, one float32 matrix [rows, width] per column of the source. Owns its tensors.</summary>
public sealed class ActivationBatch : IDisposable
{
    private readonly Dictionary<string, Tensor> _columns;

    /// <summary>Takes over the matrices.</summary>
    /// <param name="columns">By the columns' names.</param>
    /// <param name="after">Where the source goes on after this batch.</param>
    public ActivationBatch(IReadOnlyDictionary<string, Tensor> columns, Cursor after)
    {
        ArgumentNullException.ThrowIfNull(columns);
        (_columns, After) = (new Dictionary<string, Tensor>(columns, StringComparer.Ordinal), after);
        foreach (var tensor in columns.Values) tensor.DetachFromDisposeScope();
    }

    /// <summary>Where the source goes on after this batch.</summary>
    public Cursor After { get; }

    /// <summary>The model behind the rows, where they are whole examples; null otherwise. Owned by the batch.</summary>
    internal ModelExamples? Onward { get; init; }

    /// <summary>Number of rows.</summary>
    public long Rows => _columns.Values.First().shape[0];

    /// <summary>One column: [rows, width]. Borrowed.</summary>
    /// <exception cref="OptionsException">There is no such column.</exception>
    public Tensor this[string column]
    {
        get
        {
            if (_columns.TryGetValue(column, out var found)) return found;
            // Gradients cost a backward pass: they are made for the batches of those who ask.
            if (Onward?.Gradients(column) is { } made) return _columns[column] = made.DetachFromDisposeScope();
            throw new OptionsException($"The data has no '{column}'; it has {string.Join(", ", _columns.Keys)}.");
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var tensor in _columns.Values) tensor.Dispose();
        Onward?.Dispose();
    }
}
