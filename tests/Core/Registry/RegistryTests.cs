using System.Text;
using Prisma.Core;
using Prisma.Sae;

namespace Prisma.Tests.Registered;

/// <summary>Every entry of the registry, checked without a network: names, sizes against the families that are built, places, formats.</summary>
public sealed class RegistryTests
{
    public static TheoryData<string> Models => [.. Registry.Default.Models.Select(model => model.Name)];

    [Theory, MemberData(nameof(Models))]
    public void Sizes_agree_with_the_model_that_the_configuration_makes(string name)
    {
        var entry = Registry.Default.FindModel(name)!;
        var sizes = entry.Architecture;
        if (sizes is { DModel: { } width, Heads: { } heads, Family: not ("gemma2" or "qwen3") }) Assert.Equal(0, width % heads);
        if (sizes is { Image: { } image, Patch: { } patch }) Assert.Equal(image / patch * (image / patch) * (sizes.Frames ?? 1) / (sizes.Tubelet ?? 1) + sizes.Prefix, sizes.Tokens);
        Assert.True(sizes.ImageParameters is null || sizes.Parameters is null || sizes.ImageParameters < sizes.Parameters);
        using var model = Prisma.Models.Outline(entry);
        if (model is null)
        {
            // What is compared with reference tensors can be built.
            Assert.True(sizes.Config is null || !Prisma.Models.IsBuilt(entry));
            Assert.NotEqual(Verified.Golden, entry.Verified);
            return;
        }
        // Packed queries, keys and values carry zeros where the keys have no bias.
        var zeros = sizes.KeyBias != false ? 0 : model.Weights.Where(weight => weight.Name.EndsWith("attn.qkv.bias", StringComparison.Ordinal) && !weight.Name.StartsWith("text.", StringComparison.Ordinal)).Sum(weight => weight.Weight.Count / 3);
        Assert.Equal(sizes.Parameters + zeros, model.ParameterCount);
        var image0 = model.Points.Where(point => point.Site.Path.Part is "" or "vision").ToList();
        Assert.Equal(sizes.Layers ?? 0, image0.Count(point => point.Kind == Site.ResidPost));
    }

    // Dosovitskiy et al. 2020, counted by hand: nothing of the product's own code.
    [Fact]
    public void Plain_vision_transformers_have_as_many_values_as_their_sizes_say()
    {
        var counted = 0;
        foreach (var entry in Registry.Default.Models.Where(model => model.Architecture.Family is "vit" or "timm_vit"))
        {
            var s = entry.Architecture;
            long d = s.DModel!.Value, m = s.DMlp!.Value, p = s.Patch!.Value, patches = (long)(s.Image!.Value / s.Patch.Value) * (s.Image.Value / s.Patch.Value);
            var block = 4 * d * d + 4 * d + 2 * d * m + m + d + 4 * d;
            var head = s.Output is { } classes ? classes * d + classes : 0;
            Assert.Equal(d + (patches + 1) * d + 3 * p * p * d + d + s.Layers!.Value * block + 2 * d + head, s.Parameters);
            counted++;
        }
        Assert.True(counted > 10);
    }

    [Theory]
    [InlineData("openai/clip-vit-base-patch32", 151_277_313)]
    [InlineData("openai/clip-vit-large-patch14", 427_616_513)]
    [InlineData("google/vit-base-patch16-224", 86_567_656)]
    [InlineData("facebook/dinov2-base", 86_580_480 - 768)]  // the mask token
    [InlineData("google/siglip-base-patch16-224", 203_155_970)]
    [InlineData("gpt2", 124_439_808)]
    public void Well_known_counts_are_met(string name, long parameters) => Assert.Equal(parameters, Registry.Default.FindModel(name)!.Architecture.Parameters);

    // open_clip's own table of its models, in millions with two decimals.
    [Theory]
    [InlineData("open-clip:laion/CLIP-ViT-B-16-laion2B-s34B-b88K", 149.62)]
    [InlineData("open-clip:laion/CLIP-ViT-B-32-256x256-DataComp-s34B-b86K", 151.29)]
    [InlineData("open-clip:timm/vit_base_patch16_plus_clip_240.laion400m_e31", 208.38)]
    [InlineData("open-clip:timm/vit_large_patch14_clip_336.openai", 427.94)]
    [InlineData("open-clip:laion/CLIP-ViT-H-14-laion2B-s32B-b79K", 986.11)]
    [InlineData("open-clip:laion/CLIP-ViT-g-14-laion2B-s34B-b88K", 1366.68)]
    [InlineData("open-clip:laion/CLIP-ViT-bigG-14-laion2B-39B-b160k", 2539.57)]
    [InlineData("open-clip:laion/CLIP-ViT-B-32-xlm-roberta-base-laion5B-s13B-b90k", 366.12)]
    [InlineData("open-clip:laion/CLIP-ViT-B-32-roberta-base-laion2B-s12B-b32k", 212.72)]
    [InlineData("open-clip:laion/CLIP-ViT-H-14-frozen-xlm-roberta-large-laion5B-s13B-b90k", 1193.01)]
    [InlineData("open-clip:timm/eva02_base_patch16_clip_224.merged2b_s8b_b131k", 149.69)]
    [InlineData("open-clip:timm/eva02_large_patch14_clip_336.merged2b_s6b_b61k", 428.08)]
    [InlineData("open-clip:timm/eva02_enormous_patch14_plus_clip_224.laion2b_s9b_b144", 5044.89)]
    [InlineData("open-clip:timm/eva_giant_patch14_clip_224.laion400m_s11b_b41k", 1136.44)]
    public void Open_clip_s_table_is_met(string name, double millions) => Assert.Equal(millions, Registry.Default.FindModel(name)!.Architecture.Parameters!.Value / 1e6, 0.006);

