using Prisma.Core;
using Prisma.Diffusion;
using Prisma.Sae;
using static TorchSharp.torch;

namespace Prisma.Cli;

/// <summary>What a run is trained on: harvested shards, a file of matrices, or a model that runs beside the training.</summary>
internal sealed class TrainData : IActivationSource, IDisposable
{
    private readonly IActivationSource _source;
    private readonly string _modelName;
    private readonly IReadOnlyList<IDisposable> _owned;

    private TrainData(IActivationSource source, string modelName, params IReadOnlyList<IDisposable> owned) => (_source, _modelName, _owned) = (source, modelName, owned);

    public IReadOnlyList<SourceColumn> Columns => _source.Columns;

    public long? RowsPerRound => _source.RowsPerRound;

    public string Fingerprint => _source.Fingerprint;

    public bool RunsOn => _source.RunsOn;

    public IEnumerable<ActivationBatch> Open(int batchRows, Cursor from, CancellationToken stop) => _source.Open(batchRows, from, stop);

    /// <summary>Opens what the options name.</summary>
    internal static TrainData Open(string? data, string? model, IReadOnlyList<string> images, IReadOnlyList<string> hooks, long? seed, bool downstream, (TextToImage Pipeline, DenoiseInputs Inputs)? drawing = null)
    {
        if (drawing is { } drawn) return OfPrompts(drawn.Pipeline, drawn.Inputs, images, hooks, seed ?? 0, downstream);
        if (downstream && model is null) throw new OptionsException("--downstream runs the model on: name it with --model.");
        if (data is null == model is null) throw new OptionsException("Name stored activations with --data, or a model with --model, --image and --hook.");
        if (model is not null) return OfModel(model, images, hooks, seed ?? 0, downstream);
        if (Directory.Exists(data))
        {
            var shards = ShardSource.Open(data, new ShardOptions { Seed = seed });
            return new TrainData(shards, shards.Settings.Model, shards);
        }
        using var file = TensorSource.Open(data!);
        var matrices = file.Tensors.Where(tensor => tensor.Shape.Count == 2).ToDictionary(tensor => tensor.Name, tensor => tensor.ToTensor(), StringComparer.Ordinal);
        if (matrices.Count == 0) throw new OptionsException($"'{data}' has no matrix [rows, d]. It has {string.Join(", ", file.Names.Take(8))}.");
        var source = new MatrixSource(matrices, seed);
        return new TrainData(source, "", source);
    }

    /// <summary>What a coder of this run is for.</summary>
    internal CoderCard Card(TrainJob job) => new()
    {
        Architecture = "",
        Inputs = 0,
        Features = 0,
        Outputs = 0,
        Sites = SitesOf(job),
        Reads = Places(job.Reads),
        Writes = Places(job.Writes),
        Origin = new Sae.Provenance { ModelName = _modelName, HookName = job.Reads[0] },
    };

    // A crosscoder reads and writes the same places side by side; where they differ in width, rows stay flat.
    private int SitesOf(TrainJob job)
    {
        var widths = Columns.Where(column => job.Reads.Contains(column.Name)).Select(column => column.Width).Distinct().Count();
        return widths == 1 && job.Reads.SequenceEqual(job.Writes) ? job.Reads.Count : 1;
    }

    public void Dispose()
    {
        foreach (var owned in _owned) owned.Dispose();
    }

    private static TrainData OfModel(string folder, IReadOnlyList<string> images, IReadOnlyList<string> hooks, long seed, bool downstream)
    {
        if (hooks.Count == 0 || images.Count == 0) throw new OptionsException("--model needs --image and --hook as well.");
        var model = Models.Load(folder);
        var inputs = new PictureInputs(images, Preprocess.Load(folder));
        var sites = model.Find([.. hooks]);
        IActivationSource source = downstream ? new ExampleSource(model, inputs, sites, seed) : new StreamSource(model, inputs, new StreamOptions { Sites = sites, Seed = seed });
        return new TrainData(source, model.Card.Name, model);
    }

    private static TrainData OfPrompts(TextToImage pipeline, DenoiseInputs inputs, IReadOnlyList<string> images, IReadOnlyList<string> hooks, long seed, bool downstream)
    {
        try
        {
            if (images.Count > 0 || downstream) throw new OptionsException("--prompts excludes --image and --downstream.");
            if (hooks.Count == 0) throw new OptionsException("--prompts needs --hook as well.");
            var sites = pipeline.Unet.Find(hooks);
            return new TrainData(new StreamSource(pipeline.Unet, inputs, new StreamOptions { Sites = sites, Seed = seed }), pipeline.Unet.Card.Name, pipeline);
        }
        catch
        {
            pipeline.Dispose();
            throw;
        }
    }

    // Columns of plain files are no places.
    private static IReadOnlyList<HookSite> Places(IReadOnlyList<string> columns)
    {
        try
        {
            return [.. columns.Select(Site.Parse)];
        }
        catch (SiteNotFoundException)
        {
            return [];
        }
    }
}
