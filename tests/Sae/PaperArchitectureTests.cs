using Prisma.Core;
using Prisma.Sae;
using static TorchSharp.torch;

namespace Prisma.Tests.Sae;

/// <summary>What each architecture becomes when a parameter vanishes, and what its papers work out by hand.</summary>
public sealed class PaperArchitectureTests
{
    private static readonly AuxOptions s_noAux = new() { Weight = 0 };

    [Fact]
    public void Annealing_that_does_not_begin_is_the_standard_architecture()
    {
        using var scope = NewDisposeScope();
        var standard = Loss("standard", new StandardOptions { L1 = 0.1, WeighsByLength = false });
        Assert.Equal(standard["sparsity"], Loss("p_anneal", new PowerAnnealOptions { Anneal = new AnnealOptions { Updates = 1 } })["sparsity"], 1e-9);
        Assert.Equal(5.26, standard["sparsity"], 1e-5);
    }

    [Fact]
    public void Annealed_penalties_have_the_worked_examples_sizes_and_go_on_without_a_jump()
    {
        using var scope = NewDisposeScope();
        var kept = new Dictionary<string, Tensor>();
        var annealing = new PowerAnnealing(new AnnealOptions { End = 0.5, Updates = 2, From = 0.5, TakesRoot = false }, (name, value) => kept[name] = value);
        var codes = Toy.Matrix([[.8f, 2.2f, 3.28f, 2.35f], [0, .6f, 1.12f, .17f]]);
        using var dead = new DeadFeatures(new DeadOptions(), 4);
        LossTerm At(long step) => annealing.Charge(codes, new StepInfo { Step = step, TotalSteps = 8, Dead = dead }, 0.1);
        Assert.Equal(5.26, At(0).Value.item<float>(), 1e-5);
        var before = At(5);
        var after = At(6);
        Assert.Equal(3.983461, after.Value.item<float>(), 1e-5);
        Assert.Equal(1.32046, annealing.Factor, 1e-5);
        Assert.Equal(before.Value.item<float>() * before.Weight, after.Value.item<float>() * after.Weight, 1e-6);
        // Silent features get no gradient, not an infinite one.
        var leaf = nn.Parameter(codes.clone());
        var slope = autograd.grad([annealing.Size(leaf, 0.3)], [leaf])[0];
        Assert.True(slope.isfinite().all().item<bool>());
        Assert.Equal(0, slope[1, 0].item<float>());
    }

    [Fact]
    public void Top_AFA_keeps_as_many_features_as_the_norm_takes()
    {
        using var scope = NewDisposeScope();
        // The original repository's worked example.
        var p = Toy.Matrix([[5, 4, 3], [1, 1, 1], [1, 10, 2]]);
        var rows = Toy.Matrix([[1, 2], [3, 4], [5, 6]]);
        var kept = TopAfaCoder.Kept(p * rows.norm(1), p.matmul(rows).norm(1).unsqueeze(1));
        Assert.Equal([2L, 2, 2], kept.sum([1L]).to(int64).data<long>().ToArray());
        // With orthonormal rows, exactly what is active is kept.
        var codes = randn(20, 8, generator: new Generator(3)).relu();
        codes.narrow(1, 7, 1).zero_();
        kept = TopAfaCoder.Kept(codes, codes.norm(1).unsqueeze(1));
        Assert.True(kept.mul(codes).Equals(codes));
    }

    [Fact]
    public void A_bound_on_norms_is_never_violated()
    {
        using var scope = NewDisposeScope();
        var rows = nn.functional.normalize(randn(24, 16, generator: new Generator(3)));
        var f = randn(50, 24, generator: new Generator(4)).relu();
        var largest = rows.matmul(rows.t()).abs().masked_fill(eye(24).gt(0), 0).max().item<float>();
        var apart = (f.matmul(rows).square().sum(1) - f.square().sum(1)).abs();
        Assert.True(apart.le((f.sum(1).square() - f.square().sum(1)) * largest + 1e-4).all().item<bool>());
    }

