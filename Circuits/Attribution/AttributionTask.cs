using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Circuits;

/// <summary>One question to one method: model, input, target and options, with what every method needs to know about them.</summary>
public sealed class AttributionTask
{
    private readonly string _method;
    private string? _picture;

    internal AttributionTask(string method, HookedModel model, ModelInput input, Target target, AttributionOptions options)
    {
        (_method, Model, Input, Target, Options) = (method, model, input, target, options);
        Layout = model.LayoutOf(input) ?? throw NotApplicable($"the tokens of {model.Card.Name} have no place in a picture");
        Part = FindPart();
        Blocks = BlocksOf(Part);
        Stacks = model is IStepwiseVideo video && Part == video.StepPart ? [this, new AttributionTask(this, video.ClipPart)] : [this];
    }

    private AttributionTask(AttributionTask task, string part)
    {
        // The layer of the options is one of the stack that sees the picture.
        (_method, Model, Input, Target, Options, Layout) = (task._method, task.Model, task.Input, task.Target, task.Options with { Layer = null }, task.Layout);
        (Part, Blocks, Stacks) = (part, BlocksOf(part), [this]);
    }

    /// <summary>The model.</summary>
    public HookedModel Model { get; }

    /// <summary>Its input. Borrowed.</summary>
    public ModelInput Input { get; }

    /// <summary>What is explained.</summary>
    public Target Target { get; }

    /// <summary>The options, checked.</summary>
    public AttributionOptions Options { get; }

    /// <summary>How tokens lie on the picture.</summary>
    public TokenLayout Layout { get; }

    /// <summary>The part of the model that sees the picture.</summary>
    public string Part { get; }

    /// <summary>Its number of blocks.</summary>
    public int Blocks { get; }

    /// <summary>
    /// The same question as each stack between the picture and the answer sees it, in forward order: the task alone, or before the one about
    /// the steps of an <see cref="IStepwiseVideo"/>.
    /// </summary>
    public IReadOnlyList<AttributionTask> Stacks { get; }

    /// <summary>Whether tokens are those of single time steps, steps on the batch axis.</summary>
    public bool IsStepwise => Stacks.Count > 1;

    /// <summary>Rows of the batch axis inside the stack for each example, and tokens of a row.</summary>
    public (int Rows, int Tokens) Shape => Model is not IStepwiseVideo video ? (1, Layout.Tokens)
        : Part == video.StepPart ? (Layout.Frames, 1 + Layout.Rows * Layout.Columns)
        : (1, 1 + Layout.Frames);

    /// <summary>Values of a stack's tokens [B·rows, tokens, …] as those of the layout's tokens, [B, tokens, …]: the same unless rows are time steps. The caller's scope disposes them.</summary>
    public Tensor OnGrid(Tensor values)
    {
        ArgumentNullException.ThrowIfNull(values);
        if (!IsStepwise || values.shape[1] != Shape.Tokens) return values;
        return values.narrow(1, 1, Shape.Tokens - 1).reshape([-1, Layout.Tokens, .. values.shape[2..]]);
    }

    /// <summary>The pictures [B, C, H, W], or a video model's clips in its own order of axes. Borrowed.</summary>
    /// <exception cref="NotApplicableException">No input is one of them.</exception>
    public Tensor Pixels => Input[Picture] is { } pixels && (pixels.dim() == 4 || Model is IVideoModel) ? pixels
        : throw NotApplicable("a clip was given to a model of single pictures");

    /// <summary>Values of the pixels, summed over channels and the pixels of each patch: [B, frames·rows·columns].</summary>
    public Tensor InPatches(Tensor values)
    {
        ArgumentNullException.ThrowIfNull(values);
        return PatchSums.Of(ChannelAxis(values) == 1 ? values : values.transpose(1, 2), Layout);
    }

    /// <summary>The axis of the colour channels.</summary>
    public int ChannelAxis(Tensor pixels)
    {
        ArgumentNullException.ThrowIfNull(pixels);
        return pixels.dim() == 5 && Model is IVideoModel { ClipOrder: ClipOrder.FramesFirst } ? 2 : 1;
    }

