using Prisma.Circuits;
using Prisma.Core;
using Prisma.Vision;
using static TorchSharp.torch;

namespace Prisma.Tests.Circuits;

public sealed class HeadTests
{
    private static readonly TokenLayout s_layout = TokenLayout.Picture(1, 4, 4, 4);

    [Theory]
    [InlineData("class")]
    [InlineData("self")]
    [InlineData("neighbour")]
    [InlineData("corner")]
    [InlineData("sink")]
    [InlineData("row")]
    [InlineData("column")]
    [InlineData("local")]
    [InlineData("border")]
    [InlineData("positional")]
    [InlineData("content")]
    public void Patterns_of_each_kind_get_its_name(string kind)
    {
        using var scope = NewDisposeScope();
        using var generator = new Generator(3);
        var patterns = stack(Enumerable.Range(0, 6).Select(_ => Pattern(kind, generator))).unsqueeze(1);
        var head = Assert.Single(HeadProfiles.Of(patterns, s_layout));
        Assert.True(kind == head.Kind, $"{head}");
        Assert.Contains(kind, HeadKinds.Rules.Select(rule => rule.Kind));
    }

    [Fact]
    public void Even_attention_is_the_unit_of_every_measure()
    {
        using var scope = NewDisposeScope();
        var head = HeadProfiles.Of(ones(2, 1, 17, 17) / 17, s_layout)[0];
        foreach (var (value, expected) in new[] { (head.ToPrefix, 1 / 17.0), (head.PrefixEntropy, 1.0), (head.Self, 1 / 17.0), (head.Distance, 1.0), (head.NeighbourShare, 1 / 17.0), (head.Corner, 16 / 17.0), (head.Border, 16 / 17.0), (head.Positional, 1.0) })
            Assert.Equal(expected, value, 1e-3);
    }

    [Fact]
    public void Batches_of_a_vit_give_the_profiles_of_all_pictures()
    {
        using var scope = NewDisposeScope();
        using var model = Tiny.Vit();
        using var pictures = Tiny.Pictures(5);
        var together = HeadProfiles.Measure(model, [pictures]);
        var apart = HeadProfiles.Measure(model, [pictures.narrow(0, 0, 2), pictures.narrow(0, 2, 3)]);
        Assert.Equal([(0, 0), (0, 1), (1, 0), (1, 1)], together.Select(head => (head.Layer, head.Head)));
        foreach (var (one, other) in together.Zip(apart))
        {
            Assert.Equal(one.Distance, other.Distance, 1e-5);
            Assert.Equal(one.Positional, other.Positional, 1e-5);
            Assert.Equal(one.PrefixEntropy, other.PrefixEntropy, 1e-5);
        }
    }

    [Fact]
    public void Heads_of_clips_are_told_by_the_step_they_look_at()
    {
        using var scope = NewDisposeScope();
        var layout = new TokenLayout(1, 4, 2, 2, 4, 4);
        Tensor Pattern(Func<(int Frame, int Row, int Column), (int Frame, int Row, int Column), bool> looks)
        {
            var pattern = zeros(17, 17);
            pattern[0, 0].fill_(1);
            for (var q = 1; q < 17; q++)
                for (var s = 1; s < 17; s++)
                    if (looks(layout.PlaceOf(q)!.Value, layout.PlaceOf(s)!.Value)) pattern[q, s].fill_(1);
            // What has nowhere to look looks at itself.
            for (var q = 1; q < 17; q++)
                if (pattern[q].sum().item<float>() == 0) pattern[q, q].fill_(1);
            return pattern / pattern.sum([1L], keepdim: true);
        }
        var patterns = stack([
            Pattern((q, s) => s.Frame == q.Frame - 1), Pattern((q, s) => s.Frame == q.Frame + 1), Pattern((q, s) => s.Frame == q.Frame),
            Pattern((q, s) => s.Frame != q.Frame && (s.Row, s.Column) == (q.Row, q.Column)), Pattern((_, _) => true)]).unsqueeze(0);
        var heads = FrameHeads.Of(patterns, layout);
        Assert.Equal(["previous-frame", "next-frame", "same-frame", "same-place", "all-frames"], heads.Select(head => head.Kind));
        Assert.Equal((1, 1, 1), (heads[0].Previous, heads[1].Next, heads[2].Same));
        Assert.Equal(1, heads[4].Distance, 1e-5);
        Assert.Equal(0.25, heads[4].Same, 1e-5);
        Assert.All(FrameHeads.Of(cat([patterns, patterns], 0), layout).Zip(heads), pair => Assert.Equal(pair.Second.Distance, pair.First.Distance, 1e-6));
    }