    [Fact]
    public void Choice_by_gradients_becomes_topk_or_follows_the_effect()
    {
        using var scope = NewDisposeScope();
        Assert.Equal(Loss("topk", new TopKOptions { K = 2, Aux = s_noAux }), Loss("gradient", new GradientOptions { K = 2, Beta = 0, Aux = s_noAux }));
        var g = Toy.Matrix([[1, 0, 0], [1, 0, 0]]);
        using var coder = Made("gradient", new GradientOptions { K = 1, Beta = 1e9, Aux = s_noAux });
        using var dead = new DeadFeatures(new DeadOptions(), 4);
        coder.Loss(new TrainRows(Toy.X, Toy.X) { Gradients = g }, new StepInfo { Step = 0, TotalSteps = 1, Dead = dead });
        // |g·W_decᵀ| = [1, 0, 0, .6] and z = [.8, 2.2, 3.28, 2.35], [0, .6, 1.12, .17]: feature 3 wins both rows.
        Assert.Equal([0L, 0, 0, 2], dead.Fired.data<long>().ToArray());
    }

    [Fact]
    public void Mutual_choice_is_batchtopk_and_feature_choice_keeps_to_its_budgets()
    {
        using var scope = NewDisposeScope();
        var mutual = Loss("mutual_choice", new ZipfChoiceOptions { K = 2 });
        Assert.Equal(Loss("batchtopk", new SelectiveOptions { K = 2, Aux = s_noAux })["reconstruction"], mutual["reconstruction"]);
        var density = new ZipfDensity(new ZipfOptions(), 6, 2, (_, value) => value);
        density.Density.copy_(tensor(new[] { .1f, .6f, .2f, .5f, .3f, .4f }));
        var budgets = density.Budgets(rows: 50, k: 2).data<long>().ToArray();
        Assert.Equal(100, budgets.Sum());
        Assert.Equal([1, 3, 5, 4, 2, 0], Enumerable.Range(0, 6).OrderByDescending(k => budgets[k]).ToArray());
        Assert.All(budgets, budget => Assert.InRange(budget, 1, 50));
    }

    [Fact]
    public void The_loss_of_rare_features_is_that_of_dead_ones_where_they_are_dead()
    {
        using var scope = NewDisposeScope();
        var pre = Toy.Matrix([[.8f, 2.2f, 3.28f, 2.35f], [-.7f, .6f, 1.12f, .17f]]);
        var error = Toy.Matrix([[.9f, .232f, .076f], [-.6f, -.072f, .304f]]);
        var loss = ZipfDensity.Loss(tensor(new[] { 1f, 0, 0, 1 }), pre, error, 1, codes => codes.matmul(Toy.Rows));
        Assert.Equal(3.01559, loss!.item<float>(), 1e-4);
        Assert.Null(ZipfDensity.Loss(zeros(4), pre, error, 1, codes => codes));
    }

    [Fact]
    public void Divergences_are_those_of_the_worked_example_and_of_sampling()
    {
        using var scope = NewDisposeScope();
        var mean = Toy.Matrix([[.5f, 0, 1.2f, 0], [0, 0, .3f, 2]]);
        var spread = Toy.Matrix([[-2, -2, -2, -2], [-1, -2, 0, -2]]);
        Assert.Equal(3.239973, TrainedVariational.Divergence(mean, spread).item<float>(), 1e-5);
        Assert.Equal(1.445, TrainedVariational.Divergence(mean, null).item<float>(), 1e-5);
        Assert.Equal(0, TrainedVariational.Divergence(zeros(2, 4), zeros(2, 4)).item<float>(), 1e-6);
        // E[log q − log p] over draws.
        var xi = randn([200_000L, 2, 4], generator: new Generator(5));
        var z = mean + xi * (spread * 0.5).exp();
        Assert.Equal(3.239973, ((z.square() - xi.square() - spread) * 0.5).sum([2L]).mean().item<float>(), 0.03);
    }

