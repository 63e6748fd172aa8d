using Prisma.Core;
using Prisma.Sae;
using static TorchSharp.torch;

namespace Prisma.Circuits;

/// <summary>
/// Sparse feature circuits (Marks et al. 2024): nodes are features of coders at several places, what transcoders pass on by skip connections, and what is left unexplained. A node's
/// effect is its change times the gradient on the straight way from the clean to the corrupted value of its place; an edge's weight is the
/// part of it that reaches a later node without passing another coder's place.
/// </summary>
public static class FeatureCircuits
{
    /// <summary>Finds a circuit.</summary>
    /// <param name="model">The model.</param>
    /// <param name="clean">The examples that show the behaviour. Borrowed.</param>
    /// <param name="corrupt">As many examples of the same shape that do not.</param>
    /// <param name="coders">Autoencoders of the stream or of what blocks add to it, and transcoders of MLPs; one for each place that is written. Borrowed.</param>
    /// <param name="target">Null: the logit of the class that the model chose on the clean example.</param>
    /// <param name="options">Thresholds.</param>
    /// <exception cref="NotApplicableException">A coder's features do not write along fixed directions.</exception>
    /// <exception cref="PrismaException">Coder and model do not fit, or two coders share a place.</exception>
    public static FeatureCircuit Find(HookedModel model, ModelInput clean, ModelInput corrupt, IReadOnlyList<ISparseCoder> coders, Target? target = null, FeatureCircuitOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(coders);
        options ??= new FeatureCircuitOptions();
        options.Check();
        using var scope = NewDisposeScope();
        var placed = Placed(model, clean, coders, options.Splice);
        HookSite[] sites = [.. placed.SelectMany(place => new[] { place.Placement.Reads, place.Placement.Writes }).Distinct()];
        using var pair = PatchPair.Record(model, clean, corrupt, target, sites, new PatchOptions { SharePrefix = false });
        var places = placed.Select(place => CodedPlace.Of(place.Coder, place.Placement, pair.Clean.Cache, pair.Corrupt.Cache)).ToList();
        try
        {
            var (nodes, slopes, totals) = (new List<FeatureNode>(), new List<Tensor>(), new Dictionary<HookSite, double>());
            foreach (var place in places)
            {
                var gradient = Gradient(model, clean, pair, place, options.Steps);
                slopes.Add(gradient);
                var found = Nodes(place, gradient, pair.Settled.Examples);
                totals[place.Site] = found.Sum(node => node.Effect);
                nodes.AddRange(found.Where(node => Math.Abs(node.Effect) > options.NodeThreshold).OrderByDescending(node => Math.Abs(node.Effect)).Take(options.NodesPerPlace));
            }
            var edges = FeatureEdges.Find(model, clean, pair, places, slopes, nodes, options);
            return new FeatureCircuit { Target = pair.Settled.Name, Nodes = nodes, Edges = edges, Totals = totals, Forwards = 2 + 2 * options.Steps * places.Count };
        }
        finally
        {
            foreach (var place in places) place.Dispose();
        }
    }

