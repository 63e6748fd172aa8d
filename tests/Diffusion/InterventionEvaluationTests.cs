using Prisma.Core;
using Prisma.Diffusion;
using Prisma.Sae;
using TorchSharp;
using static TorchSharp.torch;

namespace Prisma.Tests.Diffusion;

/// <summary>What features do to pictures: the measures by hand, and an evaluation against interventions that were made one by one.</summary>
public sealed class InterventionEvaluationTests : IDisposable
{
    private static readonly HookSite s_update = Site.ModuleUpdate["unet.down_blocks.2.attentions.1"];
    private static readonly GenerateOptions s_options = new() { Prompts = ["a fox", "a house"], Seed = 5 };

    private readonly DisposeScope _scope = NewDisposeScope();
    private readonly TextToImage _pipeline = TextToImage.Open(DiffusionFixture.Folder);
    private readonly ISparseCoder _sae = Coders.Load(DiffusionFixture.Sae);
    private readonly Dictionary<HookSite, ISparseCoder> _coders;

    public InterventionEvaluationTests() => _coders = new Dictionary<HookSite, ISparseCoder> { [s_update] = _sae };

    [Fact]
    public void A_change_splits_into_composition_detail_and_colour()
    {
        var black = RgbImage.Filled(32, 32, 0, 0, 0);
        // The whole picture brighter: nothing but composition. One colour for another of the same luma: nothing but colour.
        Near(new PictureChange(100 / 255.0, 0, 0), PictureChange.Between(RgbImage.Filled(32, 32, 100, 100, 100), black));
        var stripes = Drawn((x, _) => x % 2 == 0 ? (byte)100 : (byte)0);
        Near(new PictureChange(50 / 255.0, 50 / 255.0, 0), PictureChange.Between(stripes, black));
        var colour = PictureChange.Between(RgbImage.Filled(32, 32, 200, 50, 50), RgbImage.Filled(32, 32, 95, 95, 95));
        Assert.True(colour.Colour > 20 * colour.Composition && colour.Detail < 1e-12);
        // Parts add up in squares, whatever the pictures.
        var (one, other) = (Noise(1), Noise(2));
        var luma = one.Pixels.ToArray().Chunk(3).Zip(other.Pixels.ToArray().Chunk(3), (p, q) => 0.299 * (p[0] - q[0]) + 0.587 * (p[1] - q[1]) + 0.114 * (p[2] - q[2])).Average(d => d * d) / (255 * 255);
        var change = PictureChange.Between(one, other);
        Assert.Equal(luma, change.Composition * change.Composition + change.Detail * change.Detail, 9);
        Assert.Throws<ShapeException>(() => PictureChange.Between(one, RgbImage.Filled(16, 32, 0, 0, 0)));

        static void Near(PictureChange want, PictureChange got)
        {
            Assert.Equal(want.Composition, got.Composition, 9);
            Assert.Equal(want.Detail, got.Detail, 9);
            Assert.Equal(want.Colour, got.Colour, 9);
        }
    }