    /// <summary>The number of examples.</summary>
    public int Examples => (int)Input[Picture].shape[0];

    /// <summary>
    /// The token whose row of an attention map shows what the answer looked at; null where the answer is read from the mean over the grid.
    /// </summary>
    public int? ReadToken => Model is ILogitReadout readout && readout.ReadoutPart == Part ? readout.ReadToken
        : Layout.Prefix > 0 ? 0
        : null;

    private string Picture => _picture ??= FindPicture();

    /// <summary>A kind of place in a block of the part that sees the picture.</summary>
    /// <exception cref="NotApplicableException">The model has no such place.</exception>
    public HookSite Place(SiteKind kind, int layer)
    {
        ArgumentNullException.ThrowIfNull(kind);
        var site = kind[layer].In(Part);
        return Model.Points.Any(point => point.Site == site) ? site : throw NotApplicable($"{Model.Card.Name} has no {site}");
    }

    /// <summary>The block of the options, counted from the end where negative, or the method's own choice.</summary>
    public int Layer(int otherwise)
    {
        var asked = Options.Layer ?? otherwise;
        var layer = asked < 0 ? asked + Blocks : asked;
        return layer >= 0 && layer < Blocks ? layer : throw new OptionsException($"{_method}: there is no block {asked}; {Model.Card.Name} has {Blocks} (0 to {Blocks - 1}).");
    }

    /// <summary>The same input with other pictures.</summary>
    public ModelInput With(Tensor pixels)
    {
        var changed = new ModelInput();
        foreach (var (name, tensor) in Input) changed.Add(name, name == Picture ? pixels : tensor);
        return changed;
    }

    /// <summary>The error of a method that has nothing to say here.</summary>
    public NotApplicableException NotApplicable(string because) => new($"{_method} does not apply: {because}. Choose another method.");

    /// <summary>One target for each example, fixed by a pass on the unchanged pictures, with its value there.</summary>
    public IReadOnlyList<(Target Target, double Score)> Settle()
    {
        using var scope = NewDisposeScope();
        using var plain = Model.Run(Input, Target.Ask(HookPlan.Empty));
        var scores = Numbers.Of(Target.Of(plain));
        return [.. scores.Select((score, k) => (Target.Settle(plain, k), (double)score))];
    }

    /// <summary>The target's value for each picture, in passes of at most <see cref="AttributionOptions.Batch"/> pictures: [n].</summary>
    /// <param name="target">Settled for one example.</param>
    /// <param name="copies">The number of pictures.</param>
    /// <param name="make">Pictures [count, C, H, W] from the first index and a count; disposed here.</param>
    /// <param name="plan">What is changed inside the model in the pass over the same pictures; null: nothing.</param>
    public double[] Scores(Target target, int copies, Func<int, int, Tensor> make, Func<int, int, HookPlan>? plan = null)
    {
        ArgumentNullException.ThrowIfNull(target);
        ArgumentNullException.ThrowIfNull(make);
        var scores = new double[copies];
        for (var first = 0; first < copies; first += Options.Batch)
        {
            using var scope = NewDisposeScope();
            var count = Math.Min(Options.Batch, copies - first);
            using var recording = Model.Run(With(make(first, count)), target.Ask(plan?.Invoke(first, count) ?? HookPlan.Empty));
            var values = Numbers.Of(target.Of(recording));
            for (var k = 0; k < count; k++) scores[first + k] = values[k];
        }
        return scores;
    }

    /// <summary>Values at places and the gradients of the target by them, in one pass over the batch. The first place must come first in the model.</summary>
    public Differentiated Differentiate(params IReadOnlyList<HookSite> sites) => Differentiate(HookPlan.Empty, sites);

