using System.Text.Json;
using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Circuits;

/// <summary>
/// The tuned lens (Belrose et al. 2023): before a layer's stream is decoded with the model's own head, an affine map of that layer,
/// h + h·Aᵀ + b, takes away how the layer's space differs from the last one's. Owns its weights; dispose it.
/// </summary>
public sealed class TunedLens : IDisposable
{
    private readonly IReadOnlyList<(Tensor A, Tensor B)> _layers;

    internal TunedLens(IReadOnlyList<(Tensor A, Tensor B)> layers)
    {
        foreach (var (a, b) in layers)
        {
            a.DetachFromDisposeScope();
            b.DetachFromDisposeScope();
        }
        _layers = layers;
    }

    /// <summary>The number of translated layers: all streams before a block. The last stream has no translator.</summary>
    public int Layers => _layers.Count;

    /// <summary>d_model.</summary>
    public long Width => _layers[0].A.shape[0];

    /// <summary>A lens that translates nothing: the logit lens.</summary>
    public static TunedLens Identity(int layers, long width)
    {
        using var scope = NewDisposeScope();
        return new TunedLens([.. Enumerable.Range(0, layers).Select(_ => (zeros(width, width), zeros(width)))]);
    }

    /// <summary>A layer's stream [..., d] as the last one would hold it. The caller (or its scope) disposes it.</summary>
    public Tensor Translate(int layer, Tensor stream)
    {
        ArgumentNullException.ThrowIfNull(stream);
        if (layer < 0 || layer >= Layers) throw new OptionsException($"There is no translator {layer}; the lens has {Layers} (0 to {Layers - 1}).");
        using var scope = NewDisposeScope();
        return (stream + nn.functional.linear(stream, _layers[layer].A, _layers[layer].B)).MoveToOuterDisposeScope();
    }

    /// <summary>Writes <c>config.json</c> and <c>params.safetensors</c> ("0.weight" [d, d], "0.bias" [d], …) into a folder.</summary>
    public void Save(string folder, string model, ExistingFile existing = ExistingFile.Refuse)
    {
        Directory.CreateDirectory(folder);
        Safetensors.Write(Path.Combine(folder, "params.safetensors"), _layers.SelectMany((layer, k) => new[] { ($"{k}.weight", layer.A), ($"{k}.bias", layer.B) }), existing: existing);
        AtomicFile.WriteText(Path.Combine(folder, "config.json"), JsonSerializer.Serialize(new Dictionary<string, object>
        {
            ["base_model_name_or_path"] = model,
            ["d_model"] = Width,
            ["num_hidden_layers"] = Layers,
            ["bias"] = true,
            ["lens_type"] = "linear_tuned_lens",
        }), existing);
    }

    /// <summary>Reads what <see cref="Save"/> wrote.</summary>
    /// <exception cref="CheckpointException">Translators are missing.</exception>
    public static TunedLens Load(string folder)
    {
        using var scope = NewDisposeScope();
        using var source = TensorSource.Open(Path.Combine(folder, "params.safetensors"));
        var count = 0;
        while (source.Names.Contains($"{count}.weight") && source.Names.Contains($"{count}.bias")) count++;
        if (count == 0) throw new CheckpointException($"'{folder}' holds no translators: 0.weight and 0.bias are missing from params.safetensors.");
        return new TunedLens([.. Enumerable.Range(0, count).Select(k => (source.Get($"{k}.weight").ToTensor(), source.Get($"{k}.bias").ToTensor()))]);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var (a, b) in _layers)
        {
            a.Dispose();
            b.Dispose();
        }
    }
}
