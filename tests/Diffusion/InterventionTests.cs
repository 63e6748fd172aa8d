using Prisma.Core;
using Prisma.Diffusion;
using Prisma.Sae;
using TorchSharp;
using static TorchSharp.torch;

namespace Prisma.Tests.Diffusion;

/// <summary>Interventions over whole runs, and where the prompt's tokens were looked at.</summary>
public sealed class InterventionTests : IDisposable
{
    private static readonly HookSite s_update = Site.ModuleUpdate["unet.down_blocks.2.attentions.1"];
    private static readonly GenerateOptions s_options = new() { Prompts = ["a fox", "a house"], Steps = 2, Seed = 5 };

    private readonly DisposeScope _scope = NewDisposeScope();
    private readonly TextToImage _pipeline = TextToImage.Open(DiffusionFixture.Folder);
    private readonly ISparseCoder _sae = Coders.Load(DiffusionFixture.Sae);
    private readonly PictureIntervention _intervention;

    public InterventionTests() => _intervention = new PictureIntervention(_pipeline, new Dictionary<HookSite, ISparseCoder> { [s_update] = _sae });

    [Fact]
    public void Strength_nothing_and_a_transplant_from_the_same_prompt_change_no_bit()
    {
        using var nothing = _intervention.Run(s_options, Adding(0));
        Assert.True(nothing.Original.Latents.Equals(nothing.Edited.Latents));
        using var same = _intervention.Run(s_options with { Prompts = ["a fox"] }, new InterventionOptions { Transplants = [(s_update, 3), (s_update, 7)], Sources = ["a fox"] });
        Assert.True(same.Original.Latents.Equals(same.Edited.Latents));
    }

    [Fact]
    public void A_transplant_makes_features_what_they_were_for_the_other_prompt()
    {
        using var other = _intervention.Run(s_options with { Prompts = ["blue house", "blue house"] }, Adding(0));
        var (feature, _) = _intervention.Strongest(s_update, other.Original, 0, 1)[0];
        using var moved = _intervention.Run(s_options, new InterventionOptions { Transplants = [(s_update, feature)], Sources = ["blue house"], Steps = new HashSet<int> { 0 } });
        var (want, before) = (_intervention.MapOf(s_update, feature, other.Original), _intervention.MapOf(s_update, feature, moved.Original));
        var change = (moved.Edited.Cache[s_update] - moved.Original.Cache[s_update]).select(1, 0);
        var expected = (want - before).select(1, 0).unsqueeze(1) * _sae.Directions[feature].view(1, -1, 1, 1);
        Assert.False(change.eq(0).all().item<bool>());
        DiffusionFixture.Near("change of the update", change, expected, 1e-4);
    }

    [Fact]
    public void Transplants_take_a_prompt_for_each_picture_and_go_as_far_as_told()
    {
        string[] sources = ["blue house", "a fox"];
        using var other = _intervention.Run(s_options with { Prompts = sources }, Adding(0));
        var (feature, _) = _intervention.Strongest(s_update, other.Original, 0, 1)[0];
        var options = new InterventionOptions { Transplants = [(s_update, feature)], Sources = sources, Steps = new HashSet<int> { 0 } };
        using var nothing = _intervention.Run(s_options, options with { TransplantStrength = 0 });
        Assert.True(nothing.Original.Latents.Equals(nothing.Edited.Latents));
        using var moved = _intervention.Run(s_options, options with { TransplantStrength = 2 });
        var (want, before) = (_intervention.MapOf(s_update, feature, other.Original), _intervention.MapOf(s_update, feature, moved.Original));
        var change = (moved.Edited.Cache[s_update] - moved.Original.Cache[s_update]).select(1, 0);
        DiffusionFixture.Near("change of the update", change, (want - before).select(1, 0).unsqueeze(1) * 2 * _sae.Directions[feature].view(1, -1, 1, 1), 2e-4);
        Assert.Throws<OptionsException>(() => _intervention.Run(s_options, options with { Sources = ["a", "b", "c"] }));
    }

    [Fact]
    public void Edits_hold_at_the_steps_and_cells_that_are_named()
    {
        using var result = _intervention.Run(s_options, Adding(4) with { Steps = new HashSet<int> { 1 }, Mask = PictureMask.Box(128, 128, 0, 32, 64, 32) });
        Assert.True(result.Original.Steps[0].Equals(result.Edited.Steps[0]));
        Assert.False(result.Original.Steps[1].Equals(result.Edited.Steps[1]));
        var change = (result.Edited.Cache[s_update] - result.Original.Cache[s_update]).ne(0).any(2);
        Assert.Equal(0, change.select(1, 0).sum().item<long>());
        var cells = change.select(1, 1)[0];
        Assert.Equal([4, 5], cells.flatten().data<bool>().ToArray().Select((changed, cell) => (changed, cell)).Where(pair => pair.changed).Select(pair => pair.cell));
    }

