using Prisma.Sae;
using static TorchSharp.torch;

namespace Prisma.Tests.Sae;

/// <summary>Losses of the architectures in training on the worked example; every expected number was computed by hand in double precision.</summary>
public sealed class TrainedArchitectureTests
{
    private static readonly AuxOptions s_noAux = new() { Weight = 0 };

    public static TheoryData<string, string, double> Losses => new()
    {
        { "standard", "reconstruction", 8.883532 },
        { "standard", "sparsity", 5.26 },
        { "topk", "reconstruction", 1.94289 },
        { "batchtopk", "reconstruction", 7.76529 },
        { "matryoshka", "prefix_2", 5.13 },
        { "matryoshka", "reconstruction", 7.76529 },
        { "abstopk", "reconstruction", 1.54469 },
        { "hierarchical_topk", "reconstruction", 1.303245 },
        { "jumprelu", "reconstruction", 9.16449 },
        { "jumprelu", "sparsity", 2.5 },
        { "gated", "reconstruction", 11.024621 },
        { "gated", "sparsity", 3.96 },
        { "gated", "gate", 5.975552 },
    };

    [Theory, MemberData(nameof(Losses))]
    public void Losses_are_those_of_the_worked_example(string architecture, string term, double expected)
    {
        using var scope = NewDisposeScope();
        using var coder = ArchitectureCatalog.Default.Create(Settings(architecture), new CoderShape(3, 4), seed: 0);
        Fill(coder);
        using var dead = new DeadFeatures(new DeadOptions(), 4);
        var terms = coder.Loss(new TrainRows(Toy.X, Toy.X), new StepInfo { Step = 0, TotalSteps = 1, Dead = dead });
        Assert.Equal(expected, terms.Single(one => one.Name == term).Value.to(float64).item<double>(), 1e-4);
    }

    [Fact]
    public void Dead_features_learn_what_the_living_leave_over()
    {
        using var scope = NewDisposeScope();
        var settings = new CoderSettings { Architecture = "topk", Options = new TopKOptions { K = 1, Aux = new AuxOptions { Weight = 1, K = 1 } } };
        using var coder = ArchitectureCatalog.Default.Create(settings, new CoderShape(3, 4), seed: 0);
        Fill(coder);
        using var dead = new DeadFeatures(new DeadOptions(), 4);
        dead.Fix(tensor(new[] { true, false, false, true }));
        var terms = coder.Loss(new TrainRows(Toy.X, Toy.X), new StepInfo { Step = 0, TotalSteps = 1, Dead = dead });
        var aux = terms.Single(one => one.Name == "aux").Value;
        Assert.Equal(3.01559, aux.to(float64).item<double>(), 1e-4);
        var gradient = autograd.grad([aux], [coder.Encoder])[0];
        Assert.Equal(0, gradient.index_select(0, tensor(new[] { 1L, 2L })).abs().max().item<float>());
        Assert.True(gradient.index_select(0, tensor(new[] { 3L })).abs().max().item<float>() > 0);
    }

    [Fact]
    public void Cosines_are_charged_within_their_chunk()
    {
        using var scope = NewDisposeScope();
        Assert.Equal(0.5, TrainedOrt.Penalty(Toy.Rows, 4, seed: 1).item<float>(), 1e-5);
        Assert.Equal(0, TrainedOrt.Penalty(eye(5), 5, seed: 1).item<float>(), 1e-6);
        Assert.True(TrainedOrt.Penalty(Toy.Rows, 2, seed: 1).item<float>() <= 0.5f);
    }

    [Fact]
    public void Feature_choice_lets_every_feature_with_a_positive_entry_fire()
    {
        using var scope = NewDisposeScope();
        var settings = new CoderSettings { Architecture = "feature_choice", Options = new ZipfChoiceOptions { K = 1 } };
        using var coder = ArchitectureCatalog.Default.Create(settings, new CoderShape(3, 4), seed: 0);
        Fill(coder);
        using var dead = new DeadFeatures(new DeadOptions(), 4);
        coder.Loss(new TrainRows(Toy.X, Toy.X), new StepInfo { Step = 0, TotalSteps = 1, Dead = dead });
        Assert.Equal([1L, 1, 1, 1], dead.Fired.data<long>().ToArray());
    }

    [Theory]
    [InlineData("topk", false, false)]
    [InlineData("topk", true, true)]
    [InlineData("abstopk", false, false)]
    [InlineData("batchtopk", false, true)]
    public void A_running_threshold_is_followed_only_where_it_is_used(string architecture, bool perRow, bool follows)
    {
        using var scope = NewDisposeScope();
        var settings = Settings(architecture);
        settings = settings with { Options = (SelectiveOptions)settings.Options with { Threshold = new ThresholdOptions { After = 0, PerRow = perRow } } };
        using var training = new CoderTraining(settings, new CoderShape(3, 4), totalSteps: 3, seed: 0);
        for (var k = 0; k < 3; k++) training.Step([new TrainRows(Toy.X, Toy.X)]);
        Assert.Equal(follows, ((SelectiveCoder)training.Coder).Threshold >= 0);
    }

    private static CoderSettings Settings(string architecture) => new()
    {
        Architecture = architecture,
        Options = architecture switch
        {
            "standard" => new StandardOptions { WeighsByLength = false },
            "topk" => new TopKOptions { K = 2, Aux = s_noAux },
            "matryoshka" => new MatryoshkaOptions { K = 2, Widths = [2, 4], Aux = s_noAux },
            "jumprelu" => new JumpReluOptions { InputBias = BiasUse.Tied, LogThreshold = false, Penalty = JumpPenalty.Step },
            "gated" => new GatedOptions(),
            _ => new SelectiveOptions { K = 2, Aux = s_noAux },
        },
    };

    private static void Fill(TrainableCoder coder)
    {
        using var frozen = no_grad();
        var weights = Toy.Weights();
        coder.Encoder.copy_(weights.Encoder);
        coder.Decoder.copy_(weights.Decoder);
        coder.EncoderBias.copy_(weights.EncoderBias);
        coder.Bias.copy_(weights.OutputBias);
        void Set(string name, params float[] values)
        {
            if (coder.Parameters.TryGetValue(name, out var parameter)) parameter.copy_(tensor(values));
        }
        Set("threshold", .5f, .5f, 2, 1);
        Set("gate_bias", -.2f, -.5f, -1, .1f);
        Set("magnitude_scale", .1f, -.2f, 0, .3f);
        Set("magnitude_bias", .05f, 0, -.1f, 0);
    }
}
