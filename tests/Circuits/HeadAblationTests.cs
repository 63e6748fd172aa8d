using Prisma.Circuits;
using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Tests.Circuits;

public sealed class HeadAblationTests
{
    [Fact]
    public void The_effect_is_the_drop_when_what_the_head_wrote_is_taken_away()
    {
        using var scope = NewDisposeScope();
        using var model = Tiny.Vit();
        using var pictures = Tiny.Pictures(3);
        var effects = HeadAblation.Effects(model, pictures, new ClassLogit(1));
        Assert.Equal([2, 2, 3], effects.shape);
        using var without = model.Run(pictures, HookPlan.Empty.Edit(Site.Result[1], (result, _) =>
            stack([result.select(2, 0), result.select(2, 1).zeros_like()], 2)));
        Close.Check("head 1 of block 1", effects[1][1], (model.Run(pictures) - without.Main).select(1, 1));
        Assert.True(effects.abs().min().item<float>() > 0);
    }

    [Fact]
    public void Equal_examples_lose_nothing_to_their_mean_or_to_each_other()
    {
        using var scope = NewDisposeScope();
        using var model = Tiny.Vit();
        using var picture = Tiny.Pictures(1);
        var twice = picture.expand(2, -1, -1, -1);
        foreach (var kind in new[] { AblationKind.BatchMean, AblationKind.Resample })
            Assert.True(HeadAblation.Effects(model, twice, kind: kind).abs().max().item<float>() < 1e-5);
        using var pictures = Tiny.Pictures(2);
        Assert.True(HeadAblation.Effects(model, pictures, kind: AblationKind.Resample).abs().max().item<float>() > 1e-3);
        Assert.Throws<OptionsException>(() => HeadAblation.Effects(model, picture, kind: AblationKind.BatchMean));
    }
}
