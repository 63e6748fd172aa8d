using Prisma.Circuits;
using Prisma.Core;
using Prisma.Vision;
using static TorchSharp.torch;

namespace Prisma.Tests.Circuits;

public sealed class LensTests
{
    [Fact]
    public void The_last_layer_is_the_models_output()
    {
        using var scope = NewDisposeScope();
        using var model = Tiny.Vit();
        using var pictures = Tiny.Pictures(2);
        using var lens = LogitLens.Read(model, pictures);
        Assert.Equal(["0_pre", "1_pre", "final_post"], lens.Layers);
        Assert.Equal([3, 2, 17, 5], lens.Logits.shape);
        var output = model.Run(pictures);
        Close.Check("last layer", lens.Logits[-1].select(1, 0), output);
        var best = lens.Top(-1, 1)[0];
        Assert.Equal(output[1].argmax().item<long>(), best.Index);
        Assert.Equal(output[1].softmax(-1).max().item<float>(), best.Probability, 1e-5);
    }

    [Fact]
    public void With_the_frozen_scale_the_lens_is_affine_in_the_stream()
    {
        using var scope = NewDisposeScope();
        using var model = Tiny.Vit();
        using var pictures = Tiny.Pictures(2);
        using var lens = LogitLens.Read(model, pictures, new LensOptions { FrozenScale = true, IncludeMid = true });
        Assert.Equal(["0_pre", "0_mid", "1_pre", "1_mid", "final_post"], lens.Layers);
        Close.Check("last layer", lens.Logits[-1].select(1, 0), model.Run(pictures));
        // pre + attention = mid and mid + MLP = post, so decoded steps are the decoded parts: their order does not matter.
        using var recording = model.Run(pictures, HookPlan.Empty.Keep(Site.ResidPre[1], Site.AttnOut[1], Site.MlpOut[1], Site.FinalScale.Only));
        var readout = Assert.IsAssignableFrom<ILogitReadout>(model);
        var scale = recording.Cache[Site.FinalScale.Only];
        Tensor Linear(Tensor part) => ((part - part.mean([-1], keepdim: true)) / scale * readout.FinalNorm.Gain).matmul(readout.Readout!.Matrix.Value.t());
        Close.Check("MLP step", lens.Logits[4] - lens.Logits[3], Linear(recording.Cache[Site.MlpOut[1]]), 1e-4);
        Close.Check("attention step", lens.Logits[3] - lens.Logits[2], Linear(recording.Cache[Site.AttnOut[1]]), 1e-4);
    }

    [Fact]
    public void Grids_and_maps_show_the_decoded_patches()
    {
        using var scope = NewDisposeScope();
        using var model = Tiny.Vit();
        using var pictures = Tiny.Pictures(2);
        using var lens = LogitLens.Read(model, pictures, new LensOptions { Labels = ["a", "b", "c", "d", "e"] });
        var grid = lens.Grid(1, 1);
        var map = lens.Map(1, 1, 2);
        var entropy = lens.Entropy(1, 1);
        for (var row = 0; row < 4; row++)
            for (var column = 0; column < 4; column++)
            {
                var token = lens.Logits[1][1][1 + row * 4 + column];
                Assert.Equal(token.argmax().item<long>(), grid[row, column].Index);
                Assert.Equal("abcde"[grid[row, column].Index].ToString(), grid[row, column].Name);
                Assert.Equal(token[2].item<float>(), map[0, row, column]);
                Assert.InRange(entropy[0, row, column], 0, Math.Log(5) + 1e-5);
            }
        Assert.Throws<OptionsException>(() => lens.Map(1, 1, 5));
        Assert.Throws<OptionsException>(() => lens.Grid(3, 0));
    }

    [Fact]
    public void Directions_stand_in_for_classes()
    {
        using var scope = NewDisposeScope();
        using var model = Tiny.Vit();
        using var pictures = Tiny.Pictures(1);
        using var lens = LogitLens.Read(model, pictures, new LensOptions { Directions = eye(5), LogitScale = 1 });
        var output = model.Run(pictures)[0];
        Close.Check("cosines with the axes", lens.Logits[-1][0][0], output / output.norm());
    }

    [Fact]
    public void A_model_of_pictures_and_texts_is_decoded_into_its_joint_space()
    {
        using var scope = NewDisposeScope();
        using var model = new ClipFamily().Tiny();
        using var pictures = Tiny.Pictures(2);
        using var generator = new Generator(2);
        var texts = randn(3, 12, generator: generator);
        using var lens = LogitLens.Read(model, pictures, new LensOptions { Directions = texts, LogitScale = 10 });
        var embeds = model.Run(pictures);
        Close.Check("similarities", lens.Logits[-1].select(1, 0), embeds.matmul(nn.functional.normalize(texts).t()) * 10);
        var target = new Direction(texts[1], "a text");
        foreach (var method in AttributionMethod.All)
        {
            var map = method.Explain(model, pictures, target, new AttributionOptions { Steps = 3, Samples = 2 })[1];
            Assert.Equal(TokenLayout.Picture(1, 4, 4, 4), map.Heatmap.Layout);
            if (method.UsesTarget) Assert.Equal(lens.Logits[-1][1][0][1].item<float>() / 10, map.Score!.Value, 1e-5);
        }
        Assert.Contains("text:", Assert.Throws<PrismaException>(() => AttributionMethod.Named("grad-cam").Explain(model, pictures)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_model_without_a_head_is_refused()
    {
        using var model = new AdditiveModel();
        using var picture = randn(1, 1, 4, 4);
        Assert.Contains("linear head", Assert.Throws<NotApplicableException>(() => LogitLens.Read(model, picture)).Message, StringComparison.Ordinal);
    }
}
