using Prisma.Circuits;
using Prisma.Core;
using Prisma.Sae;
using static TorchSharp.torch;

namespace Prisma.Tests.Circuits;

public sealed class PatchingTests
{
    [Theory]
    [InlineData(PatchDirection.Denoise)]
    [InlineData(PatchDirection.Noise)]
    public void Patching_a_whole_layer_brings_the_other_run_back_exactly(PatchDirection direction)
    {
        using var scope = NewDisposeScope();
        using var model = Tiny.Vit();
        using var clean = Tiny.Pictures(2);
        using var corrupt = Tiny.Pictures(2, seed: 5);
        foreach (var kind in new[] { Site.ResidPre, Site.ResidPost })
        {
            var table = ActivationPatching.Run(model, clean, corrupt, new PatchGrid(kind, PatchAxes.Layer), new ClassLogit(1), direction);
            Assert.Equal(2, table.RowLabels.Count);
            for (var row = 0; row < 2; row++)
            {
                Assert.Equal(1, table.Share(row, 0), 1e-4);
                for (var k = 0; k < 2; k++) Assert.Equal(table.Donor[k], table.After[row][0][k], 1e-5);
            }
        }
    }

    [Fact]
    public void A_cell_is_what_an_edit_by_hand_gives()
    {
        using var scope = NewDisposeScope();
        using var model = Tiny.Vit();
        using var clean = Tiny.Pictures(3);
        using var corrupt = Tiny.Pictures(3, seed: 5);
        using var kept = model.Run(clean, HookPlan.Empty.Keep(Site.Z[1], Site.MlpPost[0], Site.ResidPre[1], Site.Pattern[0]));
        Tensor ByHand(HookSite site, Func<Tensor, Tensor> part)
        {
            using var run = model.Run(corrupt, HookPlan.Empty.Edit(site, (value, _) =>
            {
                var copy = value.clone();
                part(copy).copy_(part(kept.Cache[site]));
                return copy;
            }));
            return run.Main.select(1, 2).clone();
        }
        float[] Cell(SiteKind kind, PatchAxes axes, int row, int column, int rows) =>
            ActivationPatching.Run(model, clean, corrupt, new PatchGrid(kind, axes), new ClassLogit(2), options: new PatchOptions { Rows = rows }).After[row][column];
        foreach (var rows in new[] { 1, 6, 100 })
        {
            Close.Check("head", tensor(Cell(Site.Z, PatchAxes.LayerHead, 1, 1, rows)), ByHand(Site.Z[1], z => z.select(2, 1)));
            Close.Check("head of a token", tensor(Cell(Site.Z, PatchAxes.HeadToken, 3, 7, rows)), ByHand(Site.Z[1], z => z.select(1, 7).select(1, 1)));
            Close.Check("token", tensor(Cell(Site.ResidPre, PatchAxes.LayerToken, 1, 0, rows)), ByHand(Site.ResidPre[1], x => x.select(1, 0)));
            Close.Check("neuron", tensor(Cell(Site.MlpPost, PatchAxes.LayerUnit, 0, 9, rows)), ByHand(Site.MlpPost[0], x => x.select(2, 9)));
            Close.Check("pattern of a head", tensor(Cell(Site.Pattern, PatchAxes.LayerHead, 0, 1, rows)), ByHand(Site.Pattern[0], a => a.select(1, 1)));
        }
    }

    [Fact]
    public void Shared_prefixes_change_nothing_but_rounding()
    {
        using var scope = NewDisposeScope();
        using var model = Tiny.Vit();
        using var clean = Tiny.Pictures(2);
        using var corrupt = Tiny.Pictures(2, seed: 5);
        var grid = new PatchGrid(Site.Z, PatchAxes.LayerHead);
        var shared = ActivationPatching.Run(model, clean, corrupt, grid, options: new PatchOptions { Rows = 4 });
        var whole = ActivationPatching.Run(model, clean, corrupt, grid, options: new PatchOptions { Rows = 4, SharePrefix = false });
        // Both take their changes in passes of different sizes, and products of different numbers of rows may be summed in different orders.
        foreach (var (want, got) in whole.After.SelectMany(row => row).SelectMany(cell => cell).Zip(shared.After.SelectMany(row => row).SelectMany(cell => cell), (want, got) => (want, got)))
            Assert.Equal(want, got, 1e-5);
        Assert.All(whole.Changes().Cast<double>(), change => Assert.True(Math.Abs(change) > 1e-4));
        Assert.True(shared.Forwards < whole.Forwards);
        Assert.Contains("class", shared.Target, StringComparison.Ordinal);
    }