    /// <summary>
    /// The target, mean over the examples, with every node outside the circuit at its corrupted strength; the error of a place stays clean only if it
    /// is a node. All nodes: the clean run; none: every place as in the corrupted run.
    /// </summary>
    /// <param name="model">The model.</param>
    /// <param name="clean">The examples that show the behaviour. Borrowed.</param>
    /// <param name="corrupt">As many examples of the same shape that do not.</param>
    /// <param name="coders">The coders of the circuit. Borrowed.</param>
    /// <param name="nodes">The nodes that stay.</param>
    /// <param name="target">The circuit's target.</param>
    /// <param name="splice">Place and name checks.</param>
    public static double Keeping(HookedModel model, ModelInput clean, ModelInput corrupt, IReadOnlyList<ISparseCoder> coders, IReadOnlyList<FeatureNode> nodes, Target? target = null, SpliceOptions? splice = null)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(coders);
        ArgumentNullException.ThrowIfNull(nodes);
        using var scope = NewDisposeScope();
        using var mode = no_grad();
        var placed = Placed(model, clean, coders, splice ?? SpliceOptions.Default);
        using var pair = PatchPair.Record(model, clean, corrupt, target, [.. placed.SelectMany(place => new[] { place.Placement.Reads, place.Placement.Writes }).Distinct()], new PatchOptions { SharePrefix = false });
        var plan = pair.Settled.Target.Ask(HookPlan.Empty);
        foreach (var (coder, placement) in placed)
        {
            var here = nodes.Where(node => node.Site == placement.Writes).ToList();
            var outside = ones(coder.Card.Features);
            foreach (var node in here.Where(node => node.Feature >= 0)) outside[node.Feature].fill_(0);
            var (donor, donated) = (pair.Corrupt.Cache[placement.Reads], pair.Corrupt.Cache[placement.Writes]);
            var strengths = CodedPlace.Dense(coder, placement, donor);
            // What features and skip connection leave of a written value.
            Tensor Rest(Tensor written, Tensor codes, Tensor? skipped)
            {
                var rest = written - CodedPlace.Whole(placement, codes.matmul(coder.Directions), written);
                return skipped is null ? rest : rest - skipped;
            }
            var donorSkipped = CodedPlace.SkippedOf(coder, placement, donor);
            var rest = Rest(donated, strengths, donorSkipped);
            Tensor? read = null;
            if (placement.Reads != placement.Writes) plan = plan.Edit(placement.Reads, (value, _) => read = value);
            plan = plan.Edit(placement.Writes, (value, _) =>
            {
                var seen = read ?? value;
                var (own, skipped) = (CodedPlace.Dense(coder, placement, seen), CodedPlace.SkippedOf(coder, placement, seen));
                var changed = value + CodedPlace.Whole(placement, ((strengths - own) * outside).matmul(coder.Directions), value);
                if (skipped is not null && !here.Any(node => node.IsSkip)) changed += donorSkipped! - skipped;
                return here.Any(node => node.IsError) ? changed : changed + rest - Rest(value, own, skipped);
            });
        }
        using var recording = model.Run(clean, plan);
        using var values = pair.Settled.Of(recording);
        return Numbers.Of(values).Average();
    }

    private static List<(ISparseCoder Coder, CoderPlacement Placement)> Placed(HookedModel model, ModelInput input, IReadOnlyList<ISparseCoder> coders, SpliceOptions splice)
    {
        if (coders.Count == 0) throw new OptionsException("A feature circuit needs at least one sparse coder.");
        var orders = model.Points.ToDictionary(point => point.Site, point => point.Order);
        var placed = coders.Select(coder => (coder, CoderPlacement.Of(coder, model, input, splice))).OrderBy(pair => orders[pair.Item2.Writes]).ToList();
        if (placed.GroupBy(pair => pair.Item2.Writes).FirstOrDefault(group => group.Count() > 1) is { } twice) throw new OptionsException($"Two coders write {twice.Key}; a place takes one.");
        return placed;
    }

    // The mean gradient on the way from the clean value of the place to the corrupted one, [B, P, d].
    private static Tensor Gradient(HookedModel model, ModelInput clean, PatchPair pair, CodedPlace place, int steps)
    {
        var sum = place.Change.zeros_like();
        for (var k = 0; k < steps; k++)
        {
            using var scope = NewDisposeScope();
            var at = (k + 0.5) / steps;
            using var gradients = AttributionPatching.GradientsOf(model, clean, pair.Settled, [place.Site],
                HookPlan.Empty.Edit(place.Site, (_, _) => pair.Clean.Cache[place.Site] + place.Change * at));
            sum.add_(gradients[place.Site]);
        }
        return sum / steps;
    }

    private static List<FeatureNode> Nodes(CodedPlace place, Tensor gradient, int examples)
    {
        using var scope = NewDisposeScope();
        var effects = Numbers.Of((place.Features * place.Placement.Own(gradient).matmul(place.Coder.Directions.t())).sum([0L, 1L]) / examples);
        var error = (place.Error * gradient).sum().item<float>() / examples;
        List<FeatureNode> nodes = [.. effects.Select((effect, feature) => new FeatureNode(place.Site, feature, effect)).Where(node => node.Effect != 0), new FeatureNode(place.Site, -1, error)];
        if (place.Skipped is { } skipped) nodes.Add(new FeatureNode(place.Site, -2, (skipped * gradient).sum().item<float>() / examples));
        return nodes;
    }
}
