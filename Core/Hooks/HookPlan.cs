using System.Collections.Immutable;
using static TorchSharp.torch;

namespace Prisma.Core;

/// <summary>Changes a value on its way. Returns a new tensor or the same one; never writes in place.</summary>
public delegate Tensor Edit(Tensor value, HookSite site);

/// <summary>
/// What one forward pass keeps, edits and where it stops. Immutable: every method returns a new plan, so nothing leaks from one run to
/// the next. Edits at one place compose in the order given; what is kept is what the next layer sees.
/// </summary>
public sealed class HookPlan
{
    private HookPlan(ImmutableArray<Step> steps) => Steps = steps;

    private enum Purpose
    {
        Keep,
        Edit,
        Gradient,
        Give,
        Stop,
    }

    /// <summary>A plan that asks for nothing.</summary>
    public static HookPlan Empty { get; } = new([]);

    /// <summary>Whether the pass records gradients of the model's parameters: for training, never for analysis.</summary>
    public bool IsTraining { get; private init; }

    /// <summary>Whether the pass records the graph from inputs that require gradients, see <see cref="WithInputGradients"/>.</summary>
    public bool RecordsInputs { get; private init; }

    private ImmutableArray<Step> Steps { get; }

    private (HookSite Site, Tensor Stream)? Start { get; init; }

    /// <summary>Keeps the values at these places.</summary>
    public HookPlan Keep(params ReadOnlySpan<HookSite> sites)
    {
        var plan = this;
        foreach (var site in sites) plan = plan.Keep(site, Capture.Whole);
        return plan;
    }

    /// <summary>Keeps the value at a place, cut or converted.</summary>
    public HookPlan Keep(HookSite site, Capture capture) => With(new Step(Purpose.Keep, Selector.Of(site), Capture: capture));

    /// <summary>Keeps a kind of place in a range of blocks: <c>Keep(Site.ResidPost, 3..6)</c>.</summary>
    public HookPlan Keep(SiteKind kind, Range layers, Capture? capture = null) =>
        With(new Step(Purpose.Keep, Selector.Of(kind, layers), Capture: capture ?? Capture.Whole));

    /// <summary>Keeps every place whose name fits a pattern in which <c>*</c> crosses dots: <c>Keep("*.attn.hook_pattern")</c>.</summary>
    public HookPlan Keep(string glob, Capture? capture = null) =>
        With(new Step(Purpose.Keep, Selector.Of(glob), Capture: capture ?? Capture.Whole));

    /// <summary>Keeps every place that fulfils a condition.</summary>
    public HookPlan Keep(Func<HookPoint, bool> where, Capture? capture = null) =>
        With(new Step(Purpose.Keep, Selector.Of(where), Capture: capture ?? Capture.Whole));

    /// <summary>Edits the value at a place.</summary>
    public HookPlan Edit(HookSite site, Edit edit) => With(new Step(Purpose.Edit, Selector.Of(site), Change: edit));

    /// <summary>Edits the values at every place that fulfils a condition.</summary>
    public HookPlan Edit(Func<HookPoint, bool> where, Edit edit) => With(new Step(Purpose.Edit, Selector.Of(where), Change: edit));

    /// <summary>
    /// Keeps these places with their autograd graph, so that <see cref="ActivationCache.Gradients"/> can differentiate by them. The first
    /// of them on each path become leaves: nothing before them is recorded, and parameters never take part.
    /// </summary>
    public HookPlan WithGradients(params ReadOnlySpan<HookSite> sites)
    {
        var plan = this;
        foreach (var site in sites) plan = plan.With(new Step(Purpose.Gradient, Selector.Of(site)));
        return plan;
    }

    /// <summary>
    /// Records the graph from the model's inputs on: an input tensor made a leaf with <c>requires_grad_()</c> can then be differentiated by
    /// (<c>autograd.grad</c> of a number computed from the recording). Parameters never take part.
    /// </summary>
    public HookPlan WithInputGradients() => new(Steps) { IsTraining = IsTraining, RecordsInputs = true, Start = Start };