    [Fact]
    public void Equal_runs_have_nothing_to_patch_and_other_shapes_are_refused()
    {
        using var scope = NewDisposeScope();
        using var model = Tiny.Vit();
        using var clean = Tiny.Pictures(2);
        using var more = Tiny.Pictures(3);
        var grid = new PatchGrid(Site.MlpOut, PatchAxes.LayerToken) { Columns = [0, 3] };
        var table = ActivationPatching.Run(model, clean, clean, grid);
        Assert.Equal(["cls", "0,2"], table.ColumnLabels);
        foreach (var change in table.Changes()) Assert.Equal(0, change, 1e-5);
        Assert.Throws<PrismaException>(() => table.Share(0, 0));
        Assert.Contains("same shape", Assert.Throws<OptionsException>(() => ActivationPatching.Run(model, clean, more, grid)).Message, StringComparison.Ordinal);
        Assert.Throws<OptionsException>(() => ActivationPatching.Run(model, clean, clean, new PatchGrid(Site.MlpOut, PatchAxes.LayerHead)));
        Assert.Throws<OptionsException>(() => ActivationPatching.Run(model, clean, clean, grid with { Columns = [17] }));
        Assert.Throws<NotApplicableException>(() => ActivationPatching.Run(model, clean, clean, grid with { Layers = [2] }));
    }

    [Fact]
    public void Ablating_with_the_mean_of_a_constant_does_nothing_and_zero_does()
    {
        using var scope = NewDisposeScope();
        using var model = Tiny.Vit();
        using var picture = Tiny.Pictures(1);
        using var others = Tiny.Pictures(4, seed: 9);
        var grid = new PatchGrid(Site.Z, PatchAxes.LayerHead);
        foreach (var change in SiteAblation.Effects(model, picture, grid, kind: AblationKind.DataMean, data: [picture, picture]).Changes()) Assert.Equal(0, change, 1e-5);
        Assert.Contains(SiteAblation.Effects(model, picture, grid).Changes().Cast<double>(), change => Math.Abs(change) > 1e-4);
        Assert.Contains(SiteAblation.Effects(model, picture, grid, kind: AblationKind.DataMean, data: [others]).Changes().Cast<double>(), change => Math.Abs(change) > 1e-4);
        Assert.Equal(2, SiteAblation.Effects(model, others, grid, kind: AblationKind.Resample, donors: 3).RowLabels.Count);
        Assert.Throws<OptionsException>(() => SiteAblation.Effects(model, picture, grid, kind: AblationKind.DataMean));
    }

    [Fact]
    public void A_patched_feature_moves_the_stream_along_its_direction()
    {
        using var scope = NewDisposeScope();
        using var model = Tiny.Vit();
        using var clean = Tiny.Pictures(2);
        using var corrupt = Tiny.Pictures(2, seed: 5);
        using var coder = FeatureTests.Coder(TokenScope.Patches);
        var site = Site.ResidPost[0];
        using var own = model.Run(corrupt, HookPlan.Empty.Keep(site));
        using var donor = model.Run(clean, HookPlan.Empty.Keep(site));
        Tensor Feature(Recording run, int feature)
        {
            using var codes = coder.Encode(run.Cache[site].narrow(1, 1, 16));
            return codes.Column(feature).view(2, 16, 1);
        }
        var table = FeaturePatching.Run(model, clean, corrupt, coder, top: 3, target: new ClassLogit(0));
        Assert.Equal(3, table.RowLabels.Count);
        var one = int.Parse(table.RowLabels[0], System.Globalization.CultureInfo.InvariantCulture);
        using var edited = model.Run(corrupt, HookPlan.Empty.Edit(site, (x, _) =>
            x + cat([zeros(2, 1, 16), (Feature(donor, one) - Feature(own, one)) * coder.Directions[one]], 1)));
        Close.Check("feature", tensor(table.After[0][0]), edited.Main.select(1, 0));
        Assert.Throws<OptionsException>(() => FeaturePatching.Run(model, clean, corrupt, coder, [20]));
    }

