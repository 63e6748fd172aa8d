using static TorchSharp.torch;

namespace Prisma.Core;

/// <summary>What one forward pass left: its outputs and its cache. Owns both; dispose it when done.</summary>
public sealed class Recording : IDisposable
{
    private readonly string _main;

    internal Recording(ModelOutput output, ActivationCache cache)
    {
        _main = output.MainName;
        Outputs = output.Tensors;
        Cache = cache;
    }

    /// <summary>
    /// A recording of outputs computed apart from a pass, such as what a middle layer would answer: for whatever reads outputs by name. Takes over the
    /// tensors.
    /// </summary>
    /// <param name="outputs">The outputs, the main one first.</param>
    public static Recording Of(params ReadOnlySpan<(string Name, Tensor Value)> outputs)
    {
        var output = new ModelOutput();
        foreach (var (name, value) in outputs) output.With(name, value.DetachFromDisposeScope());
        return new Recording(output, new ActivationCache([]));
    }

    /// <summary>The main output: logits where the model has a head. Borrowed.</summary>
    /// <exception cref="PrismaException">The pass was stopped before the output.</exception>
    public Tensor Main => Outputs.TryGetValue(_main, out var tensor)
        ? tensor
        : throw new PrismaException("The pass was stopped before the model's output: read what was kept from Cache.");

    /// <summary>All outputs by the reference's names (<c>logits</c>, <c>last_hidden_state</c>, …). Borrowed.</summary>
    public IReadOnlyDictionary<string, Tensor> Outputs { get; }

    /// <summary>What the plan kept.</summary>
    public ActivationCache Cache { get; }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var tensor in Outputs.Values) tensor.Dispose();
        Cache.Dispose();
    }
}
