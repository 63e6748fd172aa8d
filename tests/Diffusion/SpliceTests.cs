using Prisma.Core;
using Prisma.Sae;
using TorchSharp;
using static TorchSharp.torch;

namespace Prisma.Tests.Diffusion;

/// <summary>Sparse coders of a U-net's updates: the reference's interventions, and what an edit leaves alone.</summary>
public sealed class SpliceTests : IDisposable
{
    private static readonly HookSite s_update = Site.ModuleUpdate["unet.down_blocks.2.attentions.1"];

    private readonly DiffusionFixture _expected = new();
    private readonly DisposeScope _scope = NewDisposeScope();
    private readonly HookedModel _unet = Models.Load(Fixture.Path("diffusion/unet"));
    private readonly ISparseCoder _sae = Coders.Load(DiffusionFixture.Sae);

    private int Feature => (int)_expected["edit.feature_idx"].item<long>();

    [Fact]
    public void The_coder_reads_updates_as_the_reference_does()
    {
        Assert.Equal([s_update], _sae.Card.Reads);
        var x = _expected["unet.down_blocks.2.attentions.1.diff"].permute(0, 2, 3, 1).contiguous();
        using var codes = _sae.Encode(x);
        _expected.Check("sae.features", _sae.Shaped(codes, x));
        _expected.Check("sae.recon", _sae.Decode(codes, x));
    }

    [Fact]
    public void The_references_interventions_are_reproduced()
    {
        var map = _expected["edit.activation_map"].flatten().data<float>().ToArray();
        Check("add_feature_value2", new SpliceOptions { Edits = [new(Feature, FeatureAction.Add, 2)] });
        Check("add_on_area_turbo", new SpliceOptions { Edits = [new(Feature, FeatureAction.Add) { Values = map }] });
        Check("add_on_area_turbo", new SpliceOptions { Edits = [new(Feature, FeatureAction.Add, 1) { Shares = map }] });
        Check("replace_turbo_value4", new SpliceOptions { Edits = [new(Feature, FeatureAction.Add, 4)], OnlyEdits = true });
        Check("reconstruct", new SpliceOptions { KeepError = false });
        using var ablated = _unet.Run(_expected.Input(999), HookPlan.Empty.Edit(s_update, (value, _) => value.zeros_like()));
        _expected.Check("edit.ablate.unet_out", ablated.Main);
    }

    [Fact]
    public void An_edit_that_changes_nothing_changes_no_bit()
    {
        using var plain = _unet.Run(_expected.Input(999), HookPlan.Empty);
        foreach (var edit in new FeatureEdit[] { new(Feature, FeatureAction.Add, 0), new(Feature, FeatureAction.Scale, 1), new(Feature, FeatureAction.Add, 3) { Shares = new float[16] } })
        {
            using var same = Run(new SpliceOptions { Edits = [edit] });
            Assert.True(same.Main.Equals(plain.Main), edit.ToString());
        }
    }

    [Fact]
    public void Cells_outside_the_mask_keep_their_bits()
    {
        var after = Site.ModuleOut["unet.down_blocks.2.attentions.1"];
        var shares = new float[16];
        (shares[5], shares[6]) = (1, 0.5f);
        using var plain = _unet.Run(_expected.Input(999), HookPlan.Empty.Keep(after));
        var plan = Splice.Into(HookPlan.Empty.Keep(after), _sae, _unet, _expected.Input(999), new SpliceOptions { Edits = [new(Feature, FeatureAction.Add, 2) { Shares = shares }] });
        using var edited = _unet.Run(_expected.Input(999), plan);
        var change = (edited.Cache[after] - plain.Cache[after])[0].flatten(1);
        Assert.Equal(Enumerable.Range(0, 16).Select(cell => cell is 5 or 6), change.ne(0).any(0).data<bool>().ToArray());
        DiffusionFixture.Near("the mask's share", change.select(1, 5), _sae.Directions[Feature] * 2, 1e-4);
        DiffusionFixture.Near("the half share", change.select(1, 6), _sae.Directions[Feature], 1e-4);
    }

    [Fact]
    public void Harvested_rows_are_the_cells_of_one_example_after_another()
    {
        using var folder = new TempFolder();
        var twice = _expected.Input(999).Select(pair => (pair.Key, pair.Value.ndim == 0 ? tensor(new long[] { 999, 100 }) : pair.Value.repeat([2, .. Enumerable.Repeat(1L, (int)pair.Value.ndim - 1)]))).ToList();
        Safetensors.Write(folder["in.safetensors"], twice);
        using var inputs = new TensorInputs(TensorSource.Open(folder["in.safetensors"]));
        var reader = new ActivationReader(_unet, inputs, [s_update], TokenFilter.All, ScalarType.Float32);
        Assert.Equal((16, 28), (reader.RowsPerExample, reader.Columns[0].Width));
        using var batch = new InputBatch([0, 1], inputs.Batch([0, 1]));
        using var rows = reader.Read(batch)[s_update.ToString()];
        DiffusionFixture.Near("first example", rows.narrow(0, 0, 16), _expected["unet.down_blocks.2.attentions.1.diff"].permute(0, 2, 3, 1).reshape(16, 28));
        Assert.False(rows.narrow(0, 0, 16).Equals(rows.narrow(0, 16, 16)));
    }

    [Fact]
    public void Masks_of_another_grid_and_features_that_are_not_there_are_refused()
    {
        Assert.Contains("has values for 9 tokens", Refusal(new FeatureEdit(1, FeatureAction.Add, 1) { Shares = new float[9] }), StringComparison.Ordinal);
        Assert.Contains("no feature 96", Refusal(new FeatureEdit(96, FeatureAction.Ablate)), StringComparison.Ordinal);
        var elsewhere = Assert.Throws<ShapeException>(() => Splice.Into(HookPlan.Empty, Coders.Load(DiffusionFixture.Sae), Models.Catalog.Families.Single(family => family.Name == "vit").Tiny(), randn(1, 3, 16, 16), new SpliceOptions { Reads = Site.ResidPost[0], Writes = Site.ResidPost[0] }));
        Assert.Contains("d_in = 28", elsewhere.Message, StringComparison.Ordinal);
    }

    public void Dispose()
    {
        _scope.Dispose();
        _sae.Dispose();
        _unet.Dispose();
        _expected.Dispose();
    }

    private string Refusal(FeatureEdit edit) => Assert.Throws<OptionsException>(() => Run(new SpliceOptions { Edits = [edit] })).Message;

    private void Check(string name, SpliceOptions options)
    {
        using var recording = Run(options);
        _expected.Check($"edit.{name}.unet_out", recording.Main);
    }

    private Recording Run(SpliceOptions options) => _unet.Run(_expected.Input(999), Splice.Into(HookPlan.Empty, _sae, _unet, _expected.Input(999), options));
}
