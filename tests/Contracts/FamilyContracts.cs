using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Tests.Contracts;

/// <summary>What every family owes, found through the catalog: a new family is tested without a new test.</summary>
public sealed class FamilyContracts
{
    public static TheoryData<string> Families => [.. Models.Catalog.Families.Select(family => family.Name)];

    [Theory, MemberData(nameof(Families))]
    public void Every_place_is_visited_once_in_order(string name)
    {
        using var model = Tiny(name);
        using var inputs = new TinyInput(model);
        var seen = new List<HookSite>();
        using var recording = model.Run(inputs.Input, HookPlan.Empty.Edit(_ => true, (value, site) =>
        {
            seen.Add(site);
            return value;
        }));
        Assert.Equal(model.Points.Select(point => point.Site), seen);
    }

    [Theory, MemberData(nameof(Families))]
    public void Keeping_everything_leaves_the_output_unchanged(string name)
    {
        using var model = Tiny(name);
        using var inputs = new TinyInput(model);
        using var plain = model.Run(inputs.Input);
        using (var cheap = model.Run(inputs.Input, HookPlan.Empty.Keep(point => !point.OnDemand)))
            Assert.True(plain.Equals(cheap.Main), "the output changed by a bit");
        using var all = model.Run(inputs.Input, HookPlan.Empty.Keep("*"));
        Close.Check("with costly places", all.Main, plain);
        Assert.Equal(model.Points.Count, all.Cache.Sites.Count);
    }

    [Theory, MemberData(nameof(Families))]
    public void An_edit_at_every_place_changes_the_output(string name)
    {
        using var model = Tiny(name);
        using var inputs = new TinyInput(model);
        using var plain = model.Run(inputs.Input, HookPlan.Empty);
        var dead = new List<string>();
        foreach (var point in model.Points)
        {
            using var edited = model.Run(inputs.Input, HookPlan.Empty.Edit(point.Site, (value, _) => Disturb(value)));
            if (plain.Outputs.All(output => edited.Outputs[output.Key].Equals(output.Value))) dead.Add(point.Site.ToString());
        }
        Assert.True(dead.Count == 0, $"edits go nowhere at {string.Join(", ", dead)}");
    }

    [Theory, MemberData(nameof(Families))]
    public void Values_have_the_axes_that_their_kind_declares(string name)
    {
        using var model = Tiny(name);
        using var inputs = new TinyInput(model);
        using var recording = model.Run(inputs.Input, HookPlan.Empty.Keep("*"));
        foreach (var site in recording.Cache.Sites)
        {
            var shape = recording.Cache[site].shape;
            Assert.True(shape.Length == site.Kind.Axes.Count, $"{site} has rank {shape.Length}, declared {site.Kind.Axes.Count}");
            for (var k = 0; k < shape.Length; k++)
                if (site.Kind.Axes[k] == Axis.One) Assert.Equal(1, shape[k]);
            Assert.Equal(site, Site.Parse(site.ToString()));
        }
    }

    [Theory, MemberData(nameof(Families))]
    public void Stopping_early_keeps_the_same_value(string name)
    {
        using var model = Tiny(name);
        using var inputs = new TinyInput(model);
        var site = Inner(model);
        using var whole = model.Run(inputs.Input, HookPlan.Empty.Keep(site));
        using var stopped = model.Run(inputs.Input, HookPlan.Empty.Keep(site).StopAfter(site));
        Assert.True(whole.Cache[site].Equals(stopped.Cache[site]));
        Assert.Throws<PrismaException>(() => stopped.Main);
    }