    /// <summary>
    /// Starts the pass at a block with a stream kept from another pass of the same input: blocks before it in the same part are left out,
    /// the result is the same bit for bit (copies of a stream kept from fewer examples give it to within rounding, as products of other numbers
    /// of rows may be rounded differently). Not for passes with a memory of earlier tokens, which would miss those blocks'.
    /// </summary>
    /// <param name="site">A place at which passes may start, see <see cref="HookPoint.CanStart"/>.</param>
    /// <param name="stream">The value there, as the run's input would have given it. Borrowed while the plan is used.</param>
    public HookPlan StartAt(HookSite site, Tensor stream) => Start is null
        ? Copy(Steps, (site, stream))
        : throw new OptionsException($"The plan starts at {Start.Value.Site} already; a pass has one start.");

    /// <summary>
    /// Gives a place the value that it had in another pass of the same input; edits of the plan come after. What only serves to make it may be
    /// left out (attention, for what its heads read: there the result is the same bit for bit, for as many examples as the other pass had). Not for passes with a memory.
    /// </summary>
    /// <param name="site">The place.</param>
    /// <param name="value">Its value, of the shape that this pass has there. Borrowed while the plan is used.</param>
    public HookPlan Give(HookSite site, Tensor value) => With(new Step(Purpose.Give, Selector.Of(site), Value: value));

    /// <summary>Ends the pass once the value at this place has been handled; outputs behind it do not exist.</summary>
    public HookPlan StopAfter(HookSite site) => With(new Step(Purpose.Stop, Selector.Of(site)));

    /// <summary>The same plan for a training step: parameters that require gradients get them.</summary>
    public HookPlan ForTraining() => new(Steps) { IsTraining = true, RecordsInputs = RecordsInputs, Start = Start };

    /// <summary>Both plans, this one's edits first.</summary>
    public HookPlan And(HookPlan other) => new(Steps.AddRange(other.Steps))
    {
        IsTraining = IsTraining || other.IsTraining,
        RecordsInputs = RecordsInputs || other.RecordsInputs,
        Start = Start is { } start && other.Start is { } second
            ? throw new OptionsException($"Both plans name a start, {start.Site} and {second.Site}; a pass has one.")
            : Start ?? other.Start,
    };

    // Every place named must exist before any work starts.
    internal HookRun Resolve(IReadOnlyList<HookPoint> points, string model)
    {
        if (Steps.IsEmpty && Start is null) return new HookRun(null, RecordsInputs, IsTraining);
        var actions = new PointActions?[points.Count];
        foreach (var step in Steps)
            foreach (var point in step.Selector.Find(points, model))
            {
                var action = actions[point.Order] ??= new PointActions();
                switch (step.Purpose)
                {
                    case Purpose.Keep:
                        action.Keep = step.Capture;
                        break;
                    case Purpose.Edit:
                        action.Edits.Add(step.Change!);
                        break;
                    case Purpose.Gradient:
                        action.Gradient = true;
                        break;
                    case Purpose.Give:
                        action.Given = step.Value;
                        break;
                    default:
                        action.Stop = true;
                        break;
                }
            }
        var start = Start is { } from ? Begin(from.Site, from.Stream, points, actions, model) : null;
        return new HookRun(actions, RecordsInputs || Steps.Any(step => step.Purpose == Purpose.Gradient), IsTraining, start);
    }

    private static HookPoint Begin(HookSite site, Tensor stream, IReadOnlyList<HookPoint> points, PointActions?[] actions, string model)
    {
        var start = Selector.Of(site).Find(points, model)[0];
        if (!start.CanStart)
        {
            var places = string.Join(", ", points.Where(point => point.CanStart).Select(point => point.Site));
            throw new OptionsException($"A pass of {model} cannot start at {start.Site}; it can {(places.Length > 0 ? "at " + places : "start at its input only")}.");
        }
        foreach (var point in points)
            if (point.Order < start.Order && point.Site.Path.Part == start.Site.Path.Part && actions[point.Order] is not null)
                throw new OptionsException($"The plan names {point.Site}, which a pass that starts at {start.Site} does not come to.");
        (actions[start.Order] ??= new PointActions()).Given = stream;
        return start;
    }

    private HookPlan With(Step step) => Copy(Steps.Add(step), Start);

    private HookPlan Copy(ImmutableArray<Step> steps, (HookSite, Tensor)? start) =>
        new(steps) { IsTraining = IsTraining, RecordsInputs = RecordsInputs, Start = start };

    private sealed record Step(Purpose Purpose, Selector Selector, Capture? Capture = null, Edit? Change = null, Tensor? Value = null);
}
