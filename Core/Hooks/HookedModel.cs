using static TorchSharp.torch;

namespace Prisma.Core;

/// <summary>
/// A model whose every interesting place is on the data path and can be read or edited by a plan. Models are immutable once loaded and
/// can run on several threads at once.
/// </summary>
public abstract class HookedModel : Module
{
    private IReadOnlyList<HookPoint>? _points;

    /// <summary>What the model is: family, name, configuration, labels.</summary>
    public ModelCard Card { get; internal set; } = ModelCard.Unnamed;

    /// <summary>Where the weights lie; the CPU for a model without any.</summary>
    public Device Device => Weights.Select(named => named.Weight.Value.device).FirstOrDefault() ?? CPU;

    /// <summary>Every place, in forward order.</summary>
    public IReadOnlyList<HookPoint> Points => _points ??= Bind();

    /// <summary>The inputs it takes, by the reference's argument names; the first is the one an unnamed tensor goes to.</summary>
    public abstract IReadOnlyList<string> InputNames { get; }

    /// <summary>How the tokens lie on the picture; null where they have none.</summary>
    public TokenLayout? LayoutOf(ModelInput input)
    {
        using var scope = NewDisposeScope();
        return Layout(input.For(this));
    }

    /// <summary>
    /// How the cells of a place lie on the picture. Where the place's values are pictures of channels, [B, C, h, w], one example runs up to it to
    /// tell; elsewhere it is <see cref="LayoutOf"/>.
    /// </summary>
    /// <exception cref="SiteNotFoundException">The model lacks the place.</exception>
    public TokenLayout? LayoutAt(HookSite site, ModelInput input)
    {
        if (!site.Kind.IsChannelFirst) return LayoutOf(input);
        using var scope = NewDisposeScope();
        var one = new ModelInput();
        foreach (var (name, tensor) in input) one.Add(name, tensor.ndim > 0 && tensor.shape[0] > 1 ? tensor.narrow(0, 0, 1) : tensor);
        using var recording = Run(one, HookPlan.Empty.Keep(site).StopAfter(site));
        var cells = recording.Cache[site].shape;
        var seen = one.First(pair => pair.Value.ndim == 4).Value.shape;
        return new TokenLayout(0, 1, (int)cells[2], (int)cells[3], (int)Math.Max(1, seen[2] / cells[2]), (int)Math.Max(1, seen[3] / cells[3]));
    }

    /// <summary>The places whose names fit one of the patterns (<c>*</c> crosses dots), in forward order. Borders only.</summary>
    /// <exception cref="SiteNotFoundException">A pattern fits none; the message names the nearest.</exception>
    public IReadOnlyList<HookSite> Find(params IEnumerable<string> globs) =>
        [.. globs.SelectMany(glob => Selector.Of(glob).Find(Points, Card.Name)).Distinct().OrderBy(point => point.Order).Select(point => point.Site)];

    /// <summary>The modules of a kind in the blocks of a part, with their block, in forward order: the attention of every block.</summary>
    /// <param name="part">The part; empty for all.</param>
    /// <param name="exact">Whether the empty name means the part without a name instead.</param>
    public IReadOnlyList<(int Layer, T Module)> InBlocks<T>(string part = "", bool exact = false) where T : Module =>
        [.. Placed(new SitePath("", SitePath.NoLayer)).Where(item => item.Path.Layer >= 0 && ((part.Length == 0 && !exact) || item.Path.Part == part) && item.Module is T)
            .Select(item => (item.Path.Layer, (T)item.Module))];

    /// <summary>The main output of a plain pass, without gradients. The caller (or its scope) disposes it.</summary>
    public Tensor Run(ModelInput input)
    {
        using var recording = Run(input, HookPlan.Empty);
        return recording.Main.alias();
    }

    /// <summary>A pass under a plan; inputs are brought to the weights' device. The plan is checked against <see cref="Points"/> before any work. Dispose the recording.</summary>
    /// <exception cref="SiteNotFoundException">The plan names a place that this model lacks.</exception>
    /// <exception cref="ShapeException">The input does not fit, or an edit changed a shape.</exception>
    public Recording Run(ModelInput input, HookPlan plan)
    {
        var run = plan.Resolve(Points, Card.Name);
        if (input.Memory is not null && !TakesMemory) throw new OptionsException($"{Card.Name} keeps no memory of earlier tokens; only causal language models do.");
        using var scope = NewDisposeScope();
        var named = input.For(this);
        using var mode = set_grad_enabled(run.RecordsGraph || run.Trains);
        try
        {
            ModelOutput output;
            try
            {
                output = Forward(named, run);
                output.Detach();
            }
            catch (StopRun)
            {
                output = ModelOutput.Stopped;
            }
            return new Recording(output, new ActivationCache(run.Kept));
        }
        catch
        {
            foreach (var kept in run.Kept) kept.Value.Dispose();
            throw;
        }
    }

    /// <summary>Whether a rewriting of weights leaves what this model computes as it is. Centring the head needs logits that only a softmax reads.</summary>
    protected internal virtual bool Allows(ProcessingStep step) => step != ProcessingStep.CenterUnembed;

    /// <summary>Whether the model can go on from the keys and values of earlier tokens, see <see cref="ModelInput.Memory"/>.</summary>
    protected virtual bool TakesMemory => false;

    /// <summary>How the tokens lie on the picture of this input; null where they have none.</summary>
    protected abstract TokenLayout? Layout(ModelInput input);

    /// <summary>The forward pass; every value of interest goes through a <see cref="HookPoint"/>.</summary>
    protected abstract ModelOutput Forward(ModelInput input, HookRun run);

    private List<HookPoint> Bind()
    {
        var points = new List<HookPoint>();
        CollectPoints(points, new SitePath("", SitePath.NoLayer));
        for (var k = 0; k < points.Count; k++) points[k].Order = k;
        return points;
    }
}
