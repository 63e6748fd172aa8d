using static TorchSharp.torch;

namespace Prisma.Sae;

/// <summary>What encoding gives. Owns its tensors.</summary>
public sealed class EncodedTensors : IDisposable
{
    internal EncodedTensors(Tensor features, Tensor prediction, Tensor? decoded, Tensor? activations)
    {
        Features = features.DetachFromDisposeScope();
        Prediction = prediction.DetachFromDisposeScope();
        Decoded = decoded?.DetachFromDisposeScope();
        Activations = activations?.DetachFromDisposeScope();
    }

    /// <summary>encode(x): [..., F].</summary>
    public Tensor Features { get; }

    /// <summary>The coder's complete prediction in the target's units: <c>x_hat</c>, shaped as x with d_out in place of d_in.</summary>
    public Tensor Prediction { get; }

    /// <summary>decode(features) alone, without skip connection and undone normalisation; null where it is the prediction.</summary>
    public Tensor? Decoded { get; }

    /// <summary>Features in units of their written length; null where the coder defines none.</summary>
    public Tensor? Activations { get; }

    /// <summary>The tensors under the names of files: <c>features</c>, <c>x_hat</c>, <c>decoded</c>, <c>activations</c>. Borrowed.</summary>
    public IEnumerable<(string Name, Tensor Value)> Named()
    {
        yield return ("features", Features);
        yield return ("x_hat", Prediction);
        if (Decoded is not null) yield return ("decoded", Decoded);
        if (Activations is not null) yield return ("activations", Activations);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var (_, tensor) in Named()) tensor.Dispose();
    }
}