    [Fact]
    public void On_a_linear_model_attribution_patching_is_patching()
    {
        using var scope = NewDisposeScope();
        using var model = new StreamModel(layers: 2, heads: 2, width: 8, classes: 3).Randomised(1);
        foreach (var block in model.Modules.OfType<Attention>()) block.Qkv.Matrix.Value.narrow(0, 0, 16).zero_();
        using var clean = StreamModel.Streams(3, 5, 8, 1);
        using var corrupt = StreamModel.Streams(3, 5, 8, 2);
        SiteKind[] kinds = [Site.Z, Site.V, Site.MlpOut, Site.MlpIn, Site.ResidPre];
        foreach (var direction in Enum.GetValues<PatchDirection>())
        {
            using var estimate = AttributionPatching.Run(model, clean, corrupt, kinds, new ClassLogit(1), direction);
            foreach (var (kind, axes) in new[] { (Site.Z, PatchAxes.LayerHead), (Site.Z, PatchAxes.HeadToken), (Site.V, PatchAxes.LayerHead), (Site.MlpOut, PatchAxes.LayerToken), (Site.MlpIn, PatchAxes.LayerToken), (Site.ResidPre, PatchAxes.Layer) })
            {
                var exact = ActivationPatching.Run(model, clean, corrupt, new PatchGrid(kind, axes), new ClassLogit(1), direction);
                var (values, rows, columns) = estimate.Table(kind, axes);
                Assert.Equal((exact.RowLabels.Count, exact.ColumnLabels.Count), (rows.Count, columns.Count));
                for (var row = 0; row < rows.Count; row++)
                    for (var column = 0; column < columns.Count; column++)
                        Assert.Equal(exact.Change(row, column), values[row, column], 1e-4);
            }
        }
    }

    [Fact]
    public void The_repair_makes_queries_and_keys_exact_where_only_the_softmax_is_curved()
    {
        using var scope = NewDisposeScope();
        using var model = new StreamModel(layers: 2, heads: 4, width: 8, classes: 3, keyHeads: 2).Randomised(4, deviation: 0.8);
        foreach (var mlp in model.Modules.OfType<Mlp>()) mlp.Out.Matrix.Value.zero_();
        using var clean = StreamModel.Streams(2, 5, 8, 1);
        using var corrupt = StreamModel.Streams(2, 5, 8, 2);
        // Behind the last block's attention everything is linear, so the only error left would be the softmax's.
        foreach (var kind in new[] { Site.Q, Site.K })
        {
            var exact = ActivationPatching.Run(model, clean, corrupt, new PatchGrid(kind, PatchAxes.HeadToken) { Layers = [1] }, new ClassLogit(1), PatchDirection.Noise).Changes();
            double Worst(bool repaired)
            {
                using var estimate = AttributionPatching.Run(model, clean, corrupt, [kind], new ClassLogit(1), options: new AtpOptions { FixAttention = repaired });
                var heads = exact.GetLength(0);
                var all = estimate.Table(kind, PatchAxes.HeadToken).Values;
                return Enumerable.Range(0, exact.Length).Max(k => Math.Abs(exact[k / 5, k % 5] - all[heads + k / 5, k % 5]));
            }
            Assert.True(Worst(repaired: true) < 1e-4, $"{kind.Name}: {Worst(true)}");
            Assert.True(Worst(repaired: false) > 1e-3, $"{kind.Name}: the slope alone is exact, so this test shows nothing");
        }
    }