    /// <summary>The same under a plan whose edits change what gradients follow.</summary>
    public Differentiated Differentiate(HookPlan plan, params IReadOnlyList<HookSite> sites)
    {
        ArgumentNullException.ThrowIfNull(plan);
        ArgumentNullException.ThrowIfNull(sites);
        using var scope = NewDisposeScope();
        RefuseEarlierTarget(sites[0]);
        using var recording = Model.Run(Input, Target.AskForGradients(plan.WithGradients([.. sites])));
        using var graph = enable_grad();
        var score = Target.Of(recording);
        using var gradients = recording.Cache.Gradients(score.sum());
        return new Differentiated(
            [.. sites.Select(site => recording.Cache[site].detach().MoveToOuterDisposeScope())],
            [.. sites.Select(site => gradients[site].alias().MoveToOuterDisposeScope())],
            Scores(score), SettledNames(recording));
    }

    /// <summary>Pictures and the gradients of a target by their pixels, in one pass.</summary>
    /// <param name="pixels">[n, C, H, W]: the batch itself or changed copies.</param>
    /// <param name="target">The target.</param>
    public Differentiated DifferentiatePixels(Tensor pixels, Target target)
    {
        ArgumentNullException.ThrowIfNull(pixels);
        ArgumentNullException.ThrowIfNull(target);
        using var scope = NewDisposeScope();
        var leaf = pixels.detach().requires_grad_();
        using var recording = Model.Run(With(leaf), target.AskForGradients(HookPlan.Empty.WithInputGradients()));
        using var graph = enable_grad();
        var score = target.Of(recording);
        if (!score.requires_grad) throw NotApplicable($"'{target.Name}' does not depend on the pixels");
        var gradient = autograd.grad([score.sum()], [leaf])[0];
        return new Differentiated([leaf.detach().MoveToOuterDisposeScope()], [gradient.MoveToOuterDisposeScope()], Scores(score),
            SettledNames(recording, target));
    }

    /// <summary>Refuses a target that is read before the place it is to be differentiated by.</summary>
    public void RefuseEarlierTarget(HookSite site)
    {
        if (Target.ReadsAt is not { } read) return;
        int Order(HookSite wanted) => wanted.Among(Model.Points, point => point.Site) is [var found, ..] ? found.Order : int.MaxValue;
        if (Order(read) < Order(site))
            throw new OptionsException($"{_method}: '{Target.Name}' is read at {read}, before {site}, so it does not depend on it. Choose an earlier block with the layer option.");
    }

    private static double[] Scores(Tensor score) => [.. Numbers.Of(score).Select(value => (double)value)];

    private string[] SettledNames(Recording recording, Target? target = null) =>
        [.. Enumerable.Range(0, (int)recording.Main.shape[0]).Select(k => (target ?? Target).Settle(recording, k).Name)];

    private int BlocksOf(string part) => Model.Points.Where(point => point.Site.Path.Part == part).Max(point => point.Site.Path.Layer) + 1;

    private string FindPart()
    {
        var parts = Model.Points.Where(point => point.Kind == Site.ResidPre).Select(point => point.Site.Path.Part).Distinct().ToList();
        if (Options.Part is { } wanted)
            return parts.Contains(wanted) ? wanted : throw new OptionsException($"{Model.Card.Name} has no part '{wanted}'. Parts: {string.Join(", ", parts.Select(part => $"'{part}'"))}.");
        return parts.Count switch
        {
            0 => throw NotApplicable($"{Model.Card.Name} has no residual stream"),
            1 => parts[0],
            _ when parts.Contains("") => "",  // the model's own stack; parts beside it read what it made
            _ when parts.Contains(Core.Part.Vision) => Core.Part.Vision,
            _ when Model is IStepwiseVideo video => video.StepPart,
            _ => throw NotApplicable($"{Model.Card.Name} has the parts {string.Join(", ", parts)}, of which none sees the whole input"),
        };
    }

    private string FindPicture()
    {
        var pictures = Input.Where(input => input.Value.dim() is 4 or 5 && input.Value.is_floating_point()).Select(input => input.Key).ToList();
        return pictures.Count == 1 ? pictures[0]
            : throw NotApplicable($"{(pictures.Count == 0 ? "no input is" : "several inputs are")} a batch of pictures [B, C, H, W]");
    }
}
