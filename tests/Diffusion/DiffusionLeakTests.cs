using Prisma.Core;
using Prisma.Diffusion;
using Prisma.Sae;

namespace Prisma.Tests.Diffusion;

/// <summary>Counts live native tensors of the whole process, so nothing may run beside it.</summary>
[Collection(nameof(Prisma.Tests.Engine.Alone))]
public sealed class DiffusionLeakTests
{
    private static readonly HookSite s_update = Site.ModuleUpdate["unet.down_blocks.2.attentions.1"];

    [Fact]
    public void Drawing_intervening_and_being_refused_leave_no_tensor_behind() => Leaks.None(Work);

    private static void Work()
    {
        using var pipeline = TextToImage.Open(DiffusionFixture.Folder);
        using var sae = Coders.Load(DiffusionFixture.Sae);
        using var looks = new CrossAttentionMaps(16, 16);
        var options = new GenerateOptions { Prompts = ["a fox"], Steps = 2, Guidance = 3 };
        using (var made = pipeline.Generate(options, looks.Watch(DenoisePlan.Empty.With(HookPlan.Empty.Keep("*hook_pattern")))))
        using (pipeline.Decode(made.Latents, tiles: true))
            looks.Maps().Dispose();
        var intervention = new PictureIntervention(pipeline, new Dictionary<HookSite, ISparseCoder> { [s_update] = sae });
        var changes = new InterventionOptions { Edits = [new(s_update, new FeatureEdit(3, FeatureAction.Add, 2))], Transplants = [(s_update, 4)], Sources = ["a house"] };
        using (var result = intervention.Run(options, changes))
            intervention.MapOf(s_update, 3, result.Edited).Dispose();
        var elsewhere = changes with { Mask = PictureMask.Box(64, 128, 0, 0, 8, 8) };
        Assert.Throws<OptionsException>(() => intervention.Run(options, elsewhere));
        var failing = DenoisePlan.Empty.With(HookPlan.Empty.Keep(s_update)).With(HookPlan.Empty.Edit(s_update, (value, _) => value[0]), step => step.Index == 1);
        Assert.Throws<ShapeException>(() => pipeline.Generate(options, failing));
    }
}