    [Fact]
    public void A_page_holds_the_attention_of_every_head_and_loads_nothing()
    {
        using var scope = NewDisposeScope();
        using var model = Tiny.Vit();
        using var picture = Tiny.Pictures(1);
        using var folder = new TempFolder();
        var original = RgbImage.Filled(20, 16, 200, 10, 10);
        AttentionPage.Write(folder["attention.html"], model, picture, original, new ImageGeometry(20, 16, 20, 16, 2, 0, 16, 16), "a <red> wall", "made by a test");
        var page = File.ReadAllText(folder["attention.html"]);
        var layout = model.LayoutOf(picture)!;
        var sites = new[] { Site.Pattern[0], Site.Pattern[1] };
        using var run = model.Run(picture, HookPlan.Empty.Keep(sites));
        Assert.Equal(sites.Sum(site => (int)run.Cache[site].shape[1]), page.Split("<canvas").Length - 1);
        Assert.Equal(layout.GridTokens, page.Split("<rect").Length - 1);
        Assert.Contains("viewBox=\"2.00 0.00 16.00 16.00\"", page, StringComparison.Ordinal);
        Assert.Contains("a &lt;red&gt; wall", page, StringComparison.Ordinal);
        foreach (var outside in new[] { "http:", "https:", "src=\"/", "@import" }) Assert.DoesNotContain(outside, page, StringComparison.Ordinal);
        // The numbers come back: shares of the first head, of the largest over patches of each row.
        var packed = page[(page.IndexOf("const heads=[[\"", StringComparison.Ordinal) + 15)..].Split('"');
        var (shares, sides) = (Convert.FromBase64String(packed[0]), System.Runtime.InteropServices.MemoryMarshal.Cast<byte, float>(Convert.FromBase64String(packed[2])).ToArray());
        var pattern = Tiny.Values(run.Cache[sites[0]][0, 0]);
        for (var q = 0; q < layout.Tokens; q++)
            for (var k = 0; k < layout.GridTokens; k++)
                Assert.Equal(pattern[q * layout.Tokens + layout.Prefix + k], shares[q * layout.GridTokens + k] / 255.0 * sides[q], 0.003);
        Assert.Equal(pattern[0], sides[layout.Tokens], 1e-5);
    }

    [Fact]
    public void Hand_made_patterns_of_token_heads_score_one()
    {
        using var scope = NewDisposeScope();
        var ids = tensor([5L, 3, 9, 5, 3, 9]);
        Assert.Equal([0f, 0, 0, 0, 0, 0], TokenHeads.PreviousToken(ids)[0].data<float>().ToArray());
        Assert.Equal([0f, 0, 1, 0, 0, 0], TokenHeads.PreviousToken(ids)[3].data<float>().ToArray());
        Assert.Equal([1f, 0, 0, 0, 0, 0], TokenHeads.Duplicates(ids)[3].data<float>().ToArray());
        // At the second 5 an induction head looks at what followed the first: 3.
        Assert.Equal([0f, 1, 0, 0, 0, 0], TokenHeads.Induction(ids)[3].data<float>().ToArray());
        foreach (var detection in new[] { TokenHeads.PreviousToken(ids), TokenHeads.Duplicates(ids), TokenHeads.Induction(ids) })
            Assert.Equal(1, TokenHeads.Score(detection.unsqueeze(0), detection).item<float>(), 1e-6);
        var even = ones(1, 6, 6).tril();
        Assert.Equal(5 / 21f, TokenHeads.Score(even, TokenHeads.PreviousToken(ids)).item<float>(), 1e-5);
    }

    [Fact]
    public void Token_heads_are_measured_on_a_text_model()
    {
        using var scope = NewDisposeScope();
        using var model = Models.Catalog.Families.Single(family => family.Name == "clip_text").Tiny();
        using var ids = tensor([1L, 2, 3, 4, 5, 6, 7, 2, 3, 4, 5, 6, 7, 1], [2, 7]);
        var (previous, duplicate, induction) = TokenHeads.Measure(model, ids);
        Assert.Equal(previous.shape, induction.shape);
        Assert.True(previous.min().item<float>() > 0 && previous.max().item<float>() < 1);
        Assert.Equal(0, duplicate[0, 0].item<float>());
    }

    [Fact]
    public void Factored_matrices_do_what_dense_ones_do()
    {
        using var scope = NewDisposeScope();
        using var generator = new Generator(4);
        Tensor Random(long rows, long columns) => randn(rows, columns, generator: generator);
        using var one = new FactoredMatrix(Random(6, 2), Random(2, 5));
        using var other = new FactoredMatrix(Random(5, 3), Random(3, 4));
        Close.Check("norm", tensor(one.Norm()), one.ToDense().norm().to(float64));
        using var product = one.Times(other);
        Close.Check("product", product.ToDense(), one.ToDense().matmul(other.ToDense()), 1e-4);
        Assert.Equal(2, product.A.shape[1]);
        using var turned = one.Transposed();
        Close.Check("transpose", turned.ToDense(), one.ToDense().t());
        var x = Random(3, 6);
        Close.Check("rows", one.Apply(x), x.matmul(one.ToDense()), 1e-4);
        var (u, s, vh) = one.Svd();
        Close.Check("svd", (u * s).matmul(vh), one.ToDense(), 1e-4);
        var (_, dense, _) = linalg.svd(one.ToDense(), fullMatrices: false);
        Close.Check("singular values", s, dense.narrow(0, 0, 2), 1e-4);
        Assert.Throws<ShapeException>(() => new FactoredMatrix(Random(2, 3), Random(2, 3)));
    }

