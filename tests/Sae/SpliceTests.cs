using Prisma.Core;
using Prisma.Sae;
using static TorchSharp.torch;

namespace Prisma.Tests.Sae;

/// <summary>Laws of coders inside a model: true for random weights.</summary>
public sealed class SpliceTests : IDisposable
{
    private const int Width = 16;
    private static readonly HookSite s_site = Site.ResidPost[0];
    private readonly HookedModel _model = Models.Catalog.Families.Single(family => family.Name == "vit").Tiny();
    private readonly TinyInput _inputs;

    public SpliceTests() => _inputs = new TinyInput(_model);

    private ModelInput Input => _inputs.Input;

    public void Dispose()
    {
        _inputs.Dispose();
        _model.Dispose();
    }

    [Fact]
    public void With_the_error_kept_the_output_is_the_same_bit_for_bit()
    {
        using var scope = NewDisposeScope();
        using var coder = Coder();
        using var plain = _model.Run(Input, HookPlan.Empty.Keep(s_site));
        using var spliced = _model.Run(Input, Splice.Into(HookPlan.Empty, coder, _model, Input).Keep(s_site));
        Assert.True(plain.Main.Equals(spliced.Main));
        Assert.True(plain.Cache[s_site].Equals(spliced.Cache[s_site]));
    }

    [Fact]
    public void An_edit_that_changes_nothing_leaves_the_output_bit_for_bit()
    {
        using var scope = NewDisposeScope();
        using var coder = Coder();
        var plan = Splice.Into(HookPlan.Empty, coder, _model, Input, new SpliceOptions { Edits = [new FeatureEdit(3, FeatureAction.Scale, 1), new FeatureEdit(4, FeatureAction.Add, 0)] });
        using var plain = _model.Run(Input);
        using var spliced = _model.Run(Input, plan);
        Assert.True(plain.Equals(spliced.Main));
    }

    [Fact]
    public void Without_the_error_the_prediction_takes_the_place()
    {
        using var scope = NewDisposeScope();
        using var coder = Coder();
        using var plain = _model.Run(Input, HookPlan.Empty.Keep(s_site));
        using var spliced = _model.Run(Input, Splice.Into(HookPlan.Empty, coder, _model, Input, new SpliceOptions { KeepError = false }).Keep(s_site));
        using var codes = coder.Encode(plain.Cache[s_site]);
        Close.Check("prediction", spliced.Cache[s_site], coder.Decode(codes, plain.Cache[s_site]));
        Assert.False(plain.Main.Equals(spliced.Main));
    }

    [Theory]
    [InlineData(FeatureAction.Ablate, 0)]
    [InlineData(FeatureAction.Set, 2.5)]
    [InlineData(FeatureAction.Scale, -0.5)]
    [InlineData(FeatureAction.Add, 1.25)]
    public void An_edit_adds_its_change_along_the_features_direction(FeatureAction action, double value)
    {
        using var scope = NewDisposeScope();
        using var coder = Coder();
        using var plain = _model.Run(Input, HookPlan.Empty.Keep(s_site));
        var plan = Splice.Into(HookPlan.Empty, coder, _model, Input, new SpliceOptions { Edits = [new FeatureEdit(7, action, value)] });
        using var edited = _model.Run(Input, plan.Keep(s_site));
        var x = plain.Cache[s_site];
        using var codes = coder.Encode(x);
        var before = codes.Column(7).reshape(x.shape[0], x.shape[1], 1);
        var after = action switch
        {
            FeatureAction.Ablate => before * 0,
            FeatureAction.Set => before * 0 + value,
            FeatureAction.Scale => before * value,
            _ => before + value,
        };
        Close.Check("edited", edited.Cache[s_site], x + (after - before) * coder.Directions[7]);
        Assert.False(edited.Main.Equals(plain.Main));
    }

    [Fact]
    public void An_edit_of_chosen_tokens_leaves_the_others_alone()
    {
        using var scope = NewDisposeScope();
        using var coder = Coder();
        using var plain = _model.Run(Input, HookPlan.Empty.Keep(s_site));
        var plan = Splice.Into(HookPlan.Empty, coder, _model, Input, new SpliceOptions { Edits = [new FeatureEdit(7, FeatureAction.Add, 3) { Tokens = [2, 5] }] });
        using var edited = _model.Run(Input, plan.Keep(s_site));
        var changed = edited.Cache[s_site].ne(plain.Cache[s_site]).any(2);
        for (var token = 0; token < changed.shape[1]; token++)
            Assert.Equal(token is 2 or 5, changed.select(1, token).any().item<bool>());
    }

    [Theory]
    [InlineData(TokenScope.Cls)]
    [InlineData(TokenScope.Patches)]
    public void A_coder_touches_only_the_tokens_that_it_was_trained_on(TokenScope tokens)
    {
        using var scope = NewDisposeScope();
        using var coder = Coder(new Provenance { Scope = tokens });
        using var plain = _model.Run(Input, HookPlan.Empty.Keep(s_site));
        using var spliced = _model.Run(Input, Splice.Into(HookPlan.Empty, coder, _model, Input, new SpliceOptions { KeepError = false }).Keep(s_site));
        var changed = spliced.Cache[s_site].ne(plain.Cache[s_site]).any(2).any(0);
        for (var token = 0; token < changed.shape[0]; token++)
            Assert.Equal((token == 0) == (tokens == TokenScope.Cls), changed[token].item<bool>());
    }