    [Theory, MemberData(nameof(Families))]
    public void A_pass_that_starts_from_a_kept_stream_changes_no_bit(string name)
    {
        using var model = Tiny(name);
        using var inputs = new TinyInput(model);
        if (!model.Points.Any(point => point.CanStart))
        {
            using var nothing = zeros(1);
            Assert.Contains("cannot start", Assert.Throws<OptionsException>(() => model.Run(inputs.Input, HookPlan.Empty.StartAt(model.Points[0].Site, nothing))).Message, StringComparison.Ordinal);
            return;
        }
        using var plain = model.Run(inputs.Input, HookPlan.Empty.Keep(point => point.CanStart));
        foreach (var site in plain.Cache.Sites)
        {
            using var started = model.Run(inputs.Input, HookPlan.Empty.StartAt(site, plain.Cache[site]));
            Assert.All(plain.Outputs, output => Assert.True(started.Outputs[output.Key].Equals(output.Value), $"{output.Key} from {site}"));
            using var doubled = plain.Cache[site] * 2;
            using var other = model.Run(inputs.Input, HookPlan.Empty.StartAt(site, doubled));
            using var edited = model.Run(inputs.Input, HookPlan.Empty.Edit(site, (_, _) => doubled));
            Assert.All(edited.Outputs, output => Assert.True(other.Outputs[output.Key].Equals(output.Value), $"{output.Key} from {site} doubled"));
        }
        var last = plain.Cache.Sites[^1];
        var before = model.Points.Last(point => point.Site.Path.Part == last.Path.Part && point.Order < model.Points.Single(start => start.Site == last).Order).Site;
        Assert.Contains("does not come to", Assert.Throws<OptionsException>(() => model.Run(inputs.Input, HookPlan.Empty.Keep(before).StartAt(last, plain.Cache[last]))).Message, StringComparison.Ordinal);
        Assert.Contains("cannot start", Assert.Throws<OptionsException>(() => model.Run(inputs.Input, HookPlan.Empty.StartAt(before, plain.Cache[last]))).Message, StringComparison.Ordinal);
        Assert.Throws<OptionsException>(() => HookPlan.Empty.StartAt(last, plain.Cache[last]).StartAt(last, plain.Cache[last]));
        using var narrow = plain.Cache[last].narrow(0, 0, 1);
        Assert.Throws<ShapeException>(() => model.Run(inputs.Input, HookPlan.Empty.StartAt(last, narrow)));
    }

    [Theory, MemberData(nameof(Families))]
    public void Values_given_from_another_pass_change_no_bit_and_take_edits(string name)
    {
        using var model = Tiny(name);
        using var inputs = new TinyInput(model);
        if (!model.Points.Any(point => point.Kind == Site.Z)) return;
        using var plain = model.Run(inputs.Input, HookPlan.Empty.Keep(point => point.Kind == Site.Z));
        foreach (var site in plain.Cache.Sites)
        {
            using var given = model.Run(inputs.Input, HookPlan.Empty.Give(site, plain.Cache[site]));
            Assert.All(plain.Outputs, output => Assert.True(given.Outputs[output.Key].Equals(output.Value), $"{output.Key} from {site}"));
            static Tensor Doubled(Tensor value, HookSite site) => value * 2;
            using var both = model.Run(inputs.Input, HookPlan.Empty.Give(site, plain.Cache[site]).Edit(site, Doubled));
            using var edited = model.Run(inputs.Input, HookPlan.Empty.Edit(site, Doubled));
            Assert.All(edited.Outputs, output => Assert.True(both.Outputs[output.Key].Equals(output.Value), $"{output.Key} from {site} doubled"));
            using var narrow = plain.Cache[site].narrow(1, 0, 1);
            if (plain.Cache[site].shape[1] > 1) Assert.Throws<ShapeException>(() => model.Run(inputs.Input, HookPlan.Empty.Give(site, narrow)));
        }
    }

    [Theory, MemberData(nameof(Families))]
    public void A_small_step_along_the_gradient_raises_the_output_by_its_square(string name)
    {
        using var model = Tiny(name);
        using var inputs = new TinyInput(model);
        var site = Inner(model);
        using var scope = NewDisposeScope();
        using var recording = model.Run(inputs.Input, HookPlan.Empty.WithGradients(site));
        var metric = recording.Main.to(float64).square().sum();
        using var gradients = recording.Cache.Gradients(metric);
        var gradient = gradients[site];
        var step = 1e-3 / Math.Max(1e-6, gradient.norm().item<float>());
        using var moved = model.Run(inputs.Input, HookPlan.Empty.Edit(site, (value, _) => value + gradient * step));
        var predicted = gradient.to(float64).square().sum().item<double>() * step;
        var measured = moved.Main.to(float64).square().sum().item<double>() - metric.item<double>();
        Assert.True(Math.Abs(measured / predicted - 1) < 0.05, $"predicted {predicted:g4}, measured {measured:g4}");
    }