    // Of CoCa open_clip's table has the image tower by itself.
    [Theory]
    [InlineData("open-clip:laion/CoCa-ViT-B-32-laion2B-s13B-b90k", 89.16)]
    [InlineData("open-clip:laion/CoCa-ViT-L-14-laion2B-s13B-b90k", 306.72)]
    public void Open_clip_s_table_of_image_towers_is_met(string name, double millions)
    {
        var entry = Registry.Default.FindModel(name)!;
        Assert.Equal(millions, entry.Architecture.ImageParameters!.Value / 1e6, 0.006);
        using var model = Prisma.Models.Outline(entry)!;
        Assert.Equal(entry.Architecture.ImageParameters, model.Weights.Where(weight => weight.Name.StartsWith("vision.", StringComparison.Ordinal)).Sum(weight => weight.Weight.Count));
    }

    [Fact]
    public void All_that_vit_prisma_lists_are_there()
    {
        var listed = Registry.Default.Models.Where(model => model.Prisma is not null).ToList();
        Assert.Equal((86, 43, 26, 17), (listed.Count, listed.Count(model => model.Prisma == "passing"), listed.Count(model => model.Prisma == "failing"), listed.Count(model => model.Prisma == "unlisted")));
        var coders = Registry.Default.Coders.Where(coder => coder.Format == "ViT-Prisma").ToList();
        Assert.Equal((98, 82, 11), (coders.Count, coders.Count(coder => coder.Verified == Verified.Golden), coders.Count(coder => coder.Kind == "transcoder")));
    }

    [Fact]
    public void Every_model_is_named_located_and_described()
    {
        foreach (var model in Registry.Default.Models)
        {
            Assert.True(model.Hub is null ? model.Elsewhere is not null : HubId.TryParse(model.Hub, out _) && model.File is not null, model.Name);
            Assert.True(model is { Preprocessing.Length: > 0, Licence.Length: > 0, Architecture.Source.Length: > 0 }, model.Name);
            Assert.Same(model, Registry.Default.FindModel(model.Name));
            foreach (var alias in model.Aliases) Assert.Same(model, Registry.Default.FindModel(alias));
        }
        foreach (var level in Enum.GetValues<Verified>()) Assert.Contains(level.ToString().ToLowerInvariant(), Registry.Default.Levels);
    }

    [Fact]
    public void Every_coder_has_a_known_format_model_and_place()
    {
        var formats = Coders.Catalog.Formats.Select(format => format.Name).ToHashSet();
        var unknown = new List<string>();
        foreach (var coder in Registry.Default.Coders)
        {
            Assert.Contains(coder.Format, formats);
            Assert.True(coder.Hub is null ? coder.Elsewhere is not null : HubId.TryParse(coder.Hub, out _), coder.Name);
            Assert.Contains(coder.Kind, new[] { "sae", "transcoder" });
            Assert.Contains(coder.Tokens, new[] { "all", "cls", "patches" });
            Assert.Equal(coder.Kind == "transcoder", coder.Writes is not null);
            var model = Registry.Default.FindModel(coder.Model)!;
            if (coder.DIn is { } width && !coder.Hook.Contains("hook_z", StringComparison.Ordinal) && model.Architecture.DModel is { } own) Assert.Equal(own, width);
            foreach (var place in new[] { coder.Hook, coder.Writes }.OfType<string>())
            {
                try
                {
                    if (Site.Parse(place).Path.Layer is >= 0 and var layer) Assert.InRange(layer, 0, model.Architecture.Layers!.Value - 1);
                }
                catch (SiteNotFoundException)
                {
                    unknown.Add(place[(place.IndexOf('.') + 1)..]);
                }
            }
        }
        // Places of a U-net have words of their own.
        Assert.All(unknown, place => Assert.EndsWith("hook_update", place));
    }

    [Fact]
    public void A_repository_and_path_name_the_same_coder_as_its_name()
    {
        var byName = Registry.Default.FindCoder("gemma-scope-2b-pt-res-canonical/layer_0/width_16k/canonical")!;
        Assert.Equal(byName, Registry.Default.FindCoder("google/gemma-scope-2b-pt-res/layer_0/width_16k/average_l0_105"));
        Assert.Equal("blocks.3.hook_resid_post", Registry.Default.FindCoder("Prisma-Multimodal/sae-top_k-64-cls_only-layer_3-hook_resid_post")!.Hook);
        Assert.Null(Registry.Default.FindCoder("google/gemma-scope-2b-pt-res"));
    }

    [Theory]
    [InlineData("""{"levels": {}, "families": {}, "architectures": {}, "models": [{"name": "a"}], "coders": []}""", "missing required")]
    [InlineData("""{"levels": {}, "families": {}, "architectures": {"x": {"family": "f", "source": "s", "colour": 3}}, "models": [], "coders": []}""", "colour")]
    [InlineData("""{"levels": {}, "families": {}, "architectures": {}}""", "is no registry")]
    [InlineData("""{"levels": {}, "families": {}, "architectures": {"x": {"family": "f", "source": "s"}}, "models": [{"name": "a", "architecture": "x", "preprocessing": "", "licence": "", "verified": "golden"}], "coders": []}""", "'f', which is not listed")]
    [InlineData("""[]""", "is no registry")]
    public void A_registry_that_is_none_says_why(string json, string sentence)
    {
        var error = Assert.Throws<OptionsException>(() => Registry.Read(new MemoryStream(Encoding.UTF8.GetBytes(json)), "r.json"));
        Assert.Contains(sentence, error.Message, StringComparison.Ordinal);
    }
}
