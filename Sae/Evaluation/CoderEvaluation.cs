using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Sae;

/// <summary>Runs a coder over activations, or over a model's inputs, and measures all that can be measured there.</summary>
public static class CoderEvaluation
{
    /// <summary>Measures on a source of activations; what is left behind the last whole batch, fewer vectors than there are batches, is not read.</summary>
    /// <param name="coder">The coder.</param>
    /// <param name="source">Where activations come from.</param>
    /// <param name="column">The column that the coder reads.</param>
    /// <param name="target">The column that it predicts; null: the same.</param>
    /// <param name="rows">How many vectors at most; null: one round through the data.</param>
    /// <param name="batch">Vectors at a time.</param>
    /// <param name="usage">Thresholds for dead and dense features.</param>
    /// <param name="stop">Ends the work between batches.</param>
    /// <exception cref="PrismaException">Data and coder do not fit, or the data have no end and no number of vectors was given.</exception>
    public static EvaluationResult Run(ISparseCoder coder, IActivationSource source, string column, string? target = null, long? rows = null,
        int batch = 4096, UsageOptions? usage = null, CancellationToken stop = default)
    {
        ArgumentNullException.ThrowIfNull(coder);
        ArgumentNullException.ThrowIfNull(source);
        usage?.Validate();
        var total = rows ?? source.RowsPerRound ?? throw new OptionsException("These data have no end: say how many vectors to measure.");
        if (source.RowsPerRound is { } there) total = Math.Min(total, there);
        ArgumentOutOfRangeException.ThrowIfLessThan(batch, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(total, 1);
        // Batches of one size that leave next to nothing over.
        var left = (total + batch - 1) / batch;
        var size = (int)(total / left);
        var measurement = new CoderMeasurement(coder);
        foreach (var piece in source.Open(size, Cursor.Start, stop))
        {
            using (piece) measurement.Add(piece[column], target: target is null ? null : piece[target]);
            if (--left == 0) break;
        }
        return new EvaluationResult(measurement.Report(usage), [], [], measurement.Usage.Highest);
    }

    /// <summary>
    /// Measures inside a model, twice over the batches: first reconstruction, usage and monosemanticity, then the losses, which need the mean
    /// of the first round. Where outputs are logits or embeddings, the change of the output is measured without labels too.
    /// </summary>
    /// <param name="model">The model.</param>
    /// <param name="coder">The coder.</param>
    /// <param name="batches">How many batches there are.</param>
    /// <param name="make">Makes a batch; it is disposed here.</param>
    /// <param name="options">Places and name checks.</param>
    /// <param name="usage">Thresholds for dead and dense features.</param>
    /// <param name="progress">Told the number of batches done, up to twice their number.</param>
    /// <param name="stop">Ends the work between batches.</param>
    /// <exception cref="PrismaException">Coder and model do not fit.</exception>
    public static EvaluationResult Run(HookedModel model, ISparseCoder coder, int batches, Func<int, EvaluationBatch> make, SpliceOptions? options = null,
        UsageOptions? usage = null, IProgress<int>? progress = null, CancellationToken stop = default)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(coder);
        ArgumentNullException.ThrowIfNull(make);
        if (batches < 1) throw new OptionsException("There is nothing to evaluate on.");
        usage?.Validate();
        var measurement = new CoderMeasurement(coder);
        using var sameness = new Monosemanticity();
        var embedded = false;
        for (var k = 0; k < batches; k++)
        {
            stop.ThrowIfCancellationRequested();
            using var batch = make(k);
            embedded |= Measure(model, coder, batch, options, measurement, sameness);
            progress?.Report(k + 1);
        }
        var loss = new SplicedLoss(model, coder, measurement.Mean, options);
        for (var k = 0; k < batches; k++)
        {
            stop.ThrowIfCancellationRequested();
            using var batch = make(k);
            using var scope = NewDisposeScope();
            using var plain = model.Run(batch.Input, HookPlan.Empty);
            loss.Add(batch.Input, batch.Losses, ChangesOf(plain), plain);
            progress?.Report(batches + k + 1);
        }
        return new EvaluationResult(measurement.Report(usage), loss.Report(), embedded ? sameness.Scores() : [], measurement.Usage.Highest);
    }

    private static bool Measure(HookedModel model, ISparseCoder coder, EvaluationBatch batch, SpliceOptions? options, CoderMeasurement measurement, Monosemanticity sameness)
    {
        using var frozen = no_grad();
        using var scope = NewDisposeScope();
        var placement = CoderPlacement.Of(coder, model, batch.Input, options);
        var plan = HookPlan.Empty.Keep(placement.Reads, placement.Writes);
        using var recording = model.Run(batch.Input, batch.Embed is null ? plan.StopAfter(placement.Writes) : plan);
        var read = placement.Own(recording.Cache[placement.Reads]);
        var written = placement.Reads == placement.Writes ? null : placement.Own(recording.Cache[placement.Writes]);
        // Places without a token axis have no groups.
        var layout = read.ndim >= 3 ? model.LayoutOf(batch.Input) : null;
        var codes = measurement.Add(read, layout, (int)(placement.Tokens?.Start ?? 0), written);
        if (batch.Embed is null) return false;
        sameness.Add(codes.MaxPerGroup(codes.Rows / (int)read.shape[0]), batch.Embed(recording));
        return true;
    }

    private static Dictionary<string, OutputChange> ChangesOf(Recording plain)
    {
        var changes = new Dictionary<string, OutputChange>(StringComparer.Ordinal);
        if (plain.Outputs.TryGetValue("logits", out var logits) && logits.ndim >= 2)
        {
            changes["kl"] = OutputChanges.Kl();
            changes["top1_disagreement"] = OutputChanges.Disagreement();
        }
        if (plain.Outputs.ContainsKey("image_embeds")) changes["embedding_cosine_distance"] = OutputChanges.CosineDistance("image_embeds");
        return changes;
    }
}
