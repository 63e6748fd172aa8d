using System.Text.Json.Nodes;
using Prisma.Core;
using Prisma.Sae;
using static TorchSharp.torch;

namespace Prisma.Circuits;

/// <summary>How a meta-dictionary is trained; the defaults are SAEBench's, with a quarter of the features.</summary>
public sealed record MetaOptions
{
    /// <summary>Meta-features; null: a quarter of the coder's features.</summary>
    public int? Features { get; init; }

    /// <summary>Meta-features of a feature, on average.</summary>
    public int Active { get; init; } = 4;

    /// <summary>Steps.</summary>
    public int Steps { get; init; } = 1500;

    /// <summary>Rows of a step; fewer where the coder has fewer features.</summary>
    public int Batch { get; init; } = 1024;

    /// <summary>Of Adam.</summary>
    public double LearningRate { get; init; } = 5e-4;

    /// <summary>Of weights and order.</summary>
    public long Seed { get; init; }
}

/// <summary>
/// A dictionary of a dictionary (meta-SAE; Leask et al. 2025, Karvonen et al. 2025): a BatchTopK coder of the unit decoder rows of another, so that
/// each feature becomes a sum of few meta-features. Owns its coder.
/// </summary>
public sealed class MetaDictionary : IDisposable
{
    private readonly Codes _codes;

    private MetaDictionary(ISparseCoder coder, Codes codes, double explained) => (Coder, _codes, Explained) = (coder, codes, explained);

    /// <summary>The coder of decoder rows. Borrowed.</summary>
    public ISparseCoder Coder { get; }

    /// <summary>The share of the decoder rows' variance that it explains.</summary>
    public double Explained { get; }

    /// <summary>Trains one.</summary>
    /// <param name="coder">The dictionary to be taken apart. Borrowed.</param>
    /// <param name="options">Null: the defaults.</param>
    /// <exception cref="OptionsException">It has too few features, or an option is impossible.</exception>
    public static MetaDictionary Train(ISparseCoder coder, MetaOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(coder);
        options ??= new MetaOptions();
        var features = options.Features ?? coder.Card.Features / 4;
        if (coder.Card.Features < 8 || features < options.Active || options.Active < 1)
            throw new OptionsException($"A meta-dictionary of {features} features, {options.Active} active, cannot be made of {coder.Card.Features} decoder rows; 8 rows and as many features as are active are the least.");
        using var scope = NewDisposeScope();
        var rows = nn.functional.normalize(coder.Directions.detach());
        using var data = new MatrixSource(new Dictionary<string, Tensor> { ["row"] = rows.clone() }, options.Seed);
        var settings = TrainJson.Settings(new JsonObject
        {
            ["architecture"] = "batchtopk",
            ["options"] = new JsonObject { ["k"] = options.Active },
            ["optimizer"] = new JsonObject { ["learning_rate"] = options.LearningRate },
            // With few active features from the start it would stay in a poor minimum.
            ["schedule"] = new JsonObject { ["k_start"] = Math.Min(5.0, (double)features / options.Active), ["k_steps"] = options.Steps / 2 },
            ["dead"] = new JsonObject { ["after"] = 20000 },
            ["update"] = new JsonArray("loss", "project", "clip(1)", "step", "unit_decoder"),
        }, "a meta-dictionary");
        var job = new TrainJob { Name = "meta", Reads = ["row"], Writes = ["row"], Features = features, Settings = settings };
        var run = new RunOptions { Steps = options.Steps, BatchRows = (int)Math.Min(options.Batch, rows.shape[0]), LogEvery = options.Steps, Seed = options.Seed };
        using var training = Trainer.Fit([job], data, run, new Silence()).Single();
        var meta = (ISparseCoder)training.Coder.Freeze();
        using var mode = no_grad();
        var codes = meta.Encode(rows);
        var (goal, got) = (rows.to(float64), meta.Decode(codes, rows).to(float64));
        return new MetaDictionary(meta, codes, 1 - (goal - got).square().sum().item<double>() / (goal - goal.mean([0], keepdim: true)).square().sum().item<double>());
    }

    /// <summary>The meta-features that a feature is made of, the strongest first.</summary>
    public IReadOnlyList<(int Meta, double Weight)> Parts(int feature)
    {
        using var scope = NewDisposeScope();
        using var row = _codes.Slice(feature, 1);
        var weights = Numbers.Of(row.ToDense());
        return [.. Enumerable.Range(0, weights.Length).Where(k => weights[k] != 0).OrderByDescending(k => weights[k]).Select(k => (k, (double)weights[k]))];
    }

    /// <summary>The features that a meta-feature is part of, those it weighs most in first.</summary>
    public IReadOnlyList<(int Feature, double Weight)> Members(int meta)
    {
        using var scope = NewDisposeScope();
        var weights = Numbers.Of(_codes.Column(meta));
        return [.. Enumerable.Range(0, weights.Length).Where(k => weights[k] != 0).OrderByDescending(k => weights[k]).Select(k => (k, (double)weights[k]))];
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _codes.Dispose();
        Coder.Dispose();
    }

    private sealed class Silence : ITrainSink
    {
        public void Measured(TrainMeasurement measurement) { }

        public void Warned(string coder, long step, string warning) { }
    }
}
