using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Circuits;

/// <summary>What a logit lens read: every layer's logits at every token. Owns the tensor; dispose it.</summary>
public sealed class LensReading : IDisposable
{
    private readonly TokenLayout? _layout;

    internal LensReading(Tensor logits, IReadOnlyList<string> layers, IReadOnlyList<string> labels, TokenLayout? layout, int? readToken)
    {
        Logits = logits.DetachFromDisposeScope();
        (Layers, Labels, _layout, ReadToken) = (layers, labels, layout, readToken);
    }

    /// <summary>[layers, B, P, C]. Borrowed.</summary>
    public Tensor Logits { get; }

    /// <summary>Names of the layers: <c>0_pre</c>, <c>1_pre</c>, …, <c>final_post</c>.</summary>
    public IReadOnlyList<string> Layers { get; }

    /// <summary>Names of the classes; empty where there are none.</summary>
    public IReadOnlyList<string> Labels { get; }

    /// <summary>The token that the head was trained to read; null where it reads the mean of the patches.</summary>
    public int? ReadToken { get; }

    /// <summary>The number of classes.</summary>
    public int Classes => (int)Logits.shape[3];

    /// <summary>The most probable classes at a token, first the best.</summary>
    /// <param name="layer">Index into <see cref="Layers"/>, negative from the end.</param>
    /// <param name="example">The example.</param>
    /// <param name="token">The token; null: the one that the head reads, or the mean of the patches' logits.</param>
    /// <param name="count">How many.</param>
    public IReadOnlyList<ClassScore> Top(int layer, int example, int? token = null, int count = 5)
    {
        using var scope = NewDisposeScope();
        var logits = At(layer, example, token ?? ReadToken);
        var probabilities = logits.softmax(-1);
        var (_, best) = logits.topk(Math.Min(count, Classes));
        return [.. best.data<long>().ToArray().Select(k => new ClassScore(
            (int)k, k < Labels.Count ? Labels[(int)k] : $"{k}", logits[k].item<float>(), probabilities[k].item<float>()))];
    }

    /// <summary>The most probable class of every patch: [rows, columns] of a single picture.</summary>
    public ClassScore[,] Grid(int layer, int example)
    {
        using var scope = NewDisposeScope();
        var layout = Picture();
        var logits = Tokens(layer, example);
        var (highest, best) = logits.max(-1);
        var (classes, values, probabilities) = (best.data<long>().ToArray(), Numbers.Of(highest), Numbers.Of(logits.softmax(-1).amax([-1L])));
        var grid = new ClassScore[layout.Rows, layout.Columns];
        for (var row = 0; row < layout.Rows; row++)
            for (var column = 0; column < layout.Columns; column++)
            {
                var token = layout.TokenAt(0, row, column);
                var index = (int)classes[token];
                grid[row, column] = new ClassScore(index, index < Labels.Count ? Labels[index] : $"{index}", values[token], probabilities[token]);
            }
        return grid;
    }

    /// <summary>The logit of one class at every patch.</summary>
    public Heatmap Map(int layer, int example, int index, ImageGeometry? geometry = null)
    {
        if (index < 0 || index >= Classes) throw new OptionsException($"There is no class {index}; the lens has {Classes} (0 to {Classes - 1}).");
        using var scope = NewDisposeScope();
        return Heatmap.FromTokens(Tokens(layer, example).select(1, index), Picture(), geometry);
    }

    /// <summary>How undecided every patch is: the entropy of its softmax in nats, 0 to ln C.</summary>
    public Heatmap Entropy(int layer, int example, ImageGeometry? geometry = null)
    {
        using var scope = NewDisposeScope();
        var log = Tokens(layer, example).log_softmax(-1);
        return Heatmap.FromTokens((log.exp() * log).sum(1L).neg(), Picture(), geometry);
    }

    /// <inheritdoc/>
    public void Dispose() => Logits.Dispose();

    private Tensor Tokens(int layer, int example)
    {
        var index = layer < 0 ? layer + Layers.Count : layer;
        if (index < 0 || index >= Layers.Count) throw new OptionsException($"There is no layer {layer}; the lens read {Layers.Count}: {string.Join(", ", Layers)}.");
        if (example < 0 || example >= Logits.shape[1]) throw new OptionsException($"There is no example {example}; the lens read {Logits.shape[1]}.");
        return Logits[index][example].cpu();
    }

    private Tensor At(int layer, int example, int? token)
    {
        var all = Tokens(layer, example);
        if (token is { } one) return all.select(0, one);
        return _layout is { } layout ? all.narrow(0, layout.Prefix, layout.GridTokens).mean([0]) : throw new OptionsException("Name the token: this model's tokens are no patches.");
    }

    private TokenLayout Picture() => _layout is { Frames: 1 } layout ? layout : throw new NotApplicableException("The lens read no single picture, so there is no grid of patches.");
}
