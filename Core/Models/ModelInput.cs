using System.Collections;
using static TorchSharp.torch;

namespace Prisma.Core;

/// <summary>
/// Named input tensors, by the reference's argument names (<c>pixel_values</c>, <c>input_ids</c>, …). A bare tensor converts to the
/// model's first input. Borrows the tensors.
/// </summary>
public sealed class ModelInput : IEnumerable<KeyValuePair<string, Tensor>>
{
    private static readonly string[] s_unnamed = ["input", "image", "x"];
    private readonly Dictionary<string, Tensor> _tensors = new(StringComparer.Ordinal);

    /// <summary>The input of that name.</summary>
    /// <exception cref="ShapeException">It was not given.</exception>
    public Tensor this[string name]
    {
        get => _tensors.TryGetValue(name, out var tensor)
            ? tensor
            : throw new ShapeException($"The input '{name}' is missing; given: {(_tensors.Count == 0 ? "none" : string.Join(", ", _tensors.Keys))}.");
        init => _tensors[name] = value;
    }

    /// <summary>Keys and values of earlier tokens, for causal models; none where null. The caller ends the pass with <see cref="KeyValueMemory.Advance"/>.</summary>
    public KeyValueMemory? Memory { get; init; }

    /// <summary>Whether the input was given.</summary>
    public bool Has(string name) => _tensors.ContainsKey(name);

    /// <summary>Adds an input; makes collection initialisers work.</summary>
    public void Add(string name, Tensor tensor) => _tensors.Add(name, tensor);

    /// <summary>A tensor for the model's first input.</summary>
    public static implicit operator ModelInput(Tensor tensor) => new() { ["input"] = tensor };

    /// <inheritdoc/>
    public IEnumerator<KeyValuePair<string, Tensor>> GetEnumerator() => _tensors.GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    // Aliases resolved, unknown names refused, tensors brought to the model's device: copies belong to the caller's scope. An unnamed tensor of whole numbers goes to the tokens where a model takes both.
    internal ModelInput For(HookedModel model)
    {
        var (named, device) = (new ModelInput { Memory = Memory }, model.Device);
        foreach (var (given, tensor) in _tensors)
        {
            var name = s_unnamed.Contains(given) ? Unnamed(tensor, model.InputNames) : given == "text" ? "input_ids" : given;
            if (!model.InputNames.Contains(name))
                throw new OptionsException($"{model.Card.Name} takes no input '{given}'. It takes: {string.Join(", ", model.InputNames)}.");
            if (!named._tensors.TryAdd(name, tensor.device_type == device.type ? tensor : tensor.to(device))) throw new OptionsException($"The input '{name}' was given twice (once as '{given}').");
        }
        return named;
    }

    private static string Unnamed(Tensor tensor, IReadOnlyList<string> names) =>
        tensor.dtype is ScalarType.Int64 or ScalarType.Int32 && names.Contains("input_ids") ? "input_ids" : names[0];
}