    [Fact]
    public void A_transcoder_reads_at_one_place_and_writes_at_another()
    {
        using var scope = NewDisposeScope();
        var (reads, writes) = (Site.Ln2Normalized[1], Site.MlpOut[1]);
        using var coder = Coder(reads: reads, writes: writes);
        using var plain = _model.Run(Input, HookPlan.Empty.Keep(reads, writes));
        using var kept = _model.Run(Input, Splice.Into(HookPlan.Empty, coder, _model, Input));
        using var replaced = _model.Run(Input, Splice.Into(HookPlan.Empty, coder, _model, Input, new SpliceOptions { KeepError = false }).Keep(writes));
        using var codes = coder.Encode(plain.Cache[reads]);
        Assert.True(plain.Main.Equals(kept.Main));
        Close.Check("prediction", replaced.Cache[writes], coder.Decode(codes, plain.Cache[reads]));
    }

    [Fact]
    public void Another_models_name_needs_force()
    {
        using var scope = NewDisposeScope();
        using var coder = Coder(new Provenance { ModelName = "open-clip:laion/CLIP-ViT-B-32-DataComp.XL-s13B-b90K" });
        var error = Assert.Throws<OptionsException>(() => Splice.Into(HookPlan.Empty, coder, _model, Input));
        Assert.Contains("--force", error.Message, StringComparison.Ordinal);
        using var forced = _model.Run(Input, Splice.Into(HookPlan.Empty, coder, _model, Input, new SpliceOptions { Force = true }));
        using var same = Coder(new Provenance { ModelName = $"timm/{_model.Card.Name.ToUpperInvariant()}" });
        Assert.NotNull(Splice.Into(HookPlan.Empty, same, _model, Input));
    }

    [Fact]
    public void A_width_or_place_that_does_not_fit_is_refused_before_running()
    {
        using var scope = NewDisposeScope();
        using var wide = Toy.Random(24, 8, Card());
        Assert.Contains("d_in = 24", Assert.Throws<ShapeException>(() => Splice.Into(HookPlan.Empty, wide, _model, Input)).Message, StringComparison.Ordinal);
        using var deep = Toy.Random(Width, 8, Card(Site.ResidPost[11]));
        Assert.Contains("blocks.1.hook_resid_post", Assert.Throws<SiteNotFoundException>(() => Splice.Into(HookPlan.Empty, deep, _model, Input)).Message, StringComparison.Ordinal);
        using var nowhere = Toy.Random(Width, 8);
        Assert.Throws<OptionsException>(() => Splice.Into(HookPlan.Empty, nowhere, _model, Input));
        using var coder = Coder();
        Assert.Throws<OptionsException>(() => Splice.Into(HookPlan.Empty, coder, _model, Input, new SpliceOptions { Edits = [new FeatureEdit(9999, FeatureAction.Ablate)] }));
    }

    [Fact]
    public void An_unprefixed_place_of_a_vision_library_means_the_vision_tower()
    {
        using var scope = NewDisposeScope();
        var family = Models.Catalog.Families.First(one => one.Name == "clip");
        using var model = family.Tiny();
        using var inputs = new TinyInput(model);
        using var probe = model.Run(inputs.Input, HookPlan.Empty.Keep(s_site.In(Part.Vision)));
        var width = (int)probe.Cache[s_site.In(Part.Vision)].shape[^1];
        using var vision = Toy.Random(width, 8, Card(origin: new Provenance { DefaultPart = Part.Vision }));
        Assert.Equal(s_site.In(Part.Vision), CoderPlacement.Of(vision, model, inputs.Input).Reads);
        using var open = Toy.Random(width, 8, Card());
        Assert.Throws<SiteNotFoundException>(() => CoderPlacement.Of(open, model, inputs.Input));
    }

    [Theory]
    [InlineData("blocks.1.hook_mlp_out:12=ablate", FeatureAction.Ablate, 0)]
    [InlineData("blocks.1.hook_mlp_out:12=add -2.5", FeatureAction.Add, -2.5)]
    [InlineData("blocks.1.hook_mlp_out:12=set 4e1", FeatureAction.Set, 40)]
    public void Edits_read_from_text(string text, FeatureAction action, double value) =>
        Assert.Equal((Site.MlpOut[1], new FeatureEdit(12, action, value)), FeatureEdit.Parse(text));

    [Theory]
    [InlineData("blocks.1.hook_mlp_out:12=ablate 3")]
    [InlineData("blocks.1.hook_mlp_out:12=set")]
    [InlineData("blocks.1.hook_mlp_out:-1=set 3")]
    [InlineData("blocks.1.hook_mlp_out:12=add nan")]
    [InlineData("12=add 1")]
    public void Other_texts_are_no_edits(string text) => Assert.Throws<OptionsException>(() => FeatureEdit.Parse(text));

    private static StandardCoder Coder(Provenance? origin = null, HookSite? reads = null, HookSite? writes = null) =>
        Toy.Random(Width, 40, Card(reads, writes, origin));

    private static CoderCard Card(HookSite? reads = null, HookSite? writes = null, Provenance? origin = null) => Toy.Card("standard") with
    {
        Reads = [reads ?? s_site],
        Writes = [writes ?? reads ?? s_site],
        Origin = origin ?? new Provenance(),
    };
}
