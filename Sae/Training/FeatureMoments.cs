using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Sae;

/// <summary>Measures how strongly a coder's features fire: the unit in which interventions are said.</summary>
public static class FeatureMoments
{
    private const int BatchRows = 1024;

    /// <summary>Mean and standard deviation of each feature's activations over the rows where it fires; 0 for one that never does.</summary>
    /// <param name="coder">The coder.</param>
    /// <param name="data">Where rows come from, from its start on.</param>
    /// <param name="columns">The columns that the coder reads.</param>
    /// <param name="rows">Rows to look at, rounded up to whole batches.</param>
    /// <param name="stop">Ends it between batches.</param>
    /// <exception cref="OptionsException">The data has fewer rows than one batch.</exception>
    public static FeatureStatistics Measure(ISparseCoder coder, IActivationSource data, IReadOnlyList<string> columns, long rows, CancellationToken stop = default)
    {
        ArgumentNullException.ThrowIfNull(coder);
        ArgumentNullException.ThrowIfNull(data);
        ArgumentNullException.ThrowIfNull(columns);
        if (rows < 1) throw new OptionsException($"Activations are measured over {rows} rows; give 1 or more.");
        using var scope = NewDisposeScope();
        using var frozen = no_grad();
        var (sums, squares, counts) = (zeros(coder.Card.Features, float64), zeros(coder.Card.Features, float64), zeros(coder.Card.Features, int64));
        var size = (int)Math.Min(BatchRows, data.RowsPerRound ?? BatchRows);
        var seen = 0L;
        foreach (var batch in data.Open(size, Cursor.Start, stop))
        {
            using (batch)
            using (NewDisposeScope())
            {
                var read = columns.Count == 1 ? batch[columns[0]] : cat([.. columns.Select(column => batch[column])], 1);
                using var codes = coder.Encode(read);
                sums.add_(codes.SumPerFeature().to(float64));
                using var squared = codes.Mapped(values => values.square());
                squares.add_(squared.SumPerFeature().to(float64));
                counts.add_(codes.ActivePerFeature());
            }
            if ((seen += size) >= rows) break;
        }
        var fired = counts.clamp_min(1).to(float64);
        var mean = sums / fired;
        var deviation = (squares / fired - mean.square()).clamp_min(0).sqrt();
        return new FeatureStatistics(mean.to(float32).data<float>().ToArray(), deviation.to(float32).data<float>().ToArray());
    }
}