    [Fact]
    public void Guided_runs_are_edited_in_the_halves_that_are_named()
    {
        var options = s_options with { Prompts = ["a fox"], Steps = 1, Guidance = 3, Negative = "blue house" };
        using var conditional = _intervention.Run(options, Adding(4));
        using var both = _intervention.Run(options, Adding(4) with { Halves = InterventionHalves.Both });
        using var opposed = _intervention.Run(options, Adding(4) with { Halves = InterventionHalves.Opposed });
        Assert.False(conditional.Edited.Latents.Equals(both.Edited.Latents));
        Assert.False(both.Edited.Latents.Equals(opposed.Edited.Latents));
        Assert.True(conditional.Original.Latents.Equals(opposed.Original.Latents));
        var set = new InterventionOptions { Edits = [new(s_update, new FeatureEdit(1, FeatureAction.Ablate))], Halves = InterventionHalves.Opposed };
        Assert.Contains("only for features that are added", Assert.Throws<OptionsException>(() => _intervention.Run(options, set)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void What_does_not_fit_is_refused_in_a_sentence()
    {
        Refused("no feature 96", new InterventionOptions { Edits = [new(s_update, new FeatureEdit(96, FeatureAction.Ablate))] });
        Refused("No coder was given for unet.mid_block", new InterventionOptions { Edits = [new(Site.ModuleUpdate["unet.mid_block.attentions.0"], new FeatureEdit(1, FeatureAction.Ablate))] });
        Refused("There is no step 2", Adding(1) with { Steps = new HashSet<int> { 2 } });
        Refused("they must be of one size", Adding(1) with { Mask = PictureMask.Box(64, 128, 0, 0, 8, 8) });
        Refused("needs a prompt", new InterventionOptions { Transplants = [(s_update, 1)] });

        void Refused(string sentence, InterventionOptions changes) =>
            Assert.Contains(sentence, Assert.Throws<OptionsException>(() => _intervention.Run(s_options, changes)).Message, StringComparison.Ordinal);
    }

    // At the latent's own resolution nothing is enlarged, so a map can be computed by hand from the patterns.
    [Fact]
    public void Maps_of_tokens_are_the_means_of_the_patterns()
    {
        using var looks = new CrossAttentionMaps(16, 16);
        var options = s_options with { Steps = 2 };
        using var made = _pipeline.Generate(options, looks.Watch(DenoisePlan.Empty.With(HookPlan.Empty.Keep("*attn2.hook_pattern"))));
        var maps = looks.Maps();
        Assert.Equal([2L, 77, 16, 16], maps.shape);
        var want = zeros(2, 77, 16, 16);
        foreach (var site in made.Cache.Sites)
        {
            var side = (long)Math.Sqrt(made.Cache[site].shape[3]);
            for (var step = 0; step < 2; step++)
            {
                var one = made.Cache[site].select(1, step).mean([1]).transpose(1, 2).reshape(2, 77, side, side);
                want += nn.functional.interpolate(one, [16, 16], mode: InterpolationMode.Bicubic, align_corners: false).clamp_min(0) / made.Cache.Sites.Count;
            }
        }
        DiffusionFixture.Near("maps", maps, want, 1e-5);
        Assert.True((maps.sum(1) - 2).abs().max().item<float>() < 0.05, "all tokens together see everything once a step");
        using var unwatched = new CrossAttentionMaps(16, 16);
        Assert.Throws<PrismaException>(() => unwatched.Maps());
    }

    [Fact]
    public void A_polygon_covers_the_pixels_whose_centres_it_holds()
    {
        var mask = PictureMask.Polygon(4, 4, [(0, 0), (4, 0), (0, 4)]);
        Assert.Equal([(0, 0), (1, 0), (2, 0), (0, 1), (1, 1), (0, 2)], from y in Enumerable.Range(0, 4) from x in Enumerable.Range(0, 4) where mask[x, y].R == 255 select (x, y));
        Assert.Equal([1f, 0.25f, 0.25f, 0], TokenMask.Shares(PictureMask.Polygon(4, 4, [(0, 0), (4, 0), (0, 4)]), TokenLayout.Picture(0, 2, 2, 2)).Select(share => MathF.Round(share * 4) / 4));
        Assert.Throws<OptionsException>(() => PictureMask.Box(4, 4, 2, 2, 3, 1));
    }

    public void Dispose()
    {
        _scope.Dispose();
        _sae.Dispose();
        _pipeline.Dispose();
    }

    private static InterventionOptions Adding(double value) => new() { Edits = [new(s_update, new FeatureEdit(3, FeatureAction.Add, value))] };
}