    [Fact]
    public void Biases_move_towards_their_targets_within_bounds_and_without_gradients()
    {
        using var scope = NewDisposeScope();
        var settings = new CoderSettings { Architecture = "bias_adaptation", Options = new BiasAdaptationOptions { Groups = 2, Highest = 0.2, Lowest = 0.05, Every = 1, Lowers = 0.05 } };
        using var training = new CoderTraining(settings, new CoderShape(8, 16), totalSteps: 400, seed: 1);
        var x = randn(256, 8, generator: new Generator(6));
        training.Begin(new TrainRows(x, x));
        IReadOnlyDictionary<string, Tensor>? first = null;
        for (var step = 0; step < 300; step++) training.Step([new TrainRows(x, x)], step == 0 ? found => Assert.DoesNotContain("encoder_bias", (first = found).Keys) : null);
        Assert.NotNull(first);
        var bias = training.Coder.EncoderBias.detach();
        Assert.InRange(bias.min().item<float>(), -1, 0);
        Assert.InRange(bias.max().item<float>(), -1, 0);
        using var frozen = training.Coder.Freeze();
        using var codes = frozen.Encode(x);
        var rates = codes.ActivePerFeature().data<long>().ToArray();
        Assert.All(rates[..8], count => Assert.InRange(count, 0, 256 * 0.2 + 20));
        Assert.All(rates[8..], count => Assert.InRange(count, 0, 256 * 0.05 + 20));
    }

    [Fact]
    public void Equal_coders_do_not_disagree_whatever_the_order_of_their_features()
    {
        using var scope = NewDisposeScope();
        var cosines = randn(30, 30, generator: new Generator(7));
        var best = Assignment.OfLargest(Table(cosines));
        Assert.Equal(Enumerable.Range(0, 30), best.Order());
        var order = randperm(30, generator: new Generator(8));
        var hungarian = Enumerable.Range(0, 30).Sum(k => (double)cosines[k, best[k]].item<float>());
        Assert.True(hungarian >= Greedy(cosines));
        var rows = nn.functional.normalize(randn(30, 12, generator: new Generator(9)));
        var matched = Assignment.OfLargest(Table(rows.matmul(rows.index_select(0, order).t())));
        Assert.Equal(Enumerable.Range(0, 30), matched.Select(place => (int)order[place].item<long>()));
    }

    [Fact]
    public void Small_assignments_are_the_best_of_all_orders()
    {
        using var scope = NewDisposeScope();
        var gains = randn(5, 5, generator: new Generator(3));
        double Sum(IReadOnlyList<int> columns) => columns.Select((column, row) => (double)gains[row, column].item<float>()).Sum();
        IEnumerable<int[]> Orders(int[] head) => head.Length == 5 ? [head] : Enumerable.Range(0, 5).Except(head).SelectMany(next => Orders([.. head, next]));
        Assert.Equal(Orders([]).Max(Sum), Sum(Assignment.OfLargest(Table(gains))), 1e-5);
    }

    [Fact]
    public void Archetypes_stay_in_the_hull_of_the_data()
    {
        using var scope = NewDisposeScope();
        var settings = new CoderSettings { Architecture = "archetypal", Options = new ArchetypalOptions { K = 2, Candidates = 12, Relaxation = 0 }, Optimizer = new OptimizerOptions { LearningRate = 0.05 } };
        using var training = new CoderTraining(settings, new CoderShape(4, 16), totalSteps: 50, seed: 1);
        var x = randn(200, 4, generator: new Generator(6));
        training.Begin(new TrainRows(x, x));
        var points = training.Coder.State["points"].clone();
        for (var step = 0; step < 40; step++) training.Step([new TrainRows(x, x)]);
        var mixture = training.Coder.Parameters["mixture"].detach();
        Assert.True(mixture.ge(0).all().item<bool>());
        Assert.Equal(1, mixture.sum(1).min().item<float>(), 1e-5);
        Assert.Equal(0, training.Coder.Parameters["relaxation"].detach().abs().max().item<float>());
        Assert.True(training.Coder.State["points"].Equals(points), "the points moved");
        var unscaled = training.Coder.Decoder.detach() / training.Coder.Parameters["multiplier"].detach().exp();
        Close.Check("decoder", unscaled, mixture.matmul(points), 1e-5);
    }

