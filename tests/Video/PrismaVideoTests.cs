using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Tests.Video;

/// <summary>ViT-Prisma's complete activation caches of video models.</summary>
public sealed class PrismaVideoTests
{
    [Fact]
    public void Every_value_of_the_vjepa_cache_is_reproduced()
    {
        using var model = Models.Load(Fixture.Path("models/prisma_vjepa"));
        Assert.Equal(41, Compare(model, "prisma_vjepa", _ => true));
    }

    // ViT-Prisma's loader folds value biases, and runs erf-GELU where ViViT has tanh-GELU: from the first MLP on its values are others.
    [Fact]
    public void The_vivit_cache_is_reproduced_up_to_the_first_mlp()
    {
        using var model = Models.Load(Fixture.Path("models/prisma_from_vivit"));
        Processing.Apply(model, ProcessingStep.FoldValueBiases);
        var first = model.Points.First(point => point.Kind == Site.MlpPost).Order;
        var order = model.Points.ToDictionary(point => point.Site, point => point.Order);
        Assert.Equal(17, Compare(model, "prisma_from_vivit", site => order[site] < first));
    }

    private static int Compare(HookedModel model, string folder, Func<HookSite, bool> asked)
    {
        using var expected = TensorSource.Open(Fixture.Path($"models/{folder}/expected.safetensors"));
        using var cache = TensorSource.Open(Fixture.Path($"models/{folder}/cache.safetensors"));
        using var scope = NewDisposeScope();
        using var recording = model.Run(expected.Get("input").ToTensor(), HookPlan.Empty.Keep("*"));
        var compared = 0;
        foreach (var wanted in cache.Tensors.Where(wanted => asked(Site.Parse(wanted.Name))))
        {
            Close.Check(wanted.Name, recording.Cache[Site.Parse(wanted.Name)], wanted.ToTensor());
            compared++;
        }
        return compared;
    }
}