    [Theory, MemberData(nameof(Families))]
    public void Edits_that_change_nothing_leave_the_output_as_it_was(string name)
    {
        using var model = Tiny(name);
        using var inputs = new TinyInput(model);
        using var plain = model.Run(inputs.Input, HookPlan.Empty);
        using (var cheap = model.Run(inputs.Input, HookPlan.Empty.Edit(point => !point.OnDemand, (value, _) => value)))
            Assert.All(plain.Outputs, output => Assert.True(cheap.Outputs[output.Key].Equals(output.Value), $"{output.Key} changed by a bit"));
        using var all = model.Run(inputs.Input, HookPlan.Empty.Edit(_ => true, (value, _) => value));
        Assert.All(plain.Outputs, output => Close.Check(output.Key, all.Outputs[output.Key], output.Value));
    }

    [Theory, MemberData(nameof(Families))]
    public void Examples_of_a_batch_do_not_see_each_other(string name)
    {
        using var scope = NewDisposeScope();
        using var model = Tiny(name);
        using var inputs = new TinyInput(model);
        using var together = model.Run(inputs.Input, HookPlan.Empty);
        for (var k = 0; k < 2; k++)
        {
            var one = new ModelInput();
            foreach (var (input, value) in inputs.Input) one.Add(input, value.narrow(0, k, 1));
            using var alone = model.Run(one, HookPlan.Empty);
            foreach (var (output, value) in together.Outputs)
                if (!output.StartsWith("logits_per", StringComparison.Ordinal)) Close.Check($"{output} of example {k}", alone.Outputs[output][0], value[k], 1e-4);
        }
    }

    [Theory, MemberData(nameof(Families))]
    public void What_blocks_write_adds_up_to_the_stream_and_attention_rows_sum_to_one(string name)
    {
        using var scope = NewDisposeScope();
        using var model = Tiny(name);
        using var inputs = new TinyInput(model);
        using var run = model.Run(inputs.Input, HookPlan.Empty.Keep(point => !point.OnDemand));
        foreach (var site in run.Cache.Sites.Where(site => site.ToString().EndsWith("pattern", StringComparison.Ordinal)))
            Assert.True((run.Cache[site].to(float64).sum(-1L) - 1).abs().max().item<double>() < 1e-5, $"{site}: rows do not sum to 1");
        foreach (var before in run.Cache.Sites.Where(site => site.Kind == Site.ResidPre))
        {
            var (layer, part) = (before.Path.Layer, before.Path.Part);
            Tensor? At(SiteKind kind) => run.Cache.Contains(kind[layer].In(part)) ? run.Cache[kind[layer].In(part)] : null;
            if (At(Site.AttnOut) is not { } attention || At(Site.ResidPost) is not { } after) continue;
            var (stream, mlp) = (run.Cache[before], At(Site.MlpOut));
            if (At(Site.TemporalOut) is { } temporal) stream = cat([stream.narrow(1, 0, stream.shape[1] - temporal.shape[1]), stream.narrow(1, stream.shape[1] - temporal.shape[1], temporal.shape[1]) + temporal], 1);
            if (At(Site.ResidMid) is { } middle) Close.Check($"{name}: {before} + attention", stream + attention, middle, 1e-4);
            Close.Check($"{name}: {before} + attention + MLP", mlp is null ? stream + attention : stream + attention + mlp, after, 1e-4);
        }
    }

    private static Tensor Disturb(Tensor value)
    {
        using var generator = new Generator(3);
        return value * 1.1 + randn(value.shape, generator: generator) * 0.5;
    }

    // A place in the middle: the stream behind the first block, or what the last module on a picture's cells reads.
    private static HookSite Inner(HookedModel model) =>
        (model.Points.FirstOrDefault(point => point.Kind == Site.ResidPost) ?? model.Points.Last(point => point.Kind == Site.ModuleIn)).Site;

    private static HookedModel Tiny(string name) => Models.Catalog.Families.Single(family => family.Name == name).Tiny();
}