    [Fact]
    public void Without_blocks_to_later_layers_there_are_transcoders_apart()
    {
        using var scope = NewDisposeScope();
        var (x, y) = (randn(20, 8, generator: new Generator(1)), randn(20, 6, generator: new Generator(2)));
        Dictionary<string, double> Of(CoderShape shape, Tensor read, Tensor written, Action<TrainableCoder> fill)
        {
            using var coder = ArchitectureCatalog.Default.Create(new CoderSettings { Architecture = "cross_layer", Options = new CrossLayerOptions { WritesAcross = shape.Inputs.Count == 1 } }, shape, 3);
            using (no_grad()) fill(coder);
            using var dead = new DeadFeatures(new DeadOptions(), coder.Shape.Features);
            return coder.Loss(new TrainRows(read, written), new StepInfo { Step = 0, TotalSteps = 1, Dead = dead }).ToDictionary(term => term.Name, term => (double)term.Value.item<float>());
        }
        Tensor encoder = zeros(0), decoder = zeros(0);
        var both = Of(new CoderShape([4, 4], 5, [3, 3]), x, y, coder => (encoder, decoder) = (coder.Encoder.detach().clone(), coder.Decoder.detach().clone()));
        var apart = Enumerable.Range(0, 2).Select(layer => Of(new CoderShape([4], 5, [3]), x.narrow(1, layer * 4, 4), y.narrow(1, layer * 3, 3), coder =>
        {
            coder.Encoder.copy_(encoder.narrow(0, layer * 5, 5));
            coder.Decoder.copy_(decoder.narrow(0, layer * 5, 5).narrow(1, layer * 3, 3));
        })).ToList();
        Assert.All(both.Keys, term => Assert.Equal(apart.Sum(one => one[term]), both[term], 1e-3));
    }

    private static double[,] Table(Tensor matrix)
    {
        var table = new double[matrix.shape[0], matrix.shape[1]];
        for (var i = 0; i < table.GetLength(0); i++)
            for (var j = 0; j < table.GetLength(1); j++) table[i, j] = matrix[i, j].item<float>();
        return table;
    }

    private static double Greedy(Tensor gains)
    {
        var (taken, sum) = (new HashSet<long>(), 0.0);
        for (var row = 0; row < gains.shape[0]; row++)
        {
            var column = Enumerable.Range(0, (int)gains.shape[1]).Where(k => !taken.Contains(k)).MaxBy(k => gains[row, k].item<float>());
            taken.Add(column);
            sum += gains[row, column].item<float>();
        }
        return sum;
    }

    private static TrainableCoder Made(string architecture, TrainedOptions options)
    {
        var coder = ArchitectureCatalog.Default.Create(new CoderSettings { Architecture = architecture, Options = options }, new CoderShape(3, 4), seed: 0);
        using var frozen = no_grad();
        var weights = Toy.Weights();
        coder.Encoder.copy_(weights.Encoder);
        coder.Decoder.copy_(weights.Decoder);
        coder.EncoderBias.copy_(weights.EncoderBias);
        coder.Bias.copy_(weights.OutputBias);
        return coder;
    }

    private static Dictionary<string, double> Loss(string architecture, TrainedOptions options)
    {
        using var coder = Made(architecture, options);
        using var dead = new DeadFeatures(new DeadOptions(), 4);
        return coder.Loss(new TrainRows(Toy.X, Toy.X), new StepInfo { Step = 0, TotalSteps = 1, Dead = dead })
            .ToDictionary(term => term.Name, term => term.Value.to(float64).item<double>());
    }
}