    [Fact]
    public void Dropping_gradients_finds_an_effect_that_cancels()
    {
        using var scope = NewDisposeScope();
        using var model = new StreamModel(layers: 3, heads: 2, width: 8, classes: 2);
        // Head 0 of block 0 writes 1 → 2; the logit reads 2 directly, and an MLP of block 1 takes the same away again.
        model.Copy(0, 0, from: 1, to: 2);
        model.Neuron(1, 0, from: 2, to: 2, strength: -1);
        model.Head[0, 2].fill_(1);
        using var clean = StreamModel.Streams(1, 4, 8, 1);
        using var corrupt = StreamModel.Streams(1, 4, 8, 2);
        using var plain = AttributionPatching.Run(model, clean, corrupt, [Site.Z], new ClassLogit(0));
        using var dropped = AttributionPatching.Run(model, clean, corrupt, [Site.Z], new ClassLogit(0), options: new AtpOptions { DropGradients = true });
        Assert.Equal(0, plain.Table(Site.Z, PatchAxes.LayerHead).Values[0, 0], 1e-5);
        Assert.True(dropped.Table(Site.Z, PatchAxes.LayerHead).Values[0, 0] > 1e-3);
        Assert.Equal(0, dropped.Table(Site.Z, PatchAxes.LayerHead).Values[0, 1], 1e-6);
    }

    [Fact]
    public void Estimates_rank_layers_of_a_vit_as_patching_does()
    {
        using var scope = NewDisposeScope();
        using var model = Tiny.Vit();
        using var clean = Tiny.Pictures(2);
        var corrupt = clean + Tiny.Pictures(2, seed: 5) * 0.05;
        foreach (var kind in new[] { Site.AttnOut, Site.MlpOut })
        {
            var grid = new PatchGrid(kind, PatchAxes.LayerToken);
            using var estimate = AttributionPatching.Run(model, clean, corrupt, [kind], new ClassLogit(1));
            float[] Flat(double[,] values) => [.. values.Cast<double>().Select(value => (float)value)];
            Assert.True(RankCorrelation.Of(Flat(estimate.Table(kind, PatchAxes.LayerToken).Values), Flat(ActivationPatching.Run(model, clean, corrupt, grid, new ClassLogit(1), PatchDirection.Noise).Changes())) > 0.8);
        }
    }

    [Fact]
    public void Paths_to_an_earlier_receiver_carry_nothing_and_to_the_output_the_direct_effect()
    {
        using var scope = NewDisposeScope();
        using var model = new StreamModel(layers: 2, heads: 2, width: 8, classes: 3).Randomised(3);
        using var clean = StreamModel.Streams(2, 4, 8, 1);
        using var corrupt = StreamModel.Streams(2, 4, 8, 2);
        var early = PathPatching.Run(model, clean, corrupt, [new StreamNode(StreamRole.Query, 0, 1)], [new StreamNode(StreamRole.Head, 0, 0), new StreamNode(StreamRole.Mlp, 1)], new ClassLogit(1));
        foreach (var change in early.Changes()) Assert.Equal(0, change, 1e-6);
        var output = new StreamNode(StreamRole.Output, 2);
        var direct = PathPatching.Run(model, clean, corrupt, [output], target: new ClassLogit(1), freezeMlps: true);
        var kept = HookPlan.Empty.Keep(Site.Result[0], Site.Result[1], Site.MlpOut[0], Site.MlpOut[1], Site.ResidPre[0]);
        using var one = model.Run(clean, kept);
        using var other = model.Run(corrupt, kept);
        double Direct(HookSite site, int? head)
        {
            var change = other.Cache[site] - one.Cache[site];
            if (head is { } h) change = change.select(2, h);
            return change.select(1, 0).matmul(model.Head[1]).mean().item<float>();
        }
        Assert.Equal(["input", "a0.h0", "a0.h1", "m0", "a1.h0", "a1.h1", "m1"], direct.RowLabels);
        double[] byHand = [Direct(Site.ResidPre[0], null), Direct(Site.Result[0], 0), Direct(Site.Result[0], 1), Direct(Site.MlpOut[0], null), Direct(Site.Result[1], 0), Direct(Site.Result[1], 1), Direct(Site.MlpOut[1], null)];
        for (var row = 0; row < byHand.Length; row++) Assert.Equal(byHand[row], direct.Change(row, 0), 1e-4);
    }
}
