using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Sae;

/// <summary>
/// Activations of whole examples, made while they are used, with the model at hand: for coders that learn from what the model makes of their prediction,
/// or from its gradients (a column <c>PLACE.gradient</c> beside each place). Rows of a batch are the tokens of its examples in their order. Borrows model and inputs.
/// </summary>
public sealed class ExampleSource : IActivationSource
{
    private readonly HookedModel _model;
    private readonly IModelInputs _inputs;
    private readonly Dictionary<string, HookSite> _sites;
    private readonly HookPlan _plan;
    private readonly int _rowsPerExample;
    private readonly long _seed;

    /// <summary>Runs the first examples to learn what the rows are.</summary>
    /// <param name="model">The model.</param>
    /// <param name="inputs">The examples.</param>
    /// <param name="sites">The places; each becomes a column.</param>
    /// <param name="seed">The order of the examples, a new one each round.</param>
    /// <exception cref="PrismaException">A place does not work.</exception>
    public ExampleSource(HookedModel model, IModelInputs inputs, IReadOnlyList<HookSite> sites, long seed)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(inputs);
        ArgumentNullException.ThrowIfNull(sites);
        (_model, _inputs, _seed) = (model, inputs, seed);
        var reader = new ActivationReader(model, inputs, sites, TokenFilter.All, ScalarType.Float32);
        _rowsPerExample = reader.RowsPerExample;
        _sites = sites.ToDictionary(site => site.ToString(), StringComparer.Ordinal);
        _plan = HookPlan.Empty.Keep([.. sites]);
        if (reader.Columns.FirstOrDefault(column => !_sites.ContainsKey(column.Name)) is { } other)
            throw new OptionsException($"Name the place '{other.Name}' in full.");
        Columns = [.. reader.Columns, .. reader.Columns.Select(column => column with { Name = column.Name + ModelExamples.GradientSuffix })];
        Fingerprint = $"{model.Card.Name} {WeightDigest.Of(model)} on whole examples of {inputs.Fingerprint}, tokens of {string.Join(", ", reader.Columns.Select(column => column.Name))}, shuffled by {seed}";
    }

    /// <inheritdoc/>
    public IReadOnlyList<SourceColumn> Columns { get; }

    /// <inheritdoc/>
    public long? RowsPerRound => (long)_inputs.Count * _rowsPerExample;

    /// <inheritdoc/>
    public bool RunsOn => true;

    /// <inheritdoc/>
    public string Fingerprint { get; }

    /// <inheritdoc/>
    public IEnumerable<ActivationBatch> Open(int batchRows, Cursor from, CancellationToken stop)
    {
        if (batchRows % _rowsPerExample != 0)
            throw new OptionsException($"batch_rows = {batchRows}: batches of whole examples need a multiple of the {_rowsPerExample} rows that an example has, such as {Math.Max(1, batchRows / _rowsPerExample) * _rowsPerExample}.");
        var examples = batchRows / _rowsPerExample;
        if (examples > _inputs.Count) throw new OptionsException($"A batch of {batchRows} rows needs more than the {RowsPerRound} rows of the data.");
        return Walk(examples, batchRows, from.Rows / batchRows, stop);
    }

    private IEnumerable<ActivationBatch> Walk(int examples, int batchRows, long batch, CancellationToken stop)
    {
        using var inputs = InputBatch.Read(_inputs, Lists(examples, batch), stop);
        for (; ; batch++)
        {
            stop.ThrowIfCancellationRequested();
            yield return Make(inputs.Next()!, new Cursor((batch + 1) * batchRows));
        }
    }

    private IEnumerable<int[]> Lists(int examples, long batch)
    {
        var perRound = _inputs.Count / examples;
        for (var round = batch / perRound; ; round++)
        {
            var order = Shuffle.Of(_inputs.Count, _seed, round);
            for (var k = (int)(batch % perRound); k < perRound; k++, batch++) yield return order[(k * examples)..((k + 1) * examples)];
        }
    }

    private ActivationBatch Make(InputBatch input, Cursor after)
    {
        using var frozen = no_grad();
        using var scope = NewDisposeScope();
        using var recording = _model.Run(input.Input, _plan);
        var columns = _sites.ToDictionary(site => site.Key, site => ModelExamples.Rows(recording.Cache[site.Value]).to(ScalarType.Float32).clone(), StringComparer.Ordinal);
        return new ActivationBatch(columns, after) { Onward = new ModelExamples(_model, input, _sites) };
    }
}
