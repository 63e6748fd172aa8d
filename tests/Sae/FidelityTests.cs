using Prisma.Core;
using Prisma.Sae;
using static TorchSharp.torch;

namespace Prisma.Tests.Sae;

public sealed class FidelityTests
{
    [Fact]
    public void The_worked_example_gives_its_numbers()
    {
        using var scope = NewDisposeScope();
        using var coder = new TopKCoder(Toy.Card("topk"), Toy.Weights(), k: 2);
        var fidelity = new Fidelity(coder);
        fidelity.Add(Toy.X);
        var row = fidelity.Report()["all"];
        Assert.Equal(-0.100788, row.ExplainedVariance, 1e-5);
        Assert.Equal(0.856564, row.CentredResidual, 1e-5);
        Assert.Equal(2, row.L0);
        Assert.Equal(1.94289 / 3, row.Mse, 1e-5);
        Assert.Equal(1, fidelity.Report().DeadFeatures);
    }

    [Fact]
    public void A_perfect_coder_explains_everything_and_a_shifted_one_only_the_centred_part()
    {
        using var scope = NewDisposeScope();
        using var generator = new Generator(3);
        var x = randn(40, 4, generator: generator);
        var perfect = Measure(Identity(shift: 0), x);
        Assert.Equal(1, perfect.ExplainedVariance, 1e-6);
        Assert.Equal(1, perfect.TokenRatio, 1e-6);
        Assert.Equal(1, perfect.Cosine, 1e-6);
        var shifted = Measure(Identity(shift: 0.5f), x);
        Assert.Equal(1, shifted.CentredResidual, 1e-6);
        Assert.True(shifted.ExplainedVariance < 0.9);
    }

    [Fact]
    public void Batches_add_up_and_token_groups_are_told_apart()
    {
        using var scope = NewDisposeScope();
        using var generator = new Generator(3);
        using var coder = Toy.Random(6, 20);
        var x = randn(8, 10, 6, generator: generator);
        var layout = TokenLayout.Picture(1, 3, 3, 4);
        var (whole, parts) = (new Fidelity(coder), new Fidelity(coder));
        whole.Add(x, layout);
        foreach (var part in x.split(3)) parts.Add(part, layout);
        foreach (var tokens in new[] { "all", "cls", "spatial" })
        {
            Assert.Equal(whole.Report()[tokens].ExplainedVariance, parts.Report()[tokens].ExplainedVariance, 1e-9);
            Assert.Equal(whole.Report()[tokens].L0, parts.Report()[tokens].L0, 1e-9);
        }
        Assert.Equal((80, 8, 72), (whole.Report()["all"].Count, whole.Report()["cls"].Count, whole.Report()["spatial"].Count));
        Assert.Equal(Measure(coder, x.narrow(1, 0, 1)).ExplainedVariance, whole.Report()["cls"].ExplainedVariance, 1e-9);
        Assert.Throws<ShapeException>(() => whole.Add(x, TokenLayout.Picture(1, 2, 2, 4)));
    }

    private static FidelityRow Measure(ISparseCoder coder, Tensor x)
    {
        var fidelity = new Fidelity(coder);
        fidelity.Add(x);
        return fidelity.Report()["all"];
    }

    // A large bias keeps every feature positive, so the coder is linear.
    private static StandardCoder Identity(float shift) => new(
        Toy.Card("standard", 4, 4),
        new CoderWeights { Encoder = eye(4), EncoderBias = ones(4) * 50, Decoder = eye(4), OutputBias = ones(4) * (shift - 50) });
}
