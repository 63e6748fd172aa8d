using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Circuits;

/// <summary>
/// Attention flow (Abnar and Zuidema 2020): tokens of all blocks are nodes, Ã = rows of (½·attention + ½·identity) are capacities, and a
/// token gets the largest flow from where the answer is read to it, computed for each token alone. Bottlenecks count where rollout
/// multiplies. Grows fast with the number of tokens. The same for every target.
/// </summary>
public sealed class AttentionFlow : AttributionMethod
{
    private const int MostTokens = 128;

    /// <inheritdoc/>
    public override string Name => "attention-flow";

    /// <inheritdoc/>
    public override string Summary => "largest flow through attention of all blocks up to one (the last by default); small grids only";

    /// <inheritdoc/>
    public override string Meaning => "the most that can flow from the answer's token to the patch if attention weights are capacities";

    /// <inheritdoc/>
    public override bool Signed => false;

    /// <inheritdoc/>
    public override bool UsesTarget => false;

    /// <inheritdoc/>
    public override bool WorksLong => true;

    /// <summary>The flow to each token of the first block's input.</summary>
    /// <param name="capacities">Ã of each block in forward order, [tokens, tokens], rows looking at columns.</param>
    /// <param name="sources">How much may start at each token of the last block.</param>
    public static double[] Of(IReadOnlyList<double[,]> capacities, IReadOnlyList<double> sources)
    {
        ArgumentNullException.ThrowIfNull(capacities);
        ArgumentNullException.ThrowIfNull(sources);
        var tokens = sources.Count;
        var network = new MaximumFlow(2 + (capacities.Count + 1) * tokens);
        int Node(int level, int token) => 1 + level * tokens + token;
        for (var token = 0; token < tokens; token++)
            if (sources[token] > 0) network.Add(0, Node(capacities.Count, token), sources[token]);
        for (var level = capacities.Count; level > 0; level--)
            for (var query = 0; query < tokens; query++)
                for (var key = 0; key < tokens; key++)
                    if (capacities[level - 1][query, key] is > 0 and var capacity) network.Add(Node(level, query), Node(level - 1, key), capacity);
        return [.. Enumerable.Range(0, tokens).Select(token => network.Between(0, Node(0, token)))];
    }

    /// <inheritdoc/>
    protected override Finding Compute(AttributionTask task)
    {
        ArgumentNullException.ThrowIfNull(task);
        var tokens = task.Layout.Tokens;
        if (tokens > MostTokens) throw task.NotApplicable($"the picture has {tokens} tokens, and the flow to each would take too long beyond {MostTokens}");
        if (task.IsStepwise) throw task.NotApplicable("time steps and clip have blocks of their own; this method follows one row of blocks");
        var last = task.Layer(-1);
        var fused = AttentionRead.Mixings(task, last);
        double[] sources = [.. Enumerable.Range(0, tokens).Select(token => task.ReadToken is { } read ? token == read ? 1.0 : 0 : token >= task.Layout.Prefix ? 1.0 / task.Layout.GridTokens : 0)];
        // Tensors are read here, by one thread; the flows of the pictures are searched side by side.
        var networks = Enumerable.Range(0, task.Examples).Select(k => fused.Select(map => Mixed(map[k])).ToList()).ToList();
        var found = new double[task.Examples][];
        Parallel.For(0, task.Examples, k => found[k] = Of(networks[k], sources));
        float[] flows = [.. found.SelectMany(each => each).Select(flow => (float)flow)];
        return new Finding(tensor(flows, [task.Examples, tokens]), FindingKind.PerToken, $"{task.Place(Site.Pattern, 0)} to {task.Place(Site.Pattern, last)}")
        {
            Note = AttentionRead.RowNote(task),
        };
    }

    private static double[,] Mixed(Tensor map)
    {
        var (values, tokens) = (Numbers.Of(map), (int)map.shape[0]);
        var mixed = new double[tokens, tokens];
        for (var query = 0; query < tokens; query++)
        {
            var sum = 1.0;
            for (var key = 0; key < tokens; key++) sum += values[query * tokens + key];
            for (var key = 0; key < tokens; key++) mixed[query, key] = (values[query * tokens + key] + (query == key ? 1 : 0)) / sum;
        }
        return mixed;
    }
}
