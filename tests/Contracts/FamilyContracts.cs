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
        var site = model.Points.First(point => point.Kind == Site.ResidPost).Site;
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
    public void A_small_step_along_the_gradient_raises_the_output_by_its_square(string name)
    {
        using var model = Tiny(name);
        using var inputs = new TinyInput(model);
        var site = model.Points.First(point => point.Kind == Site.ResidPost).Site;
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

    private static Tensor Disturb(Tensor value)
    {
        using var generator = new Generator(3);
        return value * 1.1 + randn(value.shape, generator: generator) * 0.5;
    }

    private static HookedModel Tiny(string name) => Models.Catalog.Families.Single(family => family.Name == name).Tiny();
}