    [Fact]
    public void Composition_is_the_worked_example_and_zero_without_overlap()
    {
        using var scope = NewDisposeScope();
        using var a = new FactoredMatrix(Tiny.G(4, 4, 20), eye(4, dtype: float64));
        using var b = new FactoredMatrix(eye(4, dtype: float64), Tiny.G(4, 4, 21));
        Assert.Equal(0.452543, Composition.Score(a, b), 1e-6);
        using var up = new FactoredMatrix(ones(4, 1), tensor([1f, 0, 0, 0], [1, 4]));
        using var down = new FactoredMatrix(tensor([0f, 1, 0, 0], [4, 1]), ones(1, 4));
        Assert.Equal(0, Composition.Score(up, down));
    }

    [Fact]
    public void Heads_that_were_wired_together_compose_most()
    {
        using var scope = NewDisposeScope();
        using var model = new StreamModel(layers: 2, heads: 4, width: 8, classes: 2);
        model.Copy(0, 1, from: 1, to: 2);
        model.Copy(1, 2, from: 2, to: 3);
        model.Copy(0, 0, from: 1, to: 5);
        var (scores, heads, _) = Composition.Of(model, CompositionKind.Value, samples: 0);
        Assert.Equal("L1H2", heads[6]);
        Assert.Equal(1, scores[1, 6], 1e-6);
        Assert.Equal(0, scores[0, 6], 1e-6);
        Assert.True(double.IsNaN(scores[6, 1]));
        var vit = new VitFamily().Tiny();
        using (vit)
            foreach (var kind in Enum.GetValues<CompositionKind>())
            {
                var (all, _, baseline) = Composition.Of(vit, kind, samples: 20);
                Assert.InRange(baseline, 0.1, 0.9);
                Assert.InRange(all[0, 2] + baseline, 0, 1);
            }
    }

    [Fact]
    public void Ov_is_what_a_head_writes_for_what_it_sees()
    {
        using var scope = NewDisposeScope();
        using var model = new StreamModel(layers: 1, heads: 4, width: 8, classes: 2, keyHeads: 2).Randomised(3);
        var attention = model.InBlocks<Attention>().Single().Module;
        using var stream = StreamModel.Streams(1, 3, 8, 5);
        using var run = model.Run(stream, HookPlan.Empty.Keep(Site.Result[0], Site.Pattern[0], Site.AttnScores[0]));
        using var ov = HeadCircuits.Ov(attention, 3);
        Close.Check("OV", run.Cache[Site.Result[0]].select(2, 3)[0], run.Cache[Site.Pattern[0]][0][3].matmul(ov.Apply(stream[0])), 1e-4);
        using var qk = HeadCircuits.Qk(attention, 3);
        Close.Check("QK", run.Cache[Site.AttnScores[0]][0][3], qk.Apply(stream[0]).matmul(stream[0].t()) / Math.Sqrt(attention.HeadWidth), 1e-4);
        Assert.Throws<OptionsException>(() => HeadCircuits.Ov(attention, 4));
    }

    // [17, 17] with a class token and 4×4 patches; some noise, so that content heads differ from picture to picture.
    private static Tensor Pattern(string kind, Generator generator)
    {
        var rows = new float[17 * 17];
        var noise = rand([17 * 17], generator: generator).data<float>().ToArray();
        for (var query = 0; query < 17; query++)
            for (var key = 0; key < 17; key++)
            {
                var (q, k) = (query - 1, key - 1);
                var (down, right) = (k / 4 - q / 4, k % 4 - q % 4);
                var patches = query > 0 && key > 0;
                var fits = kind switch
                {
                    "class" => key == 0,
                    "self" => query == key,
                    "neighbour" => patches && (down, right) == (0, -1),
                    "corner" => patches && k is 0 or 3 or 12 or 15,
                    "sink" => key == 6,
                    "row" => patches && down == 0 && q != k,
                    "column" => patches && right == 0 && q != k,
                    "local" => patches && Math.Abs(down) <= 1 && Math.Abs(right) <= 1,
                    "border" => patches && (k < 4 || k >= 12 || k % 4 is 0 or 3),
                    _ => false,
                };
                var weight = kind switch { "content" => noise[query * 17 + key] > 0.85 ? 1f : 0.01f, "positional" => 0.05f + (query * 7 + key * 3) % 5, _ => fits ? 1f : 0.002f };
                rows[query * 17 + key] = weight;
            }
        using var scope = NewDisposeScope();
        var raw = tensor(rows, [17, 17]);
        return (raw / raw.sum([1L], keepdim: true)).MoveToOuterDisposeScope();
    }
}
