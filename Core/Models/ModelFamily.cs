using static TorchSharp.torch;

namespace Prisma.Core;

/// <summary>
/// One family of checkpoints: which folders are its own, how their configuration reads, how the model is put together and which tensor
/// fills which weight. Found by the catalog through reflection; nothing is registered anywhere else.
/// </summary>
public abstract class ModelFamily
{
    /// <summary>The name for <c>--family</c> and messages.</summary>
    public abstract string Name { get; }

    /// <summary>Whether a folder's configuration is one of this family's.</summary>
    public abstract bool Claims(ModelFolder folder);

    /// <summary>Builds the model of a folder and loads its weights.</summary>
    /// <exception cref="CheckpointException">The configuration or the weights do not fit the family.</exception>
    public abstract HookedModel Load(ModelFolder folder, ScalarType dtype = ScalarType.Float32);

    /// <summary>The model that a folder's configuration describes, without weights: for its places and sizes.</summary>
    /// <exception cref="CheckpointException">The configuration does not fit the family.</exception>
    public abstract HookedModel Outline(ModelFolder folder);

    /// <summary>A tiny model with random weights from a seed: for tests, documentation and benchmarks.</summary>
    public abstract HookedModel Tiny(long seed = 0);
}

/// <summary>A family whose configuration is a record of its own.</summary>
public abstract class ModelFamily<TConfig> : ModelFamily where TConfig : class
{
    /// <summary>The smallest configuration that has everything: two blocks, width 16.</summary>
    protected abstract TConfig TinyConfig { get; }

    /// <inheritdoc/>
    public override HookedModel Load(ModelFolder folder, ScalarType dtype = ScalarType.Float32)
    {
        using var source = folder.OpenWeights();
        var config = Settle(ReadConfig(folder), source);
        var model = Build(config);
        try
        {
            Weights(config, source).Load(model, source, dtype);
            model.Card = new ModelCard { Family = Name, Name = folder.Name, Path = folder.Path, Config = folder.Config, Labels = folder.Labels() };
            return model;
        }
        catch
        {
            model.Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    public override HookedModel Outline(ModelFolder folder)
    {
        ArgumentNullException.ThrowIfNull(folder);
        var model = Build(ReadConfig(folder));
        model.Card = new ModelCard { Family = Name, Name = folder.Name, Config = folder.Config, Labels = folder.Labels() };
        return model;
    }

    /// <inheritdoc/>
    public override HookedModel Tiny(long seed = 0) => Random(TinyConfig, seed);

    /// <summary>A model of any size with random weights (normal, σ = 0.02·√(d-free), norms near 1): for benchmarks and training.</summary>
    public HookedModel Random(TConfig config, long seed)
    {
        var model = Build(config);
        Initialiser.Fill(model, seed);
        model.Card = ModelCard.Unnamed with { Family = Name, Name = $"{Name} (random weights)" };
        return model;
    }

    /// <summary>Reads and validates the configuration; every fault at once.</summary>
    protected abstract TConfig ReadConfig(ModelFolder folder);

    /// <summary>Settles what only the checkpoint's tensors tell, such as an optional pooler; most families have nothing to settle.</summary>
    protected virtual TConfig Settle(TConfig config, TensorSource source) => config;

    /// <summary>Assembles the model, without weights.</summary>
    protected abstract HookedModel Build(TConfig config);

    /// <summary>Which checkpoint tensor fills which weight. The source tells variants of names apart (with or without a prefix).</summary>
    protected abstract WeightMap Weights(TConfig config, TensorSource source);
}