    [Fact]
    public void Likeness_is_what_its_formulas_say()
    {
        var noise = Noise(3);
        Assert.Equal((double.PositiveInfinity, 1), (Likeness.Of(noise, noise).Psnr, Math.Round(Likeness.Of(noise, noise).Ssim, 12)));
        var flat = Likeness.Of(RgbImage.Filled(16, 12, 60, 60, 60), RgbImage.Filled(16, 12, 90, 90, 90));
        var c1 = Math.Pow(0.01 * 255, 2);
        Assert.Equal(20 * Math.Log10(255 / 30.0), flat.Psnr, 9);
        Assert.Equal((2.0 * 60 * 90 + c1) / (60.0 * 60 + 90.0 * 90 + c1), flat.Ssim, 9);
        Assert.True(Likeness.Of(Noise(4), noise).Ssim < 0.2);
        Assert.Contains("needs 11 pixels", Assert.Throws<ShapeException>(() => Likeness.Of(RgbImage.Filled(8, 8, 0, 0, 0), RgbImage.Filled(8, 8, 0, 0, 0))).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Features_blocks_and_reconstructions_are_those_of_single_interventions()
    {
        var report = new InterventionEvaluation(_pipeline, _coders).Run(s_options, new InterventionEvaluationOptions { Features = 2, Seed = 1 });
        Assert.Equal(4, report.Features.Count);
        var intervention = new PictureIntervention(_pipeline, _coders);
        foreach (var effect in report.Features)
        {
            using var ablated = intervention.Run(s_options, new InterventionOptions { Edits = [new(s_update, new FeatureEdit(effect.Feature, FeatureAction.Ablate))] });
            var (original, edited) = (ablated.Original.Pictures[effect.Picture], ablated.Edited.Pictures[effect.Picture]);
            Assert.Contains(effect.Feature, intervention.Strongest(s_update, ablated.Original, effect.Picture, 2).Select(pair => pair.Feature));
            var fires = intervention.MapOf(s_update, effect.Feature, ablated.Original)[effect.Picture, 0].gt(0);
            Assert.Equal(fires.to(float32).mean().item<float>(), effect.Covered, 6);
            var (inside, outside) = PictureChange.Mean(original, edited, (x, y) => fires[y / 32, x / 32].item<bool>());
            // The same change by another order of sums: a rounded level here and there.
            Assert.Equal(inside ?? 0, effect.Inside, 3);
            if (outside is { } rest) Assert.Equal(rest, effect.Outside!.Value, 3);
            else Assert.Null(effect.Outside);
            Assert.True(effect.RandomInside > 0 && effect.Activation > 0);
            Assert.Null(effect.EmbeddedInside);
        }
        var block = Assert.Single(report.Blocks);
        Assert.Equal(report.Features.Sum(effect => effect.Inside) / report.Features.Sum(effect => effect.RandomInside), block.Causality!.Value, 9);
        using var without = intervention.Run(s_options, new InterventionOptions { Ablated = [s_update] });
        var want = without.Original.Pictures.Zip(without.Edited.Pictures, PictureChange.Between).ToList();
        Assert.Equal(want.Average(change => change.Detail), block.Ablated.Detail, 6);
        // With one block, all blocks are that block.
        Assert.Equal(block.Reconstructed, report.Reconstructed);
        Assert.Equal(without.Edited.Pictures.Zip(without.Original.Pictures, Likeness.Of).Average(one => one.Ssim), report.Ablated.Ssim, 9);
        Assert.True(report.Reconstructed.Ssim is > 0 and < 1);
    }

    [Fact]
    public void A_model_of_pictures_and_texts_adds_distances_in_its_space()
    {
        using var embedder = Embedder();
        var (one, other) = (Noise(1), Noise(2));
        Assert.Equal(0, embedder.Distance(one, one), 5);
        Assert.True(embedder.Distance(one, other) > 1e-4);
        var (inside, outside) = embedder.Distances(one, other, (_, _) => true);
        Assert.Equal(embedder.Distance(one, other), inside, 6);
        Assert.Equal(0, outside, 6);
        var report = new InterventionEvaluation(_pipeline, _coders, embedder).Run(s_options with { Prompts = ["a fox"] }, new InterventionEvaluationOptions { Features = 1 });
        Assert.NotNull(Assert.Single(report.Features).EmbeddedInside);
        Assert.True(report.Ablated.Embedded > 0);
    }

    [Fact]
    public void What_cannot_be_evaluated_is_refused_in_a_sentence()
    {
        var evaluation = new InterventionEvaluation(_pipeline, _coders);
        Assert.Contains("0 features are none", Assert.Throws<OptionsException>(() => evaluation.Run(s_options, new InterventionEvaluationOptions { Features = 0 })).Message, StringComparison.Ordinal);
        Assert.Contains("changes nothing", Assert.Throws<OptionsException>(() => evaluation.Run(s_options, new InterventionEvaluationOptions { Strength = 0 })).Message, StringComparison.Ordinal);
        Assert.Throws<OptionsException>(() => new InterventionEvaluation(_pipeline, new Dictionary<HookSite, ISparseCoder>()));
    }

    public void Dispose()
    {
        _scope.Dispose();
        _sae.Dispose();
        _pipeline.Dispose();
    }

    private static PictureEmbedder Embedder()
    {
        using var folder = new TempFolder();
        foreach (var file in new[] { "config.json", "model.safetensors" }) File.Copy(Fixture.Path("models/hf_clip_gelu/" + file), folder[file]);
        File.WriteAllText(folder["preprocessor_config.json"], ClipPreprocessing);
        return PictureEmbedder.Open(folder.Path);
    }

    internal const string ClipPreprocessing = """{"image_processor_type":"CLIPImageProcessor","do_resize":true,"size":{"shortest_edge":32},"resample":3,"do_center_crop":true,"crop_size":{"height":32,"width":32},"do_rescale":true,"rescale_factor":0.00392156862745098,"do_normalize":true,"image_mean":[0.5,0.5,0.5],"image_std":[0.5,0.5,0.5],"do_convert_rgb":true}""";

    private static RgbImage Noise(int seed)
    {
        var pixels = new byte[3 * 32 * 32];
        new Random(seed).NextBytes(pixels);
        return new RgbImage(32, 32, pixels);
    }

    private static RgbImage Drawn(Func<int, int, byte> level) =>
        new(32, 32, [.. Enumerable.Range(0, 32 * 32).SelectMany(i => Enumerable.Repeat(level(i % 32, i / 32), 3))]);
}
