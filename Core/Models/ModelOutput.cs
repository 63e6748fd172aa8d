using static TorchSharp.torch;

namespace Prisma.Core;

/// <summary>What a forward pass returns: tensors by the reference's names, the main one first.</summary>
public sealed class ModelOutput
{
    private readonly Dictionary<string, Tensor> _tensors = new(StringComparer.Ordinal);

    internal static ModelOutput Stopped => new();

    /// <summary>The name of the main output: the first one added.</summary>
    public string MainName { get; private set; } = "";

    internal IReadOnlyDictionary<string, Tensor> Tensors => _tensors;

    /// <summary>Adds an output.</summary>
    public ModelOutput With(string name, Tensor tensor)
    {
        if (_tensors.Count == 0) MainName = name;
        _tensors.Add(name, tensor);
        return this;
    }

    /// <summary>Adds all outputs of another, in its order.</summary>
    public ModelOutput With(ModelOutput others)
    {
        foreach (var (name, tensor) in others._tensors) With(name, tensor);
        return this;
    }

    // Outputs may be views of each other or of weights: each gets a handle of its own.
    internal void Detach()
    {
        foreach (var name in _tensors.Keys.ToArray()) _tensors[name] = _tensors[name].alias().DetachFromDisposeScope();
    }
}
